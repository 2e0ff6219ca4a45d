"""The worst served category against the best served one."""

from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.pooled import Numbers, chosen, one_figure_each
from audits.statistics import Floats, Stepped


def measure(evidence: Evidence) -> Stepped:
    """Smallest exposure ratio of an attribute's known categories divided by the largest.

    min_g(s_g / t_g) / max_g(s_g / t_g). Range [0, 1], 1 is parity; higher is better. "Four fifths" (29 CFR 1607.4(D),
    a rule of thumb of employment law) is 0.8. With many small categories chance alone lowers it: judge the interval.
    A ratio of selection rates as the measure of disparate impact: Feldman et al. (KDD 2015); here of attention.

    Example: attention 0.6131 and 0.3869, catalogue a half each: 0.3869 / 0.6131 = 0.6309.
    """
    return one_figure_each(evidence, _worst_to_best, low=0.0, high=1.0)


def _worst_to_best(shares: Numbers, parity: Floats) -> Numbers:
    ratios = shares / parity
    return chosen(ratios, ratios.real.argmin(axis=-1)) / chosen(ratios, ratios.real.argmax(axis=-1))


METRIC = Metric(
    slug="impact_ratio",
    title="Worst to best served category",
    formula="smallest over largest of: share of attention / share of the catalogue, over the attribute's categories",
    low=0.0,
    high=1.0,
    better="higher",
    needs=frozenset({"attributes"}),
    measure=measure,
)
