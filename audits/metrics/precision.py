"""How much of the list fits."""

from audits.evidence import Evidence
from audits.grades import has_targets
from audits.metrics.metric import Metric
from audits.quality import Quality, hits, mean_by_group
from audits.statistics import Smooth


def per_subject(evidence: Evidence) -> Quality:
    """Precision@k of every subject: held-out targets in the list / k.

    Range [0, 1], higher is better; a list shorter than k is divided by k all the same, as ranx does, and a subject with
    fewer than k targets cannot reach 1. Cleverdon (Aslib Proceedings 19, 1967); for recommenders Herlocker, Konstan,
    Terveen & Riedl (ACM TOIS 22(1), 2004).

    Example: targets {a, b}, list (c, a) of at most k = 4: 1 / 4.
    """
    return Quality(values=hits(evidence).mean(axis=1), counted=has_targets(evidence))


def measure(evidence: Evidence) -> Smooth:
    """Mean precision@k over subjects with targets, for all and for each group."""
    return mean_by_group(per_subject(evidence), evidence)


METRIC = Metric(
    slug="precision",
    title="Precision",
    formula="mean over subjects with held-out targets of targets in the list / k",
    low=0.0,
    high=1.0,
    better="higher",
    needs=frozenset({"relevance"}),
    measure=measure,
)
