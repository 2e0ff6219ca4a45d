"""Items in queues, one for each kind: the front of every queue is all that a greedy choice has to look at.

Items with the same categories change a list alike, so of each kind the next one to enter is the one of the best score,
and of k ranks at most k of a kind can be filled. With hundreds of kinds and thousands of items that is less to look at
at every rank, and the queues stay as they are whatever else the choice weighs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.errors import InvalidConfig
from audits.mitigation.problem import Ints, Mask, Scores

_NUMBERS = 1 << 22
"""Scores sorted at a time: their order takes twice the memory that they do."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Queues:
    """Every subject's queues side by side, best item first.

    Attributes:
        items: place of each, (n, c); one beyond all items at the end of a queue.
        scores: their scores, (n, c); ``-inf`` at the end of a queue.
        starts: the first column of each queue, (t,).
    """

    items: NDArray[np.int32]
    scores: Scores
    starts: Ints

    def fronts(self, rows: slice) -> "Fronts":
        """The fronts of these subjects' queues."""
        items, scores = self.items[rows], self.scores[rows]
        return Fronts(items=items, scores=scores, at=np.tile(self.starts, (items.shape[0], 1)))


@dataclass(slots=True, kw_only=True, eq=False)
class Fronts:
    """How far the queues of some subjects have moved on: ``at`` (b, t) is the column that is next in each."""

    items: NDArray[np.int32]
    scores: Scores
    at: Ints

    def merit(self) -> Scores:
        """Score of the next item of each queue, (b, t); 0 where none is left, which ``take`` never takes."""
        found = self._ahead()
        found[np.isneginf(found)] = 0.0
        return found

    def take(self, value: Scores) -> tuple[Ints, Ints]:
        """The next item of the best queue by ``value`` (b, t), which moves on, and that queue: (b,) each.

        Of equal values the item that comes first is taken.
        """
        open_value = np.where(np.isneginf(self._ahead()), -np.inf, value)
        ahead = np.take_along_axis(self.items, self.at, axis=1)
        ties = np.where(open_value == open_value.max(axis=1, keepdims=True), ahead, np.iinfo(np.int32).max)
        queue = ties.argmin(axis=1)
        rows = np.arange(queue.size)
        self.at[rows, queue] += 1
        return ahead[rows, queue].astype(np.int64), queue

    def _ahead(self) -> Scores:
        return self.scores[np.arange(self.at.shape[0])[:, None], self.at]


def queues_of(scores: Scores, kinds: Ints, k: int, excluded: Mask | None = None) -> Queues:
    """Queues of at most ``k`` items for each of the kinds 0, 1, ... of items, (m,); excluded items stand in none.

    Raises:
        InvalidConfig: a kind that no item is of: its queue would be taken for that of the next one.
    """
    n, m = scores.shape
    order = np.argsort(kinds, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(kinds[order])) + 1)
    if not np.array_equal(kinds[order][[0, -1]], [0, len(members) - 1]):
        msg = f"re-ranking: expected items of all kinds from 0 to {int(kinds.max())}, got {len(members)} kinds"
        raise InvalidConfig(msg)
    widths = np.array([min(k, each.size) + 1 for each in members])
    starts = np.cumsum(widths) - widths
    items = np.full((n, int(widths.sum())), m, dtype=np.int32)
    found = np.full(items.shape, -np.inf, dtype=scores.dtype)
    step = max(1, _NUMBERS // m)
    for rows in (slice(start, start + step) for start in range(0, n, step)):
        left = scores[rows] if excluded is None else np.where(excluded[rows], -np.inf, scores[rows])
        for each, start in zip(members, starts.tolist(), strict=True):
            theirs = left[:, each]
            best = np.argsort(-theirs, axis=1, kind="stable")[:, :k]
            columns = slice(start, start + best.shape[1])
            items[rows, columns] = each[best]
            found[rows, columns] = np.take_along_axis(theirs, best, axis=1)
    return Queues(items=items, scores=found, starts=starts)
