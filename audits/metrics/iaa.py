"""Whether items receive attention in proportion to their relevance, over all lists together."""

from typing import TYPE_CHECKING

import numpy as np

from audits.evidence import Evidence
from audits.grades import has_targets
from audits.metrics.metric import Metric
from audits.statistics import Cell, Floats, Stepped

if TYPE_CHECKING:
    from scipy import sparse

_ROWS = 65_536


def measure(evidence: Evidence) -> Stepped:
    """IAA, inequity of amortised attention: sum_i |A_i / sum A - R_i / sum R|.

    A_i is the attention that item i gets and R_i the relevance it has (sum of held-out grades), both summed over *all*
    lists of subjects with targets, then scaled to equal totals. Range [0, 2], 0 where attention follows relevance item
    by item; lower is better. Biega, Gummadi & Weikum (SIGIR 2018), with totals 1. Items that nobody holds out have no
    relevance here, so it is high where targets are few: compare at equal targets.

    Example: lists (a, b) and (a, b), weights 1 and 0.6309, one subject chose a, one b: attention 0.6131 and 0.3869
        against a half each, 0.2263.
    """
    if evidence.targets is None:
        msg = "attention against relevance needs held-out targets"
        raise ValueError(msg)
    counted = has_targets(evidence)
    attention, relevance = (
        np.asarray(counted.astype(np.float64) @ each, dtype=np.float64)
        for each in (evidence.exposure, evidence.targets)
    )
    loo = np.zeros(evidence.subjects)
    figure = np.nan
    if counted.any():
        figure = inequity(attention, relevance)
        # Some subjects at a time: beside a million lists of twenty there is no room for copies of all of them.
        for some in (slice(at, at + _ROWS) for at in range(0, evidence.subjects, _ROWS)):
            # One sparse array for both, so that their items are found side by side: relevance is imaginary.
            both = (evidence.exposure[some] + 1j * evidence.targets[some]).tocsr()[counted[some]]
            loo[some][counted[some]] = figure - _without_each(both, attention, relevance, figure)
    cell = Cell(n=int(counted.sum()), span=4.0)
    return Stepped(cells=(cell,), figures=np.array([figure]), leave_one_out=loo[:, None])


def inequity(attention: Floats, relevance: Floats) -> float:
    """Sum over items of the distance between two non-negative vectors after scaling each to total 1."""
    return float(np.abs(attention / attention.sum() - relevance / relevance.sum()).sum())


def _without_each(both: "sparse.csr_array", attention: Floats, relevance: Floats, figure: float) -> Floats:
    """Inequity without each subject, exactly; the inequity of all where nothing would be left."""
    row = np.repeat(np.arange(both.shape[0]), np.diff(both.indptr))
    own_attention, own_relevance, item = both.data.real, both.data.imag, both.indices
    left_attention, left_relevance = (
        whole.sum() - np.bincount(row, weights=own, minlength=both.shape[0])
        for whole, own in ((attention, own_attention), (relevance, own_relevance))
    )
    alone = (left_attention <= 0) | (left_relevance <= 0)
    a, r = (1.0 / np.where(alone, 1.0, left) for left in (left_attention, left_relevance))
    before = np.abs(a[row] * attention[item] - r[row] * relevance[item])
    after = np.abs(a[row] * (attention[item] - own_attention) - r[row] * (relevance[item] - own_relevance))
    touched = np.bincount(row, weights=after - before, minlength=both.shape[0])
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
