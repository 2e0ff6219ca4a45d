"""The worst served group of each grouping."""

from audits.metrics import hit_rate, ndcg, recall
from audits.metrics.derived import Derived, smallest
from audits.metrics.metric import Metric


def _worst(source: Metric, name: str) -> Derived:
    """Smallest mean of a group, range [0, 1], higher is better (Rawls' maximin; Hashimoto et al., ICML 2018).

    Its lower end is the smallest lower end of the groups' joint intervals. Example: see ``derived.smallest``.
    """
    return Derived(
        slug=f"worst_{source.slug}",
        title=f"{name} of the worst served group",
        formula=f"smallest {name} of a group; between the smallest lower and the smallest upper end of the groups",
        low=0.0,
        high=1.0,
        better="higher",
        needs=source.needs | {"groups"},
        measure=source.measure,
        source=source.slug,
        label="worst",
        combine=smallest,
    )


METRICS = (_worst(ndcg.METRIC, "nDCG"), _worst(recall.METRIC, "Recall"), _worst(hit_rate.METRIC, "Hit rate"))
