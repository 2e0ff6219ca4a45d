"""How different what two subjects see is, by items."""

from audits.evidence import Evidence
from audits.fragmentation import mean_distance_to_others, without_each_of_pairs
from audits.metrics.metric import Metric
from audits.statistics import Cell, Stepped


def measure(evidence: Evidence) -> Stepped:
    """Mean cosine distance between two subjects' lists.

    F = mean over pairs u != v of 1 - cos(e_u, e_v), e_u = the subject's attention by item; over all pairs, exactly.
    Range [0, 1]; 0: everybody gets the same list, 1: no item is shown to two subjects. Inter-list distance of Zhou et
    al. (PNAS 2010), weighted by attention.

    Example: lists (a, b) and (a, c) under uniform attention: 1 - 1/2 = 0.5.
    """
    to_others = mean_distance_to_others(evidence.exposure)[:, None]
    return Stepped(
        cells=(Cell(n=evidence.subjects, span=1.0),),
        figures=to_others.mean(axis=0),
        leave_one_out=without_each_of_pairs(to_others),
    )


METRIC = Metric(
    slug="item_fragmentation",
    title="Difference between subjects' lists",
    formula="mean over pairs of subjects of 1 - cosine of their attention by title",
    low=0.0,
    high=1.0,
    better="lower",
    needs=frozenset(),
    measure=measure,
)
