"""How much of each list comes from the tail of the catalogue."""

import numpy as np

from audits.evidence import Evidence
from audits.means import mean_by_group
from audits.metrics.metric import Metric
from audits.popularity import tiers_of
from audits.profiles import mean_over_list
from audits.statistics import Smooth
from audits.tiers import TAIL


def measure(evidence: Evidence) -> Smooth:
    """Average percentage of long-tail items, APLT: mean over subjects of |list and tail| / |list|, for each group too.

    Which items are tail is the configuration's ``popularity_split``, printed in the report. Range [0, 1]; higher shows
    more of the tail. Abdollahpouri, Burke & Mobasher (FLAIRS 2019).

    Example: lists (a, b) and (c, d, e, f), tail {b, c}: (1/2 + 1/4) / 2 = 0.375.
    """
    values = mean_over_list(evidence, (tiers_of(evidence) == TAIL).astype(np.float64))
    return mean_by_group(evidence, values[:, None], np.ones(values.size, dtype=bool), span=1.0)


METRIC = Metric(
    slug="long_tail_share",
    title="Share of long-tail titles (APLT)",
    formula="mean over subjects of titles of the tail in the list / titles in the list",
    low=0.0,
    high=1.0,
    better="higher",
    needs=frozenset({"popularity"}),
    measure=measure,
)
