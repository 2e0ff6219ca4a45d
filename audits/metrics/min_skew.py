"""Skew of the least represented category."""

from audits.evidence import Evidence
from audits.exposure import places
from audits.metrics.metric import Metric
from audits.metrics.skew import METRIC as SKEW
from audits.metrics.skew import skew
from audits.pooled import Numbers, chosen, one_figure_each
from audits.statistics import Floats, Stepped


def measure(evidence: Evidence) -> Stepped:
    """MinSkew@k: the smallest ``skew`` of an attribute's known categories.

    Range [ln 0.01, 0]; 0 is parity, higher is better. Geyik, Ambler & Kenthapadi (KDD 2019), pooled and smoothed as
    ``skew``.

    Example: three of four places are documentaries, half of the catalogue: comedies have ln(0.99 * 0.5 + 0.01) =
        -0.6832.
    """
    return one_figure_each(evidence, _least, low=SKEW.low, high=0.0, of=places)


def _least(shares: Numbers, parity: Floats) -> Numbers:
    skews = skew(shares, parity)
    return chosen(skews, skews.real.argmin(axis=-1))


METRIC = Metric(
    slug="min_skew",
    title="Skew of the least represented category",
    formula="smallest skew of the attribute's categories",
    low=SKEW.low,
    high=0.0,
    better="higher",
    needs=frozenset({"attributes"}),
    measure=measure,
)
