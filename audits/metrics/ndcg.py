"""Ranking quality against held-out targets."""

import numpy as np

from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.quality import Quality, discounted, ideal, mean_by_group
from audits.remembered import remembered
from audits.statistics import Smooth


@remembered
def per_subject(evidence: Evidence) -> Quality:
    """nDCG@k of every subject; a target gains its grade, 1 where targets have none.

    DCG = sum over ranks of grade / log2(rank + 1), divided by the DCG of the best list of k that the subject's targets
    allow. The discount is fixed, whatever the attention model, so that figures compare with other tools (ranx and
    scikit-learn, not the variant in which ranks 1 and 2 tie); gains are linear, not 2^grade - 1, which is the same for
    targets without grades. Range [0, 1], higher is better. Järvelin & Kekäläinen (2002).

    Example: targets {a, b}, list (c, a): DCG = 0.6309, ideal 1 + 0.6309, so 0.3869. With grades a = 1, b = 3: 0.6309
        / (3 + 0.6309) = 0.1738.
    """
    discounts = 1.0 / np.log2(np.arange(2, evidence.lists.shape[1] + 2))
    best = ideal(evidence, discounts)
    has_targets = best > 0
    return Quality(
        values=np.divide(discounted(evidence, discounts), best, out=np.zeros_like(best), where=has_targets),
        counted=has_targets,
    )


def measure(evidence: Evidence) -> Smooth:
    """Mean nDCG@k over subjects with targets, for all and for each group."""
    return mean_by_group(per_subject(evidence), evidence)


METRIC = Metric(
    slug="ndcg",
    title="Ranking quality (nDCG)",
    formula="mean over subjects with held-out targets of DCG / ideal DCG; a target at rank r gains its grade (1 "
    "without grades) / log2(r + 1)",
    low=0.0,
    high=1.0,
    better="higher",
    needs=frozenset({"relevance"}),
    measure=measure,
)
