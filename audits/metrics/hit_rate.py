"""How many subjects find anything at all in their list."""

from audits.evidence import Evidence
from audits.grades import has_targets
from audits.metrics.metric import Metric
from audits.quality import Quality, hits, mean_by_group
from audits.statistics import Smooth


def per_subject(evidence: Evidence) -> Quality:
    """1 where the list holds at least one held-out target, else 0.

    Range {0, 1}, higher is better. Deshpande & Karypis (ACM TOIS 22(1), 2004), who hold out one item each; with more,
    finding any of them counts.

    Example: targets {a, b}, list (c, a): 1; list (c, d): 0.
    """
    return Quality(values=hits(evidence).max(axis=1), counted=has_targets(evidence))


def measure(evidence: Evidence) -> Smooth:
    """Share of subjects with targets whose list holds one, for all and for each group."""
    return mean_by_group(per_subject(evidence), evidence)


METRIC = Metric(
    slug="hit_rate",
    title="Hit rate",
    formula="share of the subjects with held-out targets whose list holds at least one of them",
    low=0.0,
    high=1.0,
    better="higher",
    needs=frozenset({"relevance"}),
    measure=measure,
)
