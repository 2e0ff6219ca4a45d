"""How far prefixes are from the catalogue in one category, by difference."""

import numpy as np

from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.prefix_distances import prefix_distance
from audits.statistics import Floats, Smooth


def measure(evidence: Evidence) -> Smooth:
    """rND: normalised, discounted |share of the category in the first 10, 20, … items - share of the catalogue|.

    Range [0, 1], 0 if every tenth prefix mirrors the catalogue, 1 in the worst order; lower is better. Yang &
    Stoyanovich (SSDBM 2017).

    Example: 4 of 10 items, a fifth of a large catalogue: |0.4 - 0.2| / |1 - 0.2| = 0.25.
    """
    return prefix_distance(evidence, _difference)


def _difference(part: Floats, whole: Floats) -> Floats:
    return np.abs(part - whole)


METRIC = Metric(
    slug="rnd",
    title="Prefixes against the catalogue, by difference (rND)",
    formula="mean over lists: sum over prefixes 10, 20 … of |share in it - share of the catalogue| / log2(length), "
    "as part of the worst",
    low=0.0,
    high=1.0,
    better="lower",
    needs=frozenset({"attributes"}),
    measure=measure,
)
