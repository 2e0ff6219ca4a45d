"""How little known what is recommended is."""

import math

import numpy as np

from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.popularity import popularity_of
from audits.profiles import mean_over_list
from audits.statistics import Cell, Smooth, ratios


def measure(evidence: Evidence) -> Smooth:
    """Mean self-information of recommended items, in bits.

    N = mean over subjects of mean over the list of -log2 p(i), p(i) = phi(i) / sum phi, phi(i) = interactions with item
    i before the audit, counted as 1 where there are none. Range [0, log2 sum phi]; higher is less known. Zhou et al.
    (PNAS 2010); divided by subjects instead of interactions it differs by a constant.

    Example: items with 4, 2 and 2 interactions, list of the first two: (1 + 2) / 2 = 1.5.
    """
    counts = np.maximum(popularity_of(evidence), 1.0)
    values = mean_over_list(evidence, np.log2(counts.sum() / counts))[:, None]
    cell = Cell(n=evidence.subjects, span=float(np.log2(counts.sum())))
    return ratios([cell], values, np.ones_like(values))


METRIC = Metric(
    slug="novelty",
    title="Novelty of recommendations",
    formula="mean over subjects of the mean of -log2 (interactions of a title / all interactions) over the list",
    low=0.0,
    high=math.inf,
    better="higher",
    needs=frozenset({"popularity"}),
    measure=measure,
)
