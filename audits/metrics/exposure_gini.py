"""Concentration of exposure over the whole catalogue."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from audits.evidence import ABSENT, Evidence
from audits.metrics.metric import Metric
from audits.statistics import Cell, Stepped

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROWS = 2048


def measure(evidence: Evidence) -> Stepped:
    """Gini coefficient of item exposure.

    G = sum_i (2i - m - 1) x_(i) / (m sum x), x ascending, m = every item of the catalogue, shown or not. Range [0, 1 -
    1/m]: 0 if all items are shown equally, near 1 if few take everything; lower is more even. Gini (1912). Leaving out
    items that were never shown, as some libraries do, makes a recommender that hides half of the catalogue look more
    even.

    Example: exposures 0, 0, 1, 3 (m = 4): (-3*0 - 1*0 + 1*1 + 3*3) / (4 * 4) = 10 / 16 = 0.625.

    Guarantees:
      - adding an item that is never shown raises it
    """
    exposure = np.asarray(evidence.exposure.sum(axis=0), dtype=np.float64)
    figure = gini(exposure)
    # A share f of subjects with other lists moves the exposure distribution by at most f in total variation, Gini by at
    # most 2 f.
    cell = Cell(n=evidence.subjects, span=2.0)
    return Stepped(
        cells=(cell,), figures=np.array([figure]), leave_one_out=(figure - without_each(evidence, exposure))[:, None]
    )


def gini(exposure: Floats) -> float:
    """Gini coefficient of non-negative numbers, at least one of them positive."""
    ordered = np.sort(exposure)
    m = ordered.size
    return float((2.0 * np.arange(1, m + 1) - m - 1.0) @ ordered / (m * ordered.sum()))


def without_each(evidence: Evidence, exposure: Floats) -> Floats:
    """Gini without each subject in turn, shape (n,); the Gini of all where a subject's list is all that there is.

    Only k items change, so each costs k look-ups in the sorted exposures instead of a new sort: with T = sum_ij |x_i -
    x_j|, G = T / (2 m sum x).
    """
    if evidence.subjects == 1:
        return np.array([gini(exposure)])
    parts = [
        _without(evidence.lists[at : at + _ROWS], evidence.looks[at : at + _ROWS], exposure)
        for at in range(0, evidence.subjects, _ROWS)
    ]
    return np.concatenate(parts)


def _without(lists: Ints, looks: Floats, exposure: Floats) -> Floats:
    shown = lists != ABSENT
    before = np.where(shown, exposure[lists], 0.0)
    after = np.where(shown, before - looks, 0.0)
    both = shown[:, :, None] & shown[:, None, :]
    distances = _distances_to(exposure)
    # Ordered pairs with a changed item: twice the distances to everybody, less the pairs inside the list, which that
    # counts twice.
    removed = 2.0 * (distances(before) * shown).sum(axis=1) - _pairs(before, before, both)
    to_the_rest = (distances(after) * shown).sum(axis=1) - _pairs(after, before, both)
    total = distances(exposure).sum() - removed + 2.0 * to_the_rest + _pairs(after, after, both)
    left = exposure.sum() - (looks * shown).sum(axis=1)
    return np.asarray(total / (2.0 * exposure.size * left), dtype=np.float64)


def _pairs(a: Floats, b: Floats, both: NDArray[np.bool_]) -> Floats:
    return np.asarray((np.abs(a[:, :, None] - b[:, None, :]) * both).sum(axis=(1, 2)), dtype=np.float64)


def _distances_to(exposure: Floats) -> Callable[[Floats], Floats]:
    """The sum over all items j of |v - x_j| as a function of v, from one sort."""
    ordered, m = np.sort(exposure), exposure.size
    sums = np.r_[0.0, np.cumsum(ordered)]

    def distances(values: Floats) -> Floats:
        below = np.searchsorted(ordered, values)
        return np.asarray(values * (2 * below - m) - 2.0 * sums[below] + sums[-1], dtype=np.float64)

    return distances


METRIC = Metric(
    slug="exposure_gini",
    title="Concentration of exposure (Gini)",
    formula="Gini coefficient of attention per title over the whole catalogue, titles never shown included",
    low=0.0,
    high=1.0,
    better="lower",
    needs=frozenset(),
    measure=measure,
)
