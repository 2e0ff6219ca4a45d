"""Where recommended items stand in the order of popularity."""

import numpy as np

from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.popularity import popularity_of
from audits.profiles import mean_over_list
from audits.statistics import Cell, Smooth, ratios


def measure(evidence: Evidence) -> Smooth:
    """Mean popularity quantile of recommended items.

    The quantile of an item is its place from the least popular (1) to the most (m), ties at their mean place, divided
    by m. Range (0, 1], 1 = only the most popular item; lower shows less popular ones. Counts no longer matter, so one
    blockbuster cannot carry the figure as it carries ARP. LensKit's MeanPopRank.

    Example: popularities 5, 5, 1, 9 have quantiles 0.625, 0.625, 0.25, 1; the list (1st, 4th): 0.8125.
    """
    popularity = popularity_of(evidence)
    _, place, counts = np.unique(popularity, return_inverse=True, return_counts=True)
    mean_place = np.cumsum(counts) - (counts - 1) / 2.0
    values = mean_over_list(evidence, mean_place[place] / popularity.size)[:, None]
    return ratios([Cell(n=evidence.subjects, span=1.0)], values, np.ones_like(values))


METRIC = Metric(
    slug="popularity_rank",
    title="Mean popularity rank",
    formula="mean over subjects of the mean popularity quantile of the titles in the list, 1 = the most popular title",
    low=0.0,
    high=1.0,
    better="lower",
    needs=frozenset({"popularity"}),
    measure=measure,
)
