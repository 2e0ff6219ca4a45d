"""How far prefixes are from the catalogue in one category, by ratio."""

import numpy as np

from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.prefix_distances import prefix_distance
from audits.statistics import Floats, Smooth


def measure(evidence: Evidence) -> Smooth:
    """rRD: normalised, discounted |category / others in the first 10, 20, … items - in the catalogue|.

    A ratio with nothing above or below the line counts as 0, as published; meant for categories of less than half.
    Range [0, 1], 0 if every tenth prefix mirrors the catalogue, 1 in the worst order; lower is better. Yang &
    Stoyanovich (SSDBM 2017).

    Example: 4 of 10 items, a fifth of a large catalogue: |4 / 6 - 1 / 4| / |9 - 1 / 4| = 0.4167 / 8.75 = 0.0476.
    """
    return prefix_distance(evidence, _ratio_difference)


def _ratio_difference(part: Floats, whole: Floats) -> Floats:
    rest = 1.0 - part
    ratio = np.where(rest > 0, part / np.where(rest > 0, rest, 1.0), 0.0)
    return np.abs(ratio - whole / (1.0 - whole))


METRIC = Metric(
    slug="rrd",
    title="Prefixes against the catalogue, by ratio (rRD)",
    formula="mean over lists: sum over prefixes 10, 20 … of |share / rest in it - in the catalogue| / log2(length), "
    "as part of the worst",
    low=0.0,
    high=1.0,
    better="lower",
    needs=frozenset({"attributes"}),
    measure=measure,
)
