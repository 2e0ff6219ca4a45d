"""How unequal exposure is, whatever relevance: expected exposure disparity."""

import math

from audits.evidence import Evidence
from audits.expected_exposure import expected_exposure
from audits.metrics.metric import Metric
from audits.statistics import Stepped


def measure(evidence: Evidence) -> Stepped:
    """EE-D = |e|^2, by item and by category as ``ee_l``.

    Range (0, inf); lower is more equal. By item with one list per subject it is the sum of squared weights, the same
    for every recommender of full lists: compare it by category. Diaz et al. (CIKM 2020).

    Example: two items, weights 1 and 0.6309, the relevant one second: e = (1, 0.6309), e* = (0.6309, 1), so 1 + 0.3981
        = 1.3981.
    """
    return expected_exposure(evidence).disparity


METRIC = Metric(
    slug="ee_d",
    title="Expected exposure disparity (EE-D)",
    formula="squared norm of exposure: by title, mean over subjects; by category, of the mean",
    low=0.0,
    high=math.inf,
    better="lower",
    needs=frozenset({"relevance"}),
    measure=measure,
)
