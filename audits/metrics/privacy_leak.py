"""How much of a claimed epsilon an attack on the recommender has shown to be really leaked."""

import math

from audits.evidence import Evidence
from audits.measuring import rounded
from audits.metrics.metric import Metric
from audits.privacy import PrivacyAttack
from audits.report import Measurement
from audits.statistics import Statistics


def stated(attack: PrivacyAttack) -> Measurement:
    """The attack's figure: lower bound on epsilon / epsilon claimed.

    Range [0, inf), lower is better; above 1 the claim is refuted, so a rule asks for at most 1. It is a bound already,
    at the attack's own confidence, so it has no interval; its n is the number of canaries. A bound from
    below as an audit of a claim: Jagielski, Ullman & Oprea (NeurIPS 2020); of one training: Steinke, Nasr & Jagielski
    (NeurIPS 2023).

    Example: a bound of 0.4 on a claim of 1: 0.4.
    """
    figure = rounded(attack.lower_bound / attack.epsilon)
    return Measurement(
        metric=METRIC.slug,
        attribute=None,
        category=None,
        group=None,
        value=figure,
        low=figure,
        high=figure,
        pointwise_low=figure,
        pointwise_high=figure,
        standard_error=0.0,
        n=attack.canaries,
        target=None,
        undefined=None,
    )


def _not_from_lists(_: Evidence) -> Statistics:
    msg = "an attack's result is stated to the audit, not measured from lists"
    raise ValueError(msg)


METRIC = Metric(
    slug="privacy_leak",
    title="Part of the claimed epsilon that an attack has shown",
    formula="lower bound on epsilon that an attack on the recommender measured / epsilon claimed; above 1 refutes it",
    low=0.0,
    high=math.inf,
    better="lower",
    needs=frozenset({"attack"}),
    measure=_not_from_lists,
)
