"""Where a finding stands once levels and waivers are counted in, and the decision in one line."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from audits.verdict import Outcome
from governance.gate.decision import Decision, Finding
from governance.gate.waivers import WaiverState


class Standing(StrEnum):
    """What a finding means for shipping, the worst first."""

    FAILED = "failed"
    UNDECIDED = "undecided"
    WAIVED = "waived"
    WARNED = "warning"
    MET = "met"


MARKS: Final = {
    Standing.FAILED: "✗",
    Standing.UNDECIDED: "?",
    Standing.WAIVED: "~",
    Standing.WARNED: "!",
    Standing.MET: "✓",
}
EXITS: Final = {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.INCONCLUSIVE: 3}
"""Exit codes of a command that decides. 2 is usage or configuration, 4 an internal or data error; 0 never stands for
missing data."""

_OUTCOMES = {
    Outcome.PASS: "may ship",
    Outcome.FAIL: "may not ship",
    Outcome.INCONCLUSIVE: "may not ship, because the evidence does not decide",
}


def standing(finding: Finding) -> Standing:
    """Where a finding stands."""
    if finding.verdict == Outcome.PASS:
        return Standing.MET
    if finding.waived_by is not None and not finding.blocks:
        return Standing.WAIVED
    if not finding.blocks:
        return Standing.WARNED
    # What was recorded before findings said so has only its verdict.
    return Standing.FAILED if finding.fails or finding.verdict == Outcome.FAIL else Standing.UNDECIDED


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """By standing; what is met by the room it has left, the rest as the decision has it."""
    return sorted(findings, key=_badness)


def counts(decision: Decision) -> dict[Standing, int]:
    """How many findings stand where; every standing is named."""
    found = [standing(finding) for finding in decision.findings]
    return {each: found.count(each) for each in Standing}


def summary_line(decision: Decision) -> str:
    """The decision in one line: outcome, counts, waivers. Waivers are always told, also where there are none."""
    found = counts(decision)
    parts = [
        f"{found[Standing.FAILED]} failed",
        f"{found[Standing.UNDECIDED]} undecided",
        _several(found[Standing.WARNED], "warning"),
        f"{found[Standing.MET]} met",
        waivers_in_words(decision),
    ]
    if decision.not_applicable:
        parts.append(f"{_several(len(decision.not_applicable), 'rule')} not applicable")
    return f"Gate: {decision.outcome}, {_OUTCOMES[decision.outcome]}. {', '.join(parts)}."


def waivers_in_words(decision: Decision) -> str:
    """How many waivers there are and how many of them let something ship."""
    total, used = len(decision.waivers), sum(each.state is WaiverState.USED for each in decision.waivers)
    if not total:
        return "no waivers"
    return _several(total, "waiver") + (f" ({used} used)" if used else " (none used)")


def name_of(finding: Finding) -> str:
    """The rule, and what it was asked of."""
    return f"{finding.rule} ({finding.about})"


def _badness(finding: Finding) -> tuple[int, float]:
    stands = standing(finding)
    room = abs((finding.value or 0.0) - finding.limit) if stands is Standing.MET else 0.0
    return list(Standing).index(stands), room


def _several(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
