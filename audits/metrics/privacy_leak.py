"""How much of a claimed epsilon an attack on the recommender has shown to be really leaked."""

import math

from audits.measuring import rounded
from audits.metrics.metric import Metric, not_from_lists
from audits.privacy import PrivacyAttack
from audits.report import Measurement, Undefined


def stated(attack: PrivacyAttack, *, level: float) -> Measurement:
    """The attack's figure: lower bound on epsilon / epsilon claimed.

    Range [0, inf), lower is better; above 1 the claim is refuted, so a rule asks for at most 1. It is a bound already,
    at the attack's own confidence, so it has no interval; its n is the number of canaries. Undefined where that is less
    certain than ``level``, the audit's, since a rule must not be decided by a guess; and where the claim is not refuted
    by an attack that may well have missed half of the noise, or of which nobody says. A bound from below as an audit of
    a claim: Jagielski, Ullman & Oprea (NeurIPS 2020); of one training: Steinke, Nasr & Jagielski (NeurIPS 2023).

    Example: a bound of 0.4 on a claim of 1 at 95 %, where half of the noise would have been found nine times in ten, in
        an audit at 95 %: 0.4. In an audit at 99 %, or found one time in two, it is undefined.
    """
    undefined = _why_undefined(attack, level)
    figure = None if undefined is not None else rounded(attack.lower_bound / attack.epsilon)
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
        standard_error=None if figure is None else 0.0,
        n=attack.canaries,
        target=None,
        undefined=undefined,
    )


def _why_undefined(attack: PrivacyAttack, level: float) -> Undefined | None:
    if attack.confidence < level - 1e-9:
        return Undefined.UNSURE
    return Undefined.BLIND if attack.undecided else None


METRIC = Metric(
    slug="privacy_leak",
    title="Part of the claimed epsilon that an attack has shown",
    formula="lower bound on epsilon that an attack on the recommender measured / epsilon claimed; above 1 refutes it",
    low=0.0,
    high=math.inf,
    better="lower",
    needs=frozenset({"attack"}),
    measure=not_from_lists,
)
