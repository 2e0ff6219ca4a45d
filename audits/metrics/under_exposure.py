"""By how much a category misses its part of the attention."""

import numpy as np

from audits.evidence import Evidence
from audits.exposure import category_cells, labelled
from audits.metrics.metric import Metric
from audits.pooled import Numbers, joined, pooled, share
from audits.statistics import Floats, Stepped


def measure(evidence: Evidence) -> Stepped:
    """max(t_g - s_g, 0): share of the labelled catalogue less share of the labelled attention, or 0.

    Range [0, 1], 0 where the category has its part or more; lower is better. TREC fair ranking track 2022. The sum over
    an attribute's categories is ``exposure_distance``.

    Example: attention 0.6131 and 0.3869, catalogue a half each: 0 and 0.1131.
    """
    parts = []
    for each in labelled(evidence):
        cells = category_cells(each, evidence.subjects, span=1.0)

        def value_of(means: Numbers, parity: Floats = each.parity) -> Numbers:
            return missing(share(means), parity)

        parts.append(pooled(cells, each.seen, value_of, low=0.0, high=1.0))
    return joined(parts, evidence.subjects)


def missing(shares: Numbers, parity: Floats) -> Numbers:
    """What each category misses, 0 where it has its part."""
    gap: Numbers = parity - shares
    return np.where(gap.real > 0, gap, 0.0)


METRIC = Metric(
    slug="under_exposure",
    title="Missing exposure of a category",
    formula="share of the catalogue - share of the attention, or 0 where the category has its part",
    low=0.0,
    high=1.0,
    better="lower",
    needs=frozenset({"attributes"}),
    measure=measure,
)
