"""Items in queues, one for each kind: the front of every queue is all that a greedy choice has to look at.

Items with the same categories change a list alike, so of each kind the next one to enter is the one of the best score,
and of k ranks at most k of a kind can be filled. With hundreds of kinds and thousands of items that is less to look at
at every rank, and the queues stay as they are whatever else the choice weighs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.exposure_problem import Ints, Mask, Scores


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Queues:
    """Every subject's queues side by side, best item first.

    Attributes:
        items: place of each, (n, c); one beyond all items at the end of a queue.
        scores: their scores, (n, c); ``-inf`` at the end of a queue.
        starts: the first column of each queue, (t,).
        kinds: which queue an item stands in, (m,).
    """

    items: NDArray[np.int32]
    scores: Scores
    starts: Ints
    kinds: Ints

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
    """Queues of at most ``k`` items for each of the kinds 0, 1, ... of items, (m,); excluded items stand in none."""
    n, m = scores.shape
    items, columns, starts, width = [], [], [], 0
    nobody = np.full((n, 1), m, dtype=np.int32)
    nothing = np.full((n, 1), -np.inf, dtype=scores.dtype)
    order = np.argsort(kinds, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(kinds[order])) + 1):
        theirs = scores[:, members]
        if excluded is not None:
            theirs[excluded[:, members]] = -np.inf
        best = np.argsort(-theirs, axis=1, kind="stable")[:, :k]
        starts.append(width)
        width += best.shape[1] + 1
        items += [members[best].astype(np.int32), nobody]
        columns += [np.take_along_axis(theirs, best, axis=1), nothing]
    return Queues(items=np.hstack(items), scores=np.hstack(columns), starts=np.array(starts), kinds=kinds)
