"""The worst served group's quality relative to the best served group's."""

from audits.metrics import hit_rate, ndcg, recall
from audits.metrics.derived import Derived, smallest_to_largest
from audits.metrics.metric import Metric


def _ratio(source: Metric, name: str) -> Derived:
    """Smallest mean of a group / largest, range [0, 1], 1 is parity.

    The four-fifths rule asks for 0.8 (29 CFR 1607.4(D), a rule of thumb). The point figure of equal groups lies below
    1, the more so the more groups and the fewer subjects; the interval knows. Example: see
    ``derived.smallest_to_largest``.
    """
    return Derived(
        slug=f"{source.slug}_ratio",
        title=f"{name} of the worst served group relative to the best",
        formula=f"smallest {name} of a group / largest; from the smallest lower end / largest upper end to the "
        "smallest upper end / largest lower end, at most 1",
        low=0.0,
        high=1.0,
        better="higher",
        needs=source.needs | {"groups"},
        measure=source.measure,
        source=source.slug,
        label="worst to best",
        combine=smallest_to_largest,
    )


METRICS = (_ratio(ndcg.METRIC, "nDCG"), _ratio(recall.METRIC, "Recall"), _ratio(hit_rate.METRIC, "Hit rate"))
