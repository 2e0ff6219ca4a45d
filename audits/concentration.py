"""How unevenly attention falls on items, and how that changes when one subject leaves.

Gini and entropy are functions of all exposures together. A subject's list moves only k of them, so leaving each subject
out in turn costs what k look-ups and a sort of 2k numbers cost, not a new pass over the catalogue.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from audits.evidence import ABSENT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROWS = 16_384


def gini(exposure: Floats) -> float:
    """Gini coefficient of non-negative numbers, at least one of them positive."""
    ordered = np.sort(exposure)
    m = ordered.size
    return float((2.0 * np.arange(1, m + 1) - m - 1.0) @ ordered / (m * ordered.sum()))


def entropy(exposure: Floats) -> float:
    """Shannon entropy in bits of non-negative numbers taken as shares of their sum, at least one of them positive."""
    total = exposure.sum()
    return max(float(np.log2(total) - _x_log2_x(exposure).sum() / total), 0.0)


def gini_without_each(lists: Ints, looks: Floats, exposure: Floats) -> Floats:
    """Gini without each subject in turn, shape (n,); the Gini of all where a subject's list is all that there is.

    With T = sum_ij |x_i - x_j|, G = T / (2 m sum x). If k exposures fall from b to a, then T changes by
    2 sum (D(a) - D(b)) + P(a, a) + P(b, b) - 2 P(a, b), where D(v) = sum_j |v - x_j| over the catalogue and P sums
    |difference| over all pairs of two sets. All P follow from sorted numbers: P(v, v) = 2 sum_r (2r - size - 1) v_(r),
    and 2 P(a, b) = P(both, both) - P(a, a) - P(b, b).
    """
    distances = _distances_to(exposure)
    total, mass, everything = float(distances(exposure).sum()), float(exposure.sum()), gini(exposure)
    moved = _moves(lists, looks, exposure, distances)

    def without(rows: slice) -> Floats:
        shown = lists[rows] != ABSENT
        before = np.where(shown, exposure[lists[rows]], 0.0)
        after = np.where(shown, before - looks[rows], 0.0)
        inside = 2.0 * (_pairs(after) + _pairs(before)) - _pairs(np.concatenate([before, after], axis=1))
        change = 2.0 * np.where(shown, moved(rows), 0.0).sum(axis=1) + inside
        left = mass - np.where(shown, looks[rows], 0.0).sum(axis=1)
        spread = (total + change) / (2.0 * exposure.size)
        some = left > mass * 1e-12
        return np.where(some, spread / np.where(some, left, 1.0), everything)

    return _by_rows(lists.shape[0], without)


def entropy_without_each(lists: Ints, looks: Floats, exposure: Floats) -> Floats:
    """Entropy in bits without each subject in turn, shape (n,); that of all where a list is all that there is."""
    terms = _x_log2_x(exposure)
    total, mass, everything = float(terms.sum()), float(exposure.sum()), entropy(exposure)

    def without(rows: slice) -> Floats:
        shown = lists[rows] != ABSENT
        # Rounding can leave what one subject alone had a hair below 0.
        after = np.maximum(exposure[lists[rows]] - looks[rows], 0.0)
        kept = total + np.where(shown, _x_log2_x(after) - terms[lists[rows]], 0.0).sum(axis=1)
        left = mass - np.where(shown, looks[rows], 0.0).sum(axis=1)
        some = left > mass * 1e-12
        left = np.where(some, left, 1.0)
        return np.where(some, np.maximum(np.log2(left) - kept / left, 0.0), everything)

    return _by_rows(lists.shape[0], without)


def _moves(
    lists: Ints, looks: Floats, exposure: Floats, distances: Callable[[Floats], Floats]
) -> Callable[[slice], Floats]:
    """D(x - w) - D(x) of each place in the lists, by rows; from one table where all subjects look alike."""
    here = distances(exposure)
    n, k = lists.shape
    if exposure.size <= n and bool((looks == looks[0]).all()):
        table = distances(exposure[:, None] - looks[0]) - here[:, None]
        ranks = np.arange(k)
        return lambda rows: np.asarray(table[lists[rows], ranks], dtype=np.float64)
    return lambda rows: np.asarray(distances(exposure[lists[rows]] - looks[rows]) - here[lists[rows]], dtype=np.float64)


def _pairs(values: Floats) -> Floats:
    """Sum over all ordered pairs of |difference| within each row."""
    size = values.shape[1]
    return np.asarray(2.0 * (np.sort(values, axis=1) @ (2.0 * np.arange(1, size + 1) - size - 1.0)), dtype=np.float64)


def _distances_to(exposure: Floats) -> Callable[[Floats], Floats]:
    """The sum over all items j of |v - x_j| as a function of v, from one sort."""
    ordered, m = np.sort(exposure), exposure.size
    sums = np.r_[0.0, np.cumsum(ordered)]

    def distances(values: Floats) -> Floats:
        below = np.searchsorted(ordered, values)
        return np.asarray(values * (2 * below - m) - 2.0 * sums[below] + sums[-1], dtype=np.float64)

    return distances


def _x_log2_x(values: Floats) -> Floats:
    return np.asarray(values * np.log2(np.maximum(values, 1e-300)), dtype=np.float64)


def _by_rows(n: int, measure: Callable[[slice], Floats]) -> Floats:
    """Results of a few thousand rows at a time, so that memory stays small."""
    return np.concatenate([measure(slice(at, at + _ROWS)) for at in range(0, n, _ROWS)])
