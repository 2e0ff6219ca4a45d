"""The audit's page with the decision in front: checks, waivers, intervals against limits, and what it rests on."""

from audits.ruling import Check, Exempted, Ruling
from governance.gate.decision import Finding
from governance.gate.outputs.decided import Decided, finite
from governance.gate.outputs.plain_text import steadied
from governance.gate.outputs.standing import standing, summary_line, worst_first
from governance.gate.sentences import limit_in_words
from governance.gate.waivers import AppliedWaiver
from governance.policy.rules import FairnessRule


def render(decided: Decided) -> bytes:
    """One HTML file: offline, without script."""
    from audits.html import render as render_report  # brings its templates along, which other formats do not need

    page = render_report(decided.report, title=decided.title, ruling=ruling(decided))
    return steadied(page).encode(errors="replace")


def ruling(decided: Decided) -> Ruling:
    """The decision in the words of the audit's page."""
    decision = decided.decision
    return Ruling(
        outcome=decision.outcome.value,
        summary=summary_line(decision),
        checks=tuple(_check(decided, each) for each in worst_first(decision.findings)),
        exceptions=tuple(_exempted(each) for each in decision.waivers),
        not_applicable=decision.not_applicable,
        origins=_origins(decided),
    )


def _check(decided: Decided, finding: Finding) -> Check:
    rule = decided.source.find_rule(finding.rule)
    return Check(
        rule=finding.rule,
        about=finding.about,
        standing=standing(finding).value,
        sentence=finding.sentence,
        value=finite(finding.value),
        low=finite(finding.low),
        high=finite(finding.high),
        limits=_limits(finding, rule),
        asks="" if rule is None else f"The policy asks for {limit_in_words(rule)}.",
        rationale="" if rule is None else rule.rationale.strip(),
        approved_by="" if rule is None else rule.approved_by,
    )


def _limits(finding: Finding, rule: FairnessRule | None) -> tuple[float, ...]:
    bounds = (finding.limit, None) if rule is None else rule.bounds
    return tuple(bound for bound in bounds if finite(bound) is not None and bound is not None)


def _exempted(waiver: AppliedWaiver) -> Exempted:
    return Exempted(
        name=waiver.waiver,
        about=f"{waiver.rule} ({waiver.about})",
        state=str(waiver.state),
        owner=waiver.owner,
        approver=waiver.approver,
        reason=waiver.reason,
        expires_on=waiver.expires_on,
    )


def _origins(decided: Decided) -> tuple[tuple[str, str], ...]:
    named = (
        ("Report, SHA-256", decided.report_sha256),
        ("Policy", decided.source.path),
        ("Policy, SHA-256", decided.source.sha256),
        *((f"{name.capitalize()}, SHA-256", digest) for name, digest in decided.decision.rests_on),
        ("Decided by", f"Probity {decided.version}".strip()),
        ("Again", decided.command),
    )
    return tuple((name, value) for name, value in named if value)
