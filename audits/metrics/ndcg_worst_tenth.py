"""Quality for the subjects that are served worst, whoever they are."""

import numpy as np

from audits.evidence import Evidence
from audits.metrics import ndcg
from audits.metrics.metric import Metric
from audits.statistics import Cell, Smooth, ratios

SHARE = 0.1


def measure(evidence: Evidence) -> Smooth:
    """Mean nDCG of the worst-served tenth of the subjects: conditional value at risk, for audits without demographics.

    CVaR = max over t of t - mean of max(t - u, 0) / 0.1, reached where t is the tenth percentile (Rockafellar & Uryasev
    2000). At that t the first derivative is 0, so t may stand still while subjects are resampled. Range [0, 1], higher
    is better. Where more than a tenth find nothing it is 0: then ``hit_rate`` says more.

    Example: nDCG 0.1, 0.2, ... 1.0 of ten subjects: the tenth is the first one, 0.1. Of twenty subjects with 0.05, 0.1,
        ... 1.0: (0.05 + 0.1) / 2 = 0.075.
    """
    quality = ndcg.per_subject(evidence)
    counted = quality.counted.astype(np.float64)
    n = int(counted.sum())
    least = np.sort(quality.values[quality.counted])
    # Of n subjects the tenth ends inside the one at this place; rounding must not push it to the next.
    at = int(np.ceil(SHARE * n * (1.0 - 1e-12))) - 1
    level = float(least[at]) if n else 0.0
    beneath = np.maximum(level - quality.values, 0.0)
    return ratios([Cell(n=n, span=1.0 / SHARE)], ((level - beneath / SHARE) * counted)[:, None], counted[:, None])


METRIC = Metric(
    slug="ndcg_worst_tenth",
    title="Quality for the worst-served tenth",
    formula="mean nDCG of the tenth of the subjects with held-out targets that have the lowest",
    low=0.0,
    high=1.0,
    better="higher",
    needs=frozenset({"relevance"}),
    measure=measure,
)
