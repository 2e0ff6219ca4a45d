"""How many of the held-out targets the list finds."""

import numpy as np

from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.quality import Quality, hits, mean_by_group, target_counts
from audits.statistics import Smooth


def per_subject(evidence: Evidence) -> Quality:
    """Recall@k of every subject: targets in the list / targets.

    Range [0, 1], higher is better; a subject with more than k targets cannot reach 1. Cleverdon (Aslib Proceedings
    19, 1967); for recommenders Herlocker, Konstan, Terveen & Riedl (ACM TOIS 22(1), 2004).

    Example: targets {a, b, c}, list (c, x): 1 / 3.
    """
    targets = target_counts(evidence)
    found = hits(evidence).sum(axis=1)
    return Quality(values=found / np.maximum(targets, 1), counted=targets > 0)


def measure(evidence: Evidence) -> Smooth:
    """Mean recall@k over subjects with targets, for all and for each group."""
    return mean_by_group(per_subject(evidence), evidence)


METRIC = Metric(
    slug="recall",
    title="Recall",
    formula="mean over subjects with held-out targets of targets in the list / targets",
    low=0.0,
    high=1.0,
    better="higher",
    needs=frozenset({"relevance"}),
    measure=measure,
)
