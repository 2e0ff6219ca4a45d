"""How well an attacker tells who was trained on from who was not."""

from statistics import NormalDist

from audits.measuring import rounded
from audits.metrics.metric import Metric, not_from_lists
from audits.privacy import MembershipInference
from audits.report import Measurement, Undefined


def stated(found: MembershipInference, *, level: float) -> Measurement:
    """The strongest attacker's area under the curve, with the interval that was stated with it.

    Range [0, 1], lower is better: the chance that somebody trained on scores higher than somebody who was not. 1/2 is
    guessing, 1 tells every pair apart. Undefined where too few were attacked, and where the interval is less certain
    than ``level``, the audit's: a rule must not pass by an interval that is narrow for being unsure.

    Example: 0.55 in (0.52, 0.58) at 95 % from 200 members and 300 others, in an audit at 95 %: 0.55, n = 500. In an
        audit at 99 % it is undefined.
    """
    undefined = _why_undefined(found, level)
    known = undefined is None
    value, low, high = (
        rounded(each) if known and each is not None else None for each in (found.area, found.low, found.high)
    )
    error = None
    if low is not None and high is not None:
        error = rounded((high - low) / 2 / NormalDist().inv_cdf((1 + found.confidence) / 2))
    return Measurement(
        metric=METRIC.slug,
        attribute=None,
        category=None,
        group=None,
        value=value,
        low=low,
        high=high,
        pointwise_low=low,
        pointwise_high=high,
        standard_error=error,
        n=found.members + found.others,
        target=None,
        undefined=undefined,
    )


def _why_undefined(found: MembershipInference, level: float) -> Undefined | None:
    if found.area is None:
        return Undefined.TOO_FEW
    # 1 - 3 x (0.05 / 3) is not 0.95 to the last bit.
    return Undefined.UNSURE if found.confidence < level - 1e-9 else None


METRIC = Metric(
    slug="membership_inference",
    title="How well an attacker tells who was trained on",
    formula="area under the ROC curve of the strongest attacker on membership, of those tried; 1/2 is guessing",
    low=0.0,
    high=1.0,
    better="lower",
    needs=frozenset({"inference"}),
    measure=not_from_lists,
)
