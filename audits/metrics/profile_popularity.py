"""How popular what subjects chose is."""

import math

from audits.evidence import Evidence
from audits.means import mean_by_group
from audits.metrics.metric import Metric
from audits.popularity import popularity_of, profile_popularity
from audits.statistics import Smooth


def measure(evidence: Evidence) -> Smooth:
    """Group average popularity of profiles, GAP_p, of all subjects and of each group.

    GAP_p(g) = mean over subjects of g of mean over the profile of phi, phi(i) = interactions with item i before the
    audit. A profile is the history where one is given, the held-out choices otherwise (the report says which); weights
    and grades do not count. Range [0, largest phi]; it describes the subjects, so neither end is better.
    Abdollahpouri et al. (RMSE 2019).

    Example: a profile of titles with 10 and 2 interactions: 6.
    """
    values, counted = profile_popularity(evidence)
    return mean_by_group(evidence, values[:, None], counted, span=float(popularity_of(evidence).max()))


METRIC = Metric(
    slug="profile_popularity",
    title="Average popularity of profiles (GAP_p)",
    formula="mean over subjects of the mean number of interactions of the titles they chose",
    low=0.0,
    high=math.inf,
    better="target",
    needs=frozenset({"popularity", "profile"}),
    measure=measure,
)
