"""Sums over the prefixes of single lists of something that depends on how many items of a category stand in them."""

import numpy as np
from numpy.typing import NDArray

from audits.evidence import ABSENT, Evidence
from audits.statistics import Floats

Ints = NDArray[np.int64]

_ROWS = 4096


def over_prefixes(evidence: Evidence, has: NDArray[np.bool_], table: Floats) -> Floats:
    """Sum over the prefixes i = 1..length of each list of ``table[i - 1, T_i, g]``, for every category g, (n, c).

    T_i is the number of items with the category among the first i; ``has`` (m, c) says which items have it, ``table``
    is (k, k + 1, c). An item that raises a count from t to t + 1 at rank r changes the sum from r to the list's end by
    the difference of two cumulated rows: a list costs its items' categories, not all categories at all ranks.
    """
    cumulated = np.concatenate([np.zeros((1, *table.shape[1:])), np.cumsum(table, axis=0)])
    categories, present = _categories(has)
    parts = [
        _rows(evidence.lists[at : at + _ROWS], categories, present, cumulated)
        for at in range(0, evidence.subjects, _ROWS)
    ]
    return np.concatenate(parts)


def _categories(has: NDArray[np.bool_]) -> tuple[Ints, NDArray[np.bool_]]:
    """The categories of each item first, (m, most of any item), and whether there are so many."""
    width = max(int(has.sum(axis=1).max(initial=0)), 1)
    order = np.argsort(~has, axis=1, kind="stable")[:, :width]
    return order, np.take_along_axis(has, order, axis=1)


def _rows(lists: Ints, categories: Ints, present: NDArray[np.bool_], cumulated: Floats) -> Floats:
    length = (lists != ABSENT).sum(axis=1)
    width, counts_a_rank = cumulated.shape[2], cumulated.shape[1] * cumulated.shape[2]
    sums: Floats = cumulated[length, 0]
    # One index into flat memory is found faster than three.
    flat, step = sums.ravel(), np.diff(cumulated, axis=1, append=0.0).ravel()
    counts, first = np.zeros(sums.size, dtype=np.int64), width * np.arange(lists.shape[0])
    for rank, item in enumerate(lists.T):
        here = item != ABSENT
        for slot in range(categories.shape[1]):
            category = categories[item, slot]
            raises = here & present[item, slot]
            place = first + category
            now = counts[place]
            row = now * width + category
            change = step[length * counts_a_rank + row] - step[rank * counts_a_rank + row]
            flat[place] += raises * change
            counts[place] = now + raises
    return flat.reshape(sums.shape)
