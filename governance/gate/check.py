"""Anybody's lists against a policy: one audit and one decision, with no home, database or model. Pure.

Example:
    >>> checked = check(given, load(Path("policies/fairness.yaml"), FairnessPolicy).value, today=date(2026, 11, 26))
    >>> checked.decision.outcome, [finding.sentence for finding in checked.decision.reasons]
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from audits.configuration import AuditConfig
from audits.report import Report
from audits.run import possible_metrics, run
from audits.tables import AuditInput, Membership
from governance.gate.baseline import CAVEAT, against_report
from governance.gate.decision import Decision, decide
from governance.gate.divisions import with_divisions
from governance.gate.gaps import gaps, has_shorter_baseline, ungrouped
from governance.policy.rules import FairnessPolicy, attention_of
from governance.policy.waivers import Waiver

UNREGISTERED = "not registered"
"""What reports name as the model of lists that somebody brought, unless an attack beside them names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was measured and what the gate says of it."""

    report: Report
    decision: Decision


def check(
    given: AuditInput,
    policy: FairnessPolicy,
    *,
    today: date | None,
    waivers: Sequence[Waiver] = (),
    baseline: Report | None = None,
    seed: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Checked:
    """Measure what the policy asks for, and decide.

    The family of intervals that hold together is what the policy's rules name, no more, so that nothing else widens
    them. ``baseline`` is the report of another recommender where its lists are not in ``given``; ``seed`` stands in for
    the policy's, to see what another draw would say: nothing passes by it. ``progress(done, replicates)`` is called
    during the bootstrap.

    Guarantees:
      - equal arguments give equal reports and decisions
      - a rule against a baseline with more short lists than the recommender has no evidence

    Raises:
        InvalidInput: the baseline was measured in another way.
        InvalidConfig: the policy's settings are none that an audit can be made with.
    """
    # Whoever brings an attack says with it which model the lists are of; nothing here could tell.
    found = given.attack or given.inference
    model = UNREGISTERED if found is None else found.model_digest
    config = configuration(policy, given.membership, model_digest=model, seed=seed)
    config = with_divisions(config, policy, given)
    report = run(given, config=replace(config, metrics=asked_metrics(policy, given, config)), progress=progress)
    if has_shorter_baseline(given, policy):
        report = replace(report, differences=())
    if baseline is not None:
        report = against_report(report, baseline)
    without = ungrouped(given)
    decision = decide(
        policy,
        report,
        today=today,
        waivers=waivers,
        caveats=(*gaps(given, policy, without), *(() if baseline is None else (CAVEAT,))),
    )
    return Checked(report=report, decision=decision)


def configuration(
    policy: FairnessPolicy, membership: Membership, *, model_digest: str, seed: int | None = None
) -> AuditConfig:
    """How the policy says that audits measure."""
    # An attribute that the catalogue lacks is not measured; what that means for a rule is the gate's to say.
    asked = {rule.attribute for rule in policy.rules if rule.attribute and not rule.stated}
    return AuditConfig(
        seed=policy.seed if seed is None else seed,
        model_digest=model_digest,
        k=policy.list_length,
        attention=attention_of(policy.attention),
        replicates=policy.replicates,
        level=policy.confidence,
        attributes=tuple(sorted(asked & set(membership.attributes))),
        random_traffic=policy.relevance_is_random,
    )


def asked_metrics(
    policy: FairnessPolicy, given: AuditInput, config: AuditConfig, *, also: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """The metrics that rules name, and ``also`` these, as far as the input allows them.

    All others are left out: each figure that is looked at costs the others part of their certainty.
    """
    named = also | {rule.metric for rule in policy.rules if rule.level != "off"}
    # The sizes of categories stand beside their shares.
    named |= {"exposure_share"} if any(rule.min_catalogue_share > 0 for rule in policy.rules) else set()
    possible = tuple(metric.slug for metric in possible_metrics(given, config))
    # Where nothing that is asked for can be measured, the report still says of what it is.
    return tuple(slug for slug in possible if slug in named) or possible[:1]
