"""Where recommended items stand in the order of popularity."""

import numpy as np

from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.popularity import popularity_of
from audits.profiles import mean_over_list
from audits.statistics import Cell, Smooth, ratios


def measure(evidence: Evidence) -> Smooth:
    """Mean popularity quantile of recommended items.

    The quantile of an item is its place among the items that anybody chose, from the least popular, ties at their mean
    place, divided by their number; 0 if nobody chose it. Range [0, 1], 1 = only the most popular item; lower shows less
    popular ones. Counts no longer matter, so one blockbuster cannot carry the figure as it carries ARP. MeanPopRank of
    LensKit; Ekstrand & Kluver (RecSys 2017).

    Example: popularities 5, 5, 1, 9 have quantiles 0.625, 0.625, 0.25, 1; the list (1st, 4th): 0.8125.
    """
    _, place, counts = np.unique(popularity_of(evidence), return_inverse=True, return_counts=True)
    # np.unique sorts ascending, so items that nobody chose come first.
    unchosen = int((popularity_of(evidence) == 0).sum())
    mean_place = np.maximum(np.cumsum(counts) - (counts - 1) / 2.0 - unchosen, 0.0)
    quantile = mean_place[place] / max(evidence.items - unchosen, 1)
    values = mean_over_list(evidence, quantile)[:, None]
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
