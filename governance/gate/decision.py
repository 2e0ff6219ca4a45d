"""The decision: a fairness policy against a report. Pure; the same inputs give the same answer.

Evidence that is missing, undefined, too thin or about unknown titles never passes a rule.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from audits.report import Measurement, Report
from audits.verdict import Limits, Outcome, judge
from governance.gate.sentences import figure_sentence, limit_in_words, subject_of
from governance.policy.rules import Comparison, FairnessPolicy, FairnessRule, Level

UNKNOWN = "unknown"
"""Name under which reports hold titles without a category; they can satisfy no rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule says about one figure.

    Attributes:
        about: what was measured: "origin = european", "all titles", "age = old".
        value: the figure as the comparison reads it: a ratio, a difference, or the metric itself; None where there is
            none.
        limit: the limit nearest to it, in the same unit.
        blocks: whether this finding alone keeps the model from shipping.
        metric: slug of the metric; empty where the finding is about the audit as a whole.
        comparison: the rule's, or None likewise.
        n: subjects the figure rests on.
        detectable: smallest true distance from the limit that an audit like this one would decide.
        n_to_decide: about how many subjects would decide what is inconclusive; None where it is decided, or where no
            number would.
        line: the rule's line in the policy file, or None where the policy was not read from one.
        waived_by: id of the waiver that lets the model ship although the rule was not met, or None. The verdict stays
            what it is.
    """

    rule: str
    level: Level
    verdict: Outcome
    about: str
    value: float | None
    low: float | None
    high: float | None
    limit: float
    blocks: bool
    sentence: str
    metric: str = ""
    comparison: Comparison | None = None
    n: int | None = None
    detectable: float | None = None
    n_to_decide: int | None = None
    line: int | None = None
    waived_by: str | None = None


class WaiverState(StrEnum):
    """What became of a waiver in one decision."""

    USED = "used"
    UNUSED = "unused"
    EXCEEDED = "exceeded"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedWaiver:
    """One exception as the policy grants it, and what became of it.

    Attributes:
        waiver: its id.
        rule: id of the rule that it excepts from.
        about: for what: "origin = european", "each genre", "all titles".
        worst_value: the worst figure that is tolerated, in the unit of the rule's limit.
        expires_on: last day on which it holds, ISO 8601.
        line: its line in the file that grants it.
    """

    waiver: str
    rule: str
    about: str
    worst_value: float
    owner: str
    author: str
    approver: str
    reason: str
    expires_on: str
    state: WaiverState
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Ship (``pass``) or not.

    Every finding, the worst first; the rules that could not apply, with the reason; every waiver, used or not; and
    what limits the figures.
    """

    outcome: Outcome
    findings: tuple[Finding, ...]
    not_applicable: tuple[str, ...]
    waivers: tuple[AppliedWaiver, ...] = ()
    caveats: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[Finding, ...]:
        """The findings that keep the model from shipping."""
        return tuple(finding for finding in self.findings if finding.blocks)


def decide(policy: FairnessPolicy, report: Report) -> Decision:
    """Apply every rule of the policy to the report.

    Guarantees:
      - ``pass`` only if every rule at level ``error`` that applies was met by a whole simultaneous interval (or is
        inconclusive and says ``when_inconclusive: warn``), and at least one was
      - ``fail`` if one is missed, lacks its evidence, or rests on too many titles of unknown category
      - otherwise ``inconclusive``
      - raising a floor, lowering a ceiling or widening an interval never turns another outcome into ``pass``
    """
    rules = [rule for rule in policy.rules if rule.level != "off"]
    absent = [rule for rule in rules if rule.when_absent == "not_applicable" and not _measurable(rule, report)]
    applied = [rule for rule in rules if rule not in absent]
    findings = [finding for rule in applied for finding in _findings(rule, report, policy)]
    findings += [_wrong_settings(rule, report, policy) for rule in applied[:1] if _differs(report, policy)]
    return Decision(
        outcome=_outcome(findings),
        findings=tuple(sorted(findings, key=_severity)),
        not_applicable=tuple(f"{rule.id}: the catalogue has no {rule.attribute} to measure by." for rule in absent),
    )


def _outcome(findings: Sequence[Finding]) -> Outcome:
    blocking = [finding.verdict for finding in findings if finding.blocks]
    if Outcome.FAIL in blocking:
        return Outcome.FAIL
    decided = any(finding.level == "error" and finding.verdict == Outcome.PASS for finding in findings)
    # Nothing may ship because nothing was asked: without one met requirement there is no evidence.
    return Outcome.INCONCLUSIVE if blocking or not decided else Outcome.PASS


def _findings(rule: FairnessRule, report: Report, policy: FairnessPolicy) -> Iterator[Finding]:
    unknown = next((row.exposure for row in report.unknown_labels if row.attribute == rule.attribute), 0.0)
    if not unknown <= policy.max_unknown_share:
        why = (
            f"{unknown:.1%} of the attention falls on titles whose {rule.attribute} is unknown; "
            f"above {policy.max_unknown_share:.1%} the audit is no evidence."
        )
        yield _refusal(rule, subject_of(rule.attribute, rule.category), why)
        return
    measured = _measured(rule, report)
    if not measured:
        where = subject_of(rule.attribute, rule.category)
        yield _refusal(rule, where, f"The report has no {rule.metric} for {where}, so the rule cannot be met.")
    for measurement in measured:
        yield _judged(rule, measurement, report)


def _measured(rule: FairnessRule, report: Report) -> list[Measurement]:
    found = [
        each
        for each in report.measurements
        if (each.metric, each.attribute, each.group) == (rule.metric, rule.attribute, None)
        and rule.category in (None, each.category)
        and each.category != UNKNOWN
    ]
    if rule.attribute is None or rule.category is not None:
        return found
    return [each for each in found if _catalogue_share(report, each) >= rule.min_catalogue_share]


def _measurable(rule: FairnessRule, report: Report) -> bool:
    """Whether the catalogue has what the rule is about.

    A metric that was merely not run is missing evidence, not absence.
    """
    return rule.attribute is None or any(row.attribute == rule.attribute for row in report.unknown_labels)


def _catalogue_share(report: Report, measurement: Measurement) -> float:
    shares = report.select("exposure_share", attribute=measurement.attribute, category=measurement.category)
    # A category whose size the report does not tell is judged: leaving it out would be the lenient reading.
    return next((each.target for each in shares if each.target is not None), math.inf)


def _judged(rule: FairnessRule, measurement: Measurement, report: Report) -> Finding:
    about = subject_of(measurement.attribute, measurement.category)
    figures = (measurement.value, measurement.low, measurement.high)
    if any(figure is None or math.isnan(figure) for figure in figures):
        reason = measurement.undefined or "not a number"
        return _refusal(
            rule, about, f"The {rule.metric} of {about} is undefined ({reason}), so the rule cannot be met."
        )
    if measurement.n < rule.min_subjects:
        why = f"The {rule.metric} of {about} rests on {measurement.n} subjects; the rule asks for {rule.min_subjects}."
        return _refusal(rule, about, why)
    limits = Limits(floor=rule.limit) if rule.comparison == "at_least" else Limits(ceiling=rule.limit)
    found = judge(measurement, limits, critical_value=report.critical_value)
    return Finding(
        rule=rule.id,
        level=rule.level,
        verdict=found.outcome,
        about=about,
        value=measurement.value,
        low=measurement.low,
        high=measurement.high,
        limit=rule.limit,
        blocks=_blocks(rule, found.outcome),
        sentence=figure_sentence(rule, measurement, found.outcome, level=report.level),
        metric=rule.metric,
        comparison=rule.comparison,
        n=measurement.n,
        detectable=found.detectable,
        n_to_decide=found.n_to_decide,
    )


def _blocks(rule: FairnessRule, verdict: Outcome) -> bool:
    tolerated = verdict == Outcome.INCONCLUSIVE and rule.when_inconclusive == "warn"
    return rule.level == "error" and verdict != Outcome.PASS and not tolerated


def _refusal(rule: FairnessRule, about: str, sentence: str) -> Finding:
    """The finding of a rule without usable evidence: it is failed, never passed over."""
    return Finding(
        rule=rule.id,
        level=rule.level,
        verdict=Outcome.FAIL,
        about=about,
        value=None,
        low=None,
        high=None,
        limit=rule.limit,
        blocks=rule.level == "error",
        sentence=f"{sentence} The policy asks for {limit_in_words(rule)}.",
        metric=rule.metric,
        comparison=rule.comparison,
    )


def _differs(report: Report, policy: FairnessPolicy) -> bool:
    return (
        report.k != policy.list_length
        or report.attention != policy.attention
        or report.level < policy.confidence
        or report.replicates < policy.replicates
    )


def _wrong_settings(rule: FairnessRule, report: Report, policy: FairnessPolicy) -> Finding:
    """An audit made in another way than the policy says answers another question."""
    return Finding(
        rule="audit-settings",
        level="error",
        verdict=Outcome.FAIL,
        about="the audit",
        value=None,
        low=None,
        high=None,
        limit=rule.limit,
        blocks=True,
        sentence=(
            f"The audit was made with lists of {report.k}, {report.attention} attention, {report.replicates} resamples "
            f"at {report.level:.0%}; the policy asks for {policy.list_length}, {policy.attention}, {policy.replicates} "
            f"at {policy.confidence:.0%}."
        ),
    )


def _severity(finding: Finding) -> tuple[bool, int, float]:
    order = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)
    room = 0.0 if finding.value is None else abs(finding.value - finding.limit)
    return not finding.blocks, order.index(finding.verdict), -room
