"""How many items of the tail a list holds."""

import math

import numpy as np

from audits.evidence import ABSENT, Evidence
from audits.metrics.metric import Metric
from audits.popularity import tiers_of
from audits.statistics import Cell, Smooth, ratios
from audits.tiers import TAIL


def measure(evidence: Evidence) -> Smooth:
    """Average coverage of long-tail items, ACLT: mean over subjects of |list and tail|.

    Unlike APLT it grows with the length of lists. Some libraries divide by the size of the tail besides; this one does
    not. Range [0, k]; higher shows more of the tail. Abdollahpouri, Burke & Mobasher (FLAIRS 2019).

    Example: lists (a, b) and (c, d, e, f), tail {b, c}: (1 + 1) / 2 = 1.
    """
    tail = (tiers_of(evidence) == TAIL)[evidence.lists] & (evidence.lists != ABSENT)
    found = tail.sum(axis=1, dtype=np.float64)[:, None]
    cell = Cell(n=evidence.subjects, span=float(evidence.lists.shape[1]))
    return ratios([cell], found, np.ones_like(found))


METRIC = Metric(
    slug="long_tail_count",
    title="Long-tail titles in a list (ACLT)",
    formula="mean over subjects of the number of titles of the tail in the list",
    low=0.0,
    high=math.inf,
    better="higher",
    needs=frozenset({"popularity"}),
    measure=measure,
)
