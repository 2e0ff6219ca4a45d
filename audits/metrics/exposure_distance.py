"""How much attention would have to move for every category to receive its part of the catalogue."""

from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.pooled import one_figure_each, size
from audits.statistics import Stepped


def measure(evidence: Evidence) -> Stepped:
    """Total variation distance between pooled attention and catalogue.

    TV = sum_g |s_g - t_g| / 2 over the known categories. Range [0, 1], 0 is parity; lower is better. It equals the sum
    of all categories' under-exposure. The distance: Gibbs & Su (International Statistical Review 70(3), 2002);
    attention of ranked lists held against a population by a distance: Sapiezynski et al. (WWW 2019 Companion).

    Example: attention 0.6131 and 0.3869, catalogue a half each: 0.1131.
    """
    return one_figure_each(evidence, lambda shares, parity: size(shares - parity).sum(axis=-1) / 2.0, low=0.0, high=1.0)


METRIC = Metric(
    slug="exposure_distance",
    title="Distance of exposure from the catalogue (total variation)",
    formula="half the sum over categories of |share of attention - share of the catalogue|",
    low=0.0,
    high=1.0,
    better="lower",
    needs=frozenset({"attributes"}),
    measure=measure,
)
