"""How well exposure follows relevance: expected exposure relevance."""

import math

from audits.evidence import Evidence
from audits.expected_exposure import expected_exposure
from audits.metrics.metric import Metric
from audits.statistics import Stepped


def measure(evidence: Evidence) -> Stepped:
    """EE-R = <e, e*>, by item and by category as ``ee_l``.

    Range [0, inf), higher is better. Some code returns twice this number. Diaz et al. (CIKM 2020).

    Example: two items, weights 1 and 0.6309, the relevant one second: e = (1, 0.6309), e* = (0.6309, 1), so 2 * 0.6309
        = 1.2619.
    """
    return expected_exposure(evidence).relevance


METRIC = Metric(
    slug="ee_r",
    title="Expected exposure relevance (EE-R)",
    formula="inner product of exposure with that of ideal lists: by title, mean over subjects; by category, of means",
    low=0.0,
    high=math.inf,
    better="higher",
    needs=frozenset({"relevance"}),
    measure=measure,
)
