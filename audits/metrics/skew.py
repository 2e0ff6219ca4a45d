"""How over- or under-represented a category is among the recommended items."""

import math

import numpy as np

from audits.evidence import Evidence
from audits.exposure import category_cells, labelled, places, side_by_side
from audits.metrics.metric import Metric
from audits.pooled import Numbers, share
from audits.statistics import Floats, Smooth

SMOOTHING = 0.01
LOWEST = math.log(SMOOTHING)


def measure(evidence: Evidence) -> Smooth:
    """Skew@k: ln(p_g / t_g), p_g the category's part of all labelled places in all lists, each place counting the same.

    p_g is mixed with 1 % of t_g, so that a category that is never shown has ln 0.01 = -4.61 and not minus infinity.
    Range [-4.61, ln(0.99 / t_g + 0.01)], 0 is parity. Geyik, Ambler & Kenthapadi (KDD 2019), who take single lists; a
    category below 1/k is missing from nearly every list, whatever the recommender does, so all lists count together.

    Example: three of four places are documentaries, half of the catalogue: ln(0.99 * 1.5 + 0.01) = 0.4021.
    """
    kinds = labelled(evidence)
    bounds = np.cumsum([len(each.categories) for each in kinds])[:-1]

    def value_of(means: Numbers) -> Numbers:
        parts = np.split(means, bounds, axis=-1) if kinds else []
        skews = [skew(share(part), each.parity) for part, each in zip(parts, kinds, strict=True)]
        return np.concatenate([means[..., :0], *skews], axis=-1)

    cells = [
        cell
        for each in kinds
        for cell in category_cells(
            each, evidence.subjects, span=(1.0 - SMOOTHING) / (SMOOTHING * each.parity), target=0.0
        )
    ]
    return Smooth(cells=tuple(cells), channels=side_by_side(evidence, places), value_of=value_of)


def skew(shares: Numbers, parity: Floats) -> Numbers:
    """Smoothed log ratio of shares to parity."""
    ratio: Numbers = np.log((1.0 - SMOOTHING) * shares / parity + SMOOTHING)
    return ratio


METRIC = Metric(
    slug="skew",
    title="Skew of a category",
    formula="ln of: 0.99 * share of all recommended places / share of the catalogue + 0.01",
    low=round(LOWEST, 9),
    high=math.inf,
    better="target",
    needs=frozenset({"attributes"}),
    measure=measure,
)
