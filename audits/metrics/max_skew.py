"""Skew of the most represented category."""

import math

from audits.evidence import Evidence
from audits.exposure import places
from audits.metrics.metric import Metric
from audits.metrics.skew import skew
from audits.pooled import Numbers, chosen, one_figure_each
from audits.statistics import Floats, Stepped


def measure(evidence: Evidence) -> Stepped:
    """MaxSkew@k: the largest ``skew`` of an attribute's known categories.

    Range [0, ln(0.99 / smallest t_g + 0.01)]; 0 is parity, lower is better. Geyik, Ambler & Kenthapadi (KDD 2019),
    pooled and smoothed as ``skew``.

    Example: three of four places are documentaries, half of the catalogue: ln(0.99 * 1.5 + 0.01) = 0.4021.
    """
    return one_figure_each(evidence, _most, low=0.0, high=math.inf, span=10.0, of=places)


def _most(shares: Numbers, parity: Floats) -> Numbers:
    skews = skew(shares, parity)
    return chosen(skews, skews.real.argmax(axis=-1))


METRIC = Metric(
    slug="max_skew",
    title="Skew of the most represented category",
    formula="largest skew of the attribute's categories",
    low=0.0,
    high=math.inf,
    better="lower",
    needs=frozenset({"attributes"}),
    measure=measure,
)
