"""How far exposure is from what relevance would give: expected exposure loss."""

import math

from audits.evidence import Evidence
from audits.expected_exposure import expected_exposure
from audits.metrics.metric import Metric
from audits.statistics import Stepped


def measure(evidence: Evidence) -> Stepped:
    """EE-L = |e - e*|^2 = EE-D - 2 EE-R + |e*|^2.

    By item it is the mean over subjects with targets; a single list cannot share a rank among equals, so 0 is out of
    reach where grades tie. By category exposure is averaged over subjects first, and 0 is parity with relevance. Range
    [0, inf), in squared units of attention; lower is better. Not normalised: published bounds of it are wrong. Diaz et
    al. (CIKM 2020).

    Example: two items, weights 1 and 0.6309, the relevant one second: e = (1, 0.6309), e* = (0.6309, 1), so 0.3691^2 *
        2 = 0.2724.
    """
    return expected_exposure(evidence).loss


METRIC = Metric(
    slug="ee_l",
    title="Expected exposure loss (EE-L)",
    formula="squared distance of exposure from ideal lists: by title, mean over subjects; by category, of means",
    low=0.0,
    high=math.inf,
    better="lower",
    needs=frozenset({"relevance"}),
    measure=measure,
)
