"""How far prefixes are from the catalogue in one category, by divergence."""

import numpy as np

from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.prefix_distances import prefix_distance
from audits.statistics import Floats, Smooth


def measure(evidence: Evidence) -> Smooth:
    """rKL: normalised, discounted Kullback-Leibler divergence of (category, others) in the first 10, 20, … items.

    Range [0, 1], 0 if every tenth prefix mirrors the catalogue, 1 in the worst order; lower is better. Yang &
    Stoyanovich (SSDBM 2017).

    Example: 4 of 10 items, a fifth of a large catalogue: (0.4 ln 2 + 0.6 ln 0.75) / ln 5 = 0.1046 / 1.6094 = 0.0650.
    """
    return prefix_distance(evidence, _divergence)


def _divergence(part: Floats, whole: Floats) -> Floats:
    from scipy.special import xlogy

    own, others = xlogy(part, part / whole), xlogy(1.0 - part, (1.0 - part) / (1.0 - whole))
    return np.maximum(np.asarray(own + others, dtype=np.float64), 0.0)


METRIC = Metric(
    slug="rkl",
    title="Prefixes against the catalogue, by divergence (rKL)",
    formula="mean over lists: sum over prefixes 10, 20 … of KL((share, rest) in it || in catalogue) / log2(length), "
    "as part of the worst",
    low=0.0,
    high=1.0,
    better="lower",
    needs=frozenset({"attributes"}),
    measure=measure,
)
