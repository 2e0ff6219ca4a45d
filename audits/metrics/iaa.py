"""Whether items receive attention in proportion to their relevance, over all lists together."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audits.evidence import ABSENT, Evidence
from audits.grades import has_targets
from audits.metrics.metric import Metric
from audits.quality import gains
from audits.statistics import Cell, Floats, Stepped

if TYPE_CHECKING:
    from scipy import sparse

Ints = NDArray[np.int64]

_ROWS = 4_096


def measure(evidence: Evidence) -> Stepped:
    """IAA, inequity of amortised attention: sum_i |A_i / sum A - R_i / sum R|.

    A_i is the attention that item i gets and R_i the relevance it has (sum of held-out grades), both summed over *all*
    lists of subjects with targets, then scaled to equal totals. Range [0, 2], 0 where attention follows relevance item
    by item; lower is better. Biega, Gummadi & Weikum (SIGIR 2018), with totals 1. Items that nobody holds out have no
    relevance here, so it is high where targets are few: compare at equal targets.

    Example: lists (a, b) and (a, b), weights 1 and 0.6309, one subject chose a, one b: attention 0.6131 and 0.3869
        against a half each, 0.2263.
    """
    counted = has_targets(evidence)
    attention, relevance = (
        np.asarray(counted.astype(np.float64) @ each, dtype=np.float64)
        for each in (evidence.exposure, _targets(evidence))
    )
    loo = np.zeros(evidence.subjects)
    figure = np.nan
    if counted.any():
        figure = inequity(attention, relevance)
        # Some subjects at a time: beside a million lists of twenty there is no room for copies of all of them.
        for some in (slice(at, at + _ROWS) for at in range(0, evidence.subjects, _ROWS)):
            without = _without_each(evidence, some, attention, relevance, figure)
            loo[some] = np.where(counted[some], figure - without, 0.0)
    cell = Cell(n=int(counted.sum()), span=4.0)
    return Stepped(cells=(cell,), figures=np.array([figure]), leave_one_out=loo[:, None])


def _targets(evidence: Evidence) -> "sparse.csr_array":
    if evidence.targets is None:
        msg = "attention against relevance needs held-out targets"
        raise ValueError(msg)
    return evidence.targets


def inequity(attention: Floats, relevance: Floats) -> float:
    """Sum over items of the distance between two non-negative vectors after scaling each to total 1."""
    return float(np.abs(attention / attention.sum() - relevance / relevance.sum()).sum())


def _without_each(evidence: Evidence, some: slice, attention: Floats, relevance: Floats, figure: float) -> Floats:
    """Inequity without each of some subjects, exactly; the inequity of all where nothing would be left."""
    targets = _targets(evidence)[some]
    lists = evidence.lists[some]
    shown = lists != ABSENT
    looks, grades = np.where(shown, evidence.looks[some], 0.0), gains(evidence)[some]
    row = np.repeat(np.arange(shown.shape[0]), np.diff(targets.indptr))
    left_attention = attention.sum() - looks.sum(axis=1)
    left_relevance = relevance.sum() - np.bincount(row, weights=targets.data, minlength=shown.shape[0])
    alone = (left_attention <= 0) | (left_relevance <= 0)
    a, r = (1.0 / np.where(alone, 1.0, left) for left in (left_attention, left_relevance))

    def changes(rows: Ints, item: Ints, own_attention: Floats, own_relevance: Floats) -> Floats:
        """What |difference| of an item changes by, without what one subject gave it."""
        theirs, its = a[rows] * attention[item], r[rows] * relevance[item]
        after = np.abs(theirs - its - (a[rows] * own_attention - r[rows] * own_relevance))
        return np.asarray(after - np.abs(theirs - its), dtype=np.float64)

    # Items in the list, then targets outside of it: those inside were met at their rank.
    touched = changes(np.arange(shown.shape[0])[:, None], np.where(shown, lists, 0), looks, grades).sum(axis=1)
    found, rank = np.nonzero(grades)
    nothing = np.zeros(1)
    for rows, item, grade, sign in (
        (row, targets.indices.astype(np.int64), targets.data, 1.0),
        (found, lists[found, rank], grades[found, rank], -1.0),
    ):
        own = changes(rows, item, nothing, grade)
        touched += sign * np.bincount(rows, weights=own, minlength=touched.size)
    return np.where(alone, figure, a * _distances(attention, relevance, r / a) + touched)


def _distances(attention: Floats, relevance: Floats, rates: Floats) -> Floats:
    """The sum over all items of |attention - rate * relevance| for every rate, from one sort."""
    with np.errstate(divide="ignore", invalid="ignore"):
        # Rate at which an item's difference turns negative; never for one without relevance.
        turns = np.where(relevance > 0, attention / relevance, np.inf)
    order = np.argsort(turns)
    below = [np.r_[0.0, np.cumsum(values[order])] for values in (attention, relevance)]
    at = np.searchsorted(turns[order], rates)
    under_attention, under_relevance = (sums[at] for sums in below)
    return np.asarray(
        (below[0][-1] - 2.0 * under_attention) - rates * (below[1][-1] - 2.0 * under_relevance), dtype=np.float64
    )


METRIC = Metric(
    slug="iaa",
    title="Attention against relevance, title by title (IAA)",
    formula="sum over titles of |its share of all attention - its share of all held-out relevance|",
    low=0.0,
    high=2.0,
    better="lower",
    needs=frozenset({"relevance"}),
    measure=measure,
)
