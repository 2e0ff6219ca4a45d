"""The best of many scores, row by row, in an order that nothing but the scores decides."""

from dataclasses import dataclass

import numpy as np

_GROUPS = 16
"""For each title of a list: so many groups that two of the best seldom share one."""


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

    Sorting 5,000 titles to show 20 of them would take longer than scoring them, so only those are sorted that reach a
    score which at least k of the row do.

    Args:
        scores: float32, shape (n, m), without NaN.
        k: at least 1.

    Guarantees:
        - equal scores stand in the order of their columns, also where the end of a list falls among them
    """
    height, width = scores.shape
    reached = scores >= np.maximum(_reached_by(scores, k), np.finfo(np.float32).min)[:, None]
    places = np.flatnonzero(reached)
    rows, columns = np.divmod(places, max(width, 1))
    counts = np.bincount(rows, minlength=height)
    order = _best_first(scores.take(places), counts, k)
    listed = np.minimum(counts, k)
    ranks = np.arange(len(order)) - np.repeat(np.cumsum(listed) - listed, listed) + 1
    return Ranked(rows[order], columns[order], ranks.astype(np.int32), scores.take(places[order]))


def _best_first(found: np.ndarray, counts: np.ndarray, k: int) -> np.ndarray:
    """Places of the k best of each run of ``counts`` numbers, run by run; of equal ones the first comes first.

    Runs are laid side by side and padded: many short ones are sorted faster so than all numbers at once.
    """
    within = np.arange(counts.max(initial=0)) < counts[:, None]
    table = np.full(within.shape, np.inf, dtype=found.dtype)
    table[within] = -found
    order = np.argsort(table, axis=1, kind="stable")[:, :k]
    order += (np.cumsum(counts) - counts)[:, None]
    places: np.ndarray = order[within[:, :k]]
    return places


def _reached_by(scores: np.ndarray, k: int) -> np.ndarray:
    """A score that at least k of each row reach, and few more: shape (n,); minus infinity where there are not so many.

    Columns are dealt out to groups. The k-th largest of the groups' best is reached by k columns of different groups,
    and is found by going once through all and sorting out few, where a partition of all takes several times as long.
    """
    rows, width = scores.shape
    if k > width:
        return np.full(rows, -np.inf, dtype=scores.dtype)
    groups = _GROUPS * k
    leaders = scores
    if 2 * groups <= width:
        leaders = scores[:, : width - width % groups].reshape(rows, -1, groups).max(axis=1)
    place = leaders.shape[1] - k
    least: np.ndarray = np.partition(leaders, place, axis=1)[:, place]
    return least
