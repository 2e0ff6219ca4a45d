"""The decision: a fairness policy against a report. Pure; the same inputs give the same answer.

Evidence that is missing, undefined, too thin or about unknown titles never passes a rule.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from audits.group_sizes import GroupSize
from audits.groupings import CROSSED
from audits.metrics import privacy_leak
from audits.report import Report
from audits.verdict import Outcome, Verdict
from governance.gate.judging import judge_within
from governance.gate.matching import (
    Figure,
    division,
    figures,
    places,
    too_few_for,
    unknown_share,
    why_absent,
    without_group,
)
from governance.gate.sentences import asked_of, attack_sentence, figure_sentence, limit_in_words, subject_of
from governance.gate.waivers import AppliedWaiver, Excepted, WaiverState, applied_waiver, excepted, excepted_words
from governance.policy.comparisons import Comparison
from governance.policy.rules import FairnessPolicy, FairnessRule, Level, attention_of, metric_of
from governance.policy.waivers import Waiver

_SHOWN = 3
_NEEDS = {
    "attributes": "the categories of items",
    "relevance": "what subjects chose (relevance)",
    "history": "what subjects chose before (history)",
    "popularity": "the popularity of items",
    "groups": "groups of subjects",
    "profile": "what subjects chose (history or relevance)",
    "attack": "the result of an attack on the model",
    "inference": "what inferring membership found",
    "artwork": "the report of an audit of artwork",
    "artwork with a cast": "the report of an audit of artwork with a cast",
    "artwork with probes": "the report of an audit of artwork with probes",
    "artwork with chances": "the report of an audit of artwork that knows chances (propensities or probes)",
}
"""What a metric reads besides lists, by the word of its ``needs``."""


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
        floor: what the figure has to reach, or None; in the unit of ``limit``.
        ceiling: what it may reach, or None.
        fails: whether it makes the decision a failure: the rule was missed, or is undecided and says that this fails.
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
    floor: float | None = None
    ceiling: float | None = None
    fails: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Ship (``pass``) or not.

    Every finding, the worst first; the rules that could not apply, with the reason; every waiver, used or not; what
    limits the figures; and what was read besides policy and report, each with the SHA-256 (hex) of its bytes.
    """

    outcome: Outcome
    findings: tuple[Finding, ...]
    not_applicable: tuple[str, ...]
    waivers: tuple[AppliedWaiver, ...] = ()
    caveats: tuple[str, ...] = ()
    rests_on: tuple[tuple[str, str], ...] = ()

    @property
    def reasons(self) -> tuple[Finding, ...]:
        """The findings that keep the model from shipping."""
        return tuple(finding for finding in self.findings if finding.blocks)


def decide(
    policy: FairnessPolicy,
    report: Report,
    *,
    today: date | None = None,
    waivers: Sequence[Waiver] = (),
    caveats: Sequence[str] = (),
) -> Decision:
    """Apply every rule of the policy to the report.

    ``waivers`` are granted beside the policy's own; on which day they hold is ``today``, and without a day none does.
    ``caveats`` are said besides the report's.

    Guarantees:
      - ``pass`` only if every rule at level ``error`` that applies was met by a whole simultaneous interval, or is
        waived by one, or is inconclusive and says ``when_inconclusive: warn``; and at least one was met or waived
      - ``fail`` if one is missed, or undecided where it says ``when_inconclusive: fail``
      - otherwise ``inconclusive``: so too where evidence is missing, undefined, too thin, made by other settings or
        about too many titles of unknown category or subjects of unknown group, or lacks a group that the rule is asked
        of because it is too small, whoever waives it
      - raising a floor, lowering a ceiling, widening an interval or adding an expired waiver never turns another
        outcome into ``pass``
    """
    case = _Case(
        policy=policy,
        report=report,
        granted=(*policy.waivers, *waivers),
        today=today,
        ungrouped=without_group(report),
    )
    rules = [rule for rule in policy.rules if rule.level != "off"]
    absent = {rule.id: why for rule in rules if (why := why_absent(rule, report)) is not None}
    left_out = [rule for rule in rules if rule.id in absent and rule.when_absent == "not_applicable"]
    applied = [rule for rule in rules if rule not in left_out]
    found = [each for rule in applied for each in _findings(rule, case, absent.get(rule.id))]
    findings = [*_wrong_settings(report, policy), *(finding for finding, _ in found)]
    met = [each for _, exceptions in found for each in exceptions]
    return Decision(
        outcome=_outcome(findings),
        findings=tuple(sorted(findings, key=_severity)),
        not_applicable=tuple(f"{rule.id}: {absent[rule.id]}." for rule in left_out),
        waivers=tuple(applied_waiver(each, rules, met, today) for each in case.granted),
        caveats=(*report.caveats, *caveats),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What every rule is held to."""

    policy: FairnessPolicy
    report: Report
    granted: tuple[Waiver, ...]
    today: date | None
    ungrouped: Mapping[str, float]


_Found = tuple[Finding, tuple[Excepted, ...]]
"""What a rule says about one figure, and the waivers that are about it."""


def _outcome(findings: Sequence[Finding]) -> Outcome:
    if any(finding.fails for finding in findings):
        return Outcome.FAIL
    settled = any(
        finding.level == "error" and (finding.verdict == Outcome.PASS or finding.waived_by is not None)
        for finding in findings
    )
    # Nothing may ship because nothing was asked: without one met requirement there is no evidence.
    blocked = any(finding.blocks for finding in findings)
    return Outcome.INCONCLUSIVE if blocked or not settled else Outcome.PASS


def _findings(rule: FairnessRule, case: _Case, absent: str | None) -> Iterator[_Found]:
    if absent is not None:
        yield _refusal(rule, asked_of(rule), f"{absent[:1].upper()}{absent[1:]}.", Outcome.FAIL), ()
        return
    (unknown, part), most = unknown_share(rule, case.report), case.policy.max_unknown_share
    if not unknown <= most:
        why = (
            f"{unknown:.1%} of {part} titles whose {rule.attribute} is unknown; "
            f"above {most:.1%} the audit is no evidence."
        )
        yield _refusal(rule, asked_of(rule), why), ()
        return
    found = figures(rule, case.report)
    small = too_few_for(rule, case.report)
    if not found and not small:
        yield _refusal(rule, asked_of(rule), f"The report has no {_what(rule)}{_instead(rule, case.report)}."), ()
    for figure in found:
        missing = figure.missing or (None if rule.stated else _left_out(figure, case))
        if missing is None:
            yield _judged(rule, figure, case)
        else:
            about = subject_of(figure.measured.attribute, figure.measured.category, figure.measured.group)
            yield _refusal(rule, about, f"The {rule.metric} of {about} {missing}."), ()
    told = {figure.measured.group for figure in found if figure.missing}
    yield from ((_of_few(rule, each), ()) for each in small if each.group not in told)


def _of_few(rule: FairnessRule, size: GroupSize) -> Finding:
    """What a rule says about a group that is too small to be measured, or was measured together with such a one."""
    about = subject_of(rule.attribute, rule.category, size.group)
    if size.subjects >= rule.min_subjects:
        return _refusal(rule, about, f"The {rule.metric} of {about} is measured together with other small groups only.")
    has = f"{size.group} has too few subjects with a list, {size.subjects} where the rule asks for {rule.min_subjects}"
    return _refusal(rule, about, f"No {rule.metric} of {about}: {has}.")


def _left_out(figure: Figure, case: _Case) -> str | None:
    """Why a figure of a group is no evidence: too many subjects belong to none. None where that is not so."""
    group = figure.measured.group
    # Who lacks one of the crossed attributes is in no cell of an intersection.
    crossed = () if group is None else division(group).split(CROSSED)
    without = sum(case.ungrouped.get(each, 0.0) for each in crossed)
    if without <= case.policy.max_unknown_share:
        return None
    return f"leaves out {without:.1%} of the subjects, whose group is unknown"


def _judged(rule: FairnessRule, figure: Figure, case: _Case) -> _Found:
    report = case.report
    # What is stated has intervals of its own: the factor of this report's says nothing about them.
    factor = 0.0 if rule.stated else report.critical_value
    verdict = _deciding(judge_within(rule.bounds, figure.read, factor))
    exceptions: tuple[Excepted, ...] = ()
    if verdict.outcome != Outcome.PASS:
        exceptions = excepted(rule, figure, case.granted, critical_value=factor, today=case.today)
    waiver = next((each.waiver for each in exceptions if each.state == WaiverState.USED), None)
    read, measured = figure.read, figure.measured
    blocks = _blocks(rule, verdict.outcome) and waiver is None
    floor, ceiling = rule.bounds
    finding = Finding(
        rule=rule.id,
        level=rule.level,
        verdict=verdict.outcome,
        about=subject_of(measured.attribute, measured.category, measured.group),
        value=read.value,
        low=read.low,
        high=read.high,
        limit=verdict.nearest_limit or 0.0,
        blocks=blocks,
        sentence=" ".join([_said(rule, figure, verdict, report), *(excepted_words(rule, each) for each in exceptions)]),
        metric=rule.metric,
        comparison=rule.comparison,
        n=read.n,
        detectable=verdict.detectable,
        n_to_decide=verdict.n_to_decide,
        line=rule.line,
        waived_by=None if waiver is None else waiver.id,
        floor=floor,
        ceiling=ceiling,
        fails=blocks and _fails(rule, verdict.outcome),
    )
    return finding, exceptions


def _said(rule: FairnessRule, figure: Figure, verdict: Verdict, report: Report) -> str:
    if rule.metric == privacy_leak.METRIC.slug and report.attack is not None:
        return attack_sentence(rule, report.attack)
    return figure_sentence(rule, figure, verdict, level=report.level)


def _deciding(verdict: Verdict) -> Verdict:
    """The verdict without a number of subjects that this audit had already: where nobody differs it is no estimate."""
    wanted = verdict.n_to_decide
    return verdict if wanted is None or wanted > verdict.n else replace(verdict, n_to_decide=None)


def _blocks(rule: FairnessRule, verdict: Outcome) -> bool:
    tolerated = verdict == Outcome.INCONCLUSIVE and rule.when_inconclusive == "warn"
    return rule.level == "error" and verdict != Outcome.PASS and not tolerated


def _fails(rule: FairnessRule, verdict: Outcome) -> bool:
    """Whether what blocks is a failure, not merely undecided."""
    return verdict == Outcome.FAIL or rule.when_inconclusive == "fail"


def _refusal(rule: FairnessRule, about: str, sentence: str, verdict: Outcome = Outcome.INCONCLUSIVE) -> Finding:
    """The finding of a rule without usable evidence: nothing tolerates or waives it, and it is never passed over."""
    floor, ceiling = rule.bounds
    return Finding(
        rule=rule.id,
        level=rule.level,
        verdict=verdict,
        about=about,
        value=None,
        low=None,
        high=None,
        limit=next(bound for bound in (floor, ceiling) if bound is not None),
        blocks=rule.level == "error",
        sentence=f"{sentence} The policy asks for {limit_in_words(rule)}.",
        metric=rule.metric,
        comparison=rule.comparison,
        line=rule.line,
        floor=floor,
        ceiling=ceiling,
        fails=rule.level == "error" and _fails(rule, verdict),
    )


def _what(rule: FairnessRule) -> str:
    difference = " against a baseline" if rule.comparison == "no_regression" or rule.against == "baseline" else ""
    return f"{rule.metric} of {asked_of(rule)}{difference}"


def _instead(rule: FairnessRule, report: Report) -> str:
    """What the report has of the metric, so that a slip in the policy is seen, or what it would take to have it."""
    needs = sorted(metric_of(rule.metric).needs)
    if not any(each.metric == rule.metric for each in report.measurements):
        return f"; measuring it takes {', '.join(_NEEDS[need] for need in needs)}" if needs else ""
    has = [subject_of(each.attribute, each.category, each.group) for each in places(rule, report)]
    shown = ", ".join(list(dict.fromkeys(has))[:_SHOWN])
    return f"; it has that of {shown}{' and others' if len(set(has)) > _SHOWN else ''}" if has else ""


def _differs(report: Report, policy: FairnessPolicy) -> bool:
    asked = attention_of(policy.attention)
    return (
        report.k != policy.list_length
        or report.attention != asked.text
        or report.attention_formula != asked.description
        or report.level < policy.confidence
        or report.replicates < policy.replicates
        or report.seed != policy.seed
    )


def _wrong_settings(report: Report, policy: FairnessPolicy) -> Iterator[Finding]:
    """An audit made in another way than the policy says answers another question."""
    if not _differs(report, policy):
        return
    yield Finding(
        rule="audit-settings",
        level="error",
        verdict=Outcome.INCONCLUSIVE,
        about="the audit",
        value=None,
        low=None,
        high=None,
        limit=float(policy.list_length),
        blocks=True,
        sentence=(
            f"The audit was made with lists of {report.k}, {report.attention} attention, {report.replicates} resamples "
            f"at {report.level:.0%} from seed {report.seed}; the policy asks for {policy.list_length}, "
            f"{policy.attention}, {policy.replicates} at {policy.confidence:.0%} from {policy.seed}."
        ),
    )


def _severity(finding: Finding) -> tuple[bool, int, bool, float]:
    """Worst first: what blocks, then by verdict; what lacks evidence before what has room."""
    order = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)
    room = 0.0 if finding.value is None else abs(finding.value - finding.limit)
    return not finding.blocks, order.index(finding.verdict), finding.value is not None, -room
