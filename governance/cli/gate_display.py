"""How the gate's decision is shown on a terminal."""

from typing import Final

from rich.text import Text

from audits.verdict import Outcome
from governance.cli.display import stdout
from governance.gate.decision import Decision, Finding
from governance.ledger.published import printable

COLOURS: Final = {Outcome.PASS: "green", Outcome.FAIL: "red", Outcome.INCONCLUSIVE: "yellow"}
_MARKS: Final = {Outcome.PASS: "✓", Outcome.FAIL: "✗", Outcome.INCONCLUSIVE: "?"}


def show(decision: Decision, *, all_findings: bool = True) -> None:
    """Print the outcome and the findings, the worst first; without ``all_findings`` those that block only."""
    colour = COLOURS[decision.outcome]
    stdout.print(f"The gate's decision: [bold {colour}]{decision.outcome}[/]{_waived(decision)}")
    for finding in decision.findings if all_findings else decision.reasons:
        _line(finding)
    for sentence in decision.not_applicable:
        stdout.print(f"  – not applicable: {printable(sentence)}", markup=False)
    for waiver in decision.waivers:
        words = (
            f"  – waiver {waiver.waiver} from {waiver.rule} ({waiver.about}): {waiver.state}; "
            f"until {waiver.expires_on}, approved by {waiver.approver} for {waiver.owner}"
        )
        stdout.print(printable(words), markup=False)


def _line(finding: Finding) -> None:
    colour, mark = COLOURS[finding.verdict], _MARKS[finding.verdict]
    if finding.waived_by is not None:
        colour, mark = "magenta", "w"
    head = Text.assemble("  ", (mark, colour), " ", (printable(finding.rule), "bold"), f" ({finding.level}): ")
    stdout.print(head, end="")
    stdout.print(printable(finding.sentence), markup=False)


def _waived(decision: Decision) -> str:
    if not decision.waivers:
        return ""
    waived = sum(finding.waived_by is not None for finding in decision.findings)
    return f", with {waived} of {len(decision.findings)} findings waived ({len(decision.waivers)} waivers granted)"
