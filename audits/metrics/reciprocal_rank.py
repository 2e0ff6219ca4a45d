"""How far down a subject has to look for the first thing that fits."""

import numpy as np

from audits.evidence import Evidence
from audits.grades import has_targets
from audits.metrics.metric import Metric
from audits.quality import Quality, hits, mean_by_group
from audits.statistics import Smooth


def per_subject(evidence: Evidence) -> Quality:
    """1 / rank of the first held-out target in the list, 0 where there is none.

    Range [0, 1], higher is better. Its mean is MRR; Voorhees (TREC-8, 1999).

    Example: targets {a, b}, list (c, a, b): 1 / 2.
    """
    ranks = np.arange(1, evidence.lists.shape[1] + 1)
    return Quality(values=(hits(evidence) / ranks).max(axis=1), counted=has_targets(evidence))


def measure(evidence: Evidence) -> Smooth:
    """Mean reciprocal rank over subjects with targets, for all and for each group."""
    return mean_by_group(per_subject(evidence), evidence)


METRIC = Metric(
    slug="reciprocal_rank",
    title="Mean reciprocal rank",
    formula="mean over subjects with held-out targets of 1 / rank of the first one in the list, 0 without any",
    low=0.0,
    high=1.0,
    better="higher",
    needs=frozenset({"relevance"}),
    measure=measure,
)
