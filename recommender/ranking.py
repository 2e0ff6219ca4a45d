"""The best of many scores, row by row, in an order that nothing but the scores decides."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Entries of many lists, one after the other; within a list best first.

    Attributes:
        rows: whose list, int64, ascending.
        columns: which title, int64.
        ranks: int32 from 1 within each list.
        scores: float32.
    """

    rows: np.ndarray
    columns: np.ndarray
    ranks: np.ndarray
    scores: np.ndarray


def best_of(scores: np.ndarray, k: int) -> Ranked:
    """The k largest scores of each row; entries of minus infinity are in no list.

    Sorting 5,000 titles to show 20 of them would take longer than scoring them: a partition finds the k-th largest
    score, and only what reaches it is sorted.

    Args:
        scores: float32, shape (n, m), without NaN.
        k: at least 1.

    Guarantees:
        - equal scores stand in the order of their columns, also where the end of a list falls among them
    """
    width = scores.shape[1]
    if k < width:
        least = np.partition(scores, width - k, axis=1)[:, width - k]
        reached = scores >= np.maximum(least, np.finfo(np.float32).min)[:, None]
    else:
        reached = scores > -np.inf
    places = np.flatnonzero(reached)
    rows, columns = np.divmod(places, max(width, 1))
    found = scores.ravel()[places]
    order = np.lexsort((-found, rows))  # stable, and columns ascend
    rows, columns, found = rows[order], columns[order], found[order]
    ranks = np.arange(len(rows)) - np.searchsorted(rows, rows) + 1
    listed = ranks <= k
    return Ranked(rows[listed], columns[listed], ranks[listed].astype(np.int32), found[listed])
