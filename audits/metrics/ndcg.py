"""Ranking quality against held-out targets."""

import numpy as np

from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.quality import Quality, hits, mean_by_group, target_counts
from audits.statistics import Smooth


def per_subject(evidence: Evidence) -> Quality:
    """nDCG@k of every subject, binary gains.

    DCG = sum over ranks of hit / log2(rank + 1), divided by the DCG of a list that begins with min(targets, k) hits.
    The discount is fixed, whatever the attention model, so that figures compare with other tools (ranx, not the variant
    in which ranks 1 and 2 tie). Range [0, 1], higher is better. Järvelin & Kekäläinen (2002).

    Example: targets {a, b}, list (c, a): DCG = 0.6309, ideal 1 + 0.6309, so 0.3869.
    """
    discounts = 1.0 / np.log2(np.arange(2, evidence.lists.shape[1] + 2))
    ideal = np.r_[0.0, np.cumsum(discounts)][np.minimum(target_counts(evidence), discounts.size)]
    has_targets = ideal > 0
    return Quality(
        values=np.divide(hits(evidence) @ discounts, ideal, out=np.zeros_like(ideal), where=has_targets),
        counted=has_targets,
    )


def measure(evidence: Evidence) -> Smooth:
    """Mean nDCG@k over subjects with targets, for all and for each group."""
    return mean_by_group(per_subject(evidence), evidence)


METRIC = Metric(
    slug="ndcg",
    title="Ranking quality (nDCG)",
    formula="mean over subjects with held-out targets of DCG / ideal DCG; a target at rank r gains 1 / log2(r + 1)",
    low=0.0,
    high=1.0,
    better="higher",
    needs=frozenset({"relevance"}),
    measure=measure,
)
