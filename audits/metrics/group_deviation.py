"""How far the groups of a grouping lie apart on average (UserMAD)."""

from audits.metrics import ndcg, recall
from audits.metrics.derived import Derived, mean_difference
from audits.metrics.metric import Metric


def _deviation(source: Metric, name: str) -> Derived:
    """Mean absolute difference of quality over all pairs of groups, range [0, 1], 0 is parity (UserMAD, Deldjoo 2021).

    Equal groups differ a little by chance, so the point figure is above 0 for them too; the interval then reaches 0 as
    long as the groups' intervals overlap. Example: see ``derived.mean_difference``.
    """
    return Derived(
        slug=f"{source.slug}_deviation",
        title=f"Mean difference of {name} between groups",
        formula=f"mean over pairs of groups of the absolute difference of their {name}; the ends take each pair's "
        "smallest and largest difference that the groups' intervals allow",
        low=0.0,
        high=1.0,
        better="lower",
        needs=source.needs | {"groups"},
        measure=source.measure,
        source=source.slug,
        label="any two",
        combine=mean_difference,
    )


METRICS = (_deviation(ndcg.METRIC, "nDCG"), _deviation(recall.METRIC, "Recall"))
