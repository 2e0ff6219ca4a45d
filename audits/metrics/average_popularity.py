"""How popular what is recommended is."""

import math

from audits.evidence import Evidence
from audits.means import mean_by_group
from audits.metrics.metric import Metric
from audits.popularity import list_popularity, popularity_of
from audits.statistics import Smooth


def measure(evidence: Evidence) -> Smooth:
    """Average recommendation popularity, of all subjects (ARP) and of each group (GAP_r).

    ARP = mean over subjects of mean over the list of phi, phi(i) = interactions with item i before the audit. Range [0,
    largest phi]; higher is more popular. Yin et al. (VLDB 2012); GAP_r of Abdollahpouri et al. (RMSE 2019).

    Example: lists (a, b) and (c) with 30, 10 and 4 interactions: (20 + 4) / 2 = 12.
    """
    values, counted = list_popularity(evidence)
    return mean_by_group(evidence, values[:, None], counted, span=float(popularity_of(evidence).max()))


METRIC = Metric(
    slug="average_popularity",
    title="Average popularity of recommendations (ARP, by group GAP_r)",
    formula="mean over subjects of the mean number of interactions of the titles in the list",
    low=0.0,
    high=math.inf,
    better="lower",
    needs=frozenset({"popularity"}),
    measure=measure,
)
