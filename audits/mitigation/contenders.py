"""Which items can enter a list whatever the prices are, and the best lists under given prices.

A price is added alike to all items with the same shares in every category, so it never changes the order among them:
of each such kind only a subject's k best can enter a list of k. With eight categories and one category an item, 80
candidates a subject stand for a whole catalogue, and the bound stays that of the whole catalogue.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np

from audits.mitigation.problem import Floats, Ints, Mask, Problem, Scores

_NUMBERS = 1 << 17
"""Scores worked on at a time: what a core's cache holds."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Response:
    """The best lists at some prices.

    Attributes:
        prices: (G,).
        utility: attention-weighted mean score.
        shares: attention given to each category, (G,).
        value: no lists have a larger ``utility + shares @ prices``; rounding of the scores is counted in.
    """

    prices: Floats
    utility: float
    shares: Floats
    value: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contenders:
    """The scores that count.

    Attributes:
        scores: (n, c), ``-inf`` where a subject has fewer.
        kinds: kind of each column, (c,).
        groups: category shares of each kind, (kinds, G).
        weights: attention of each rank, (k,).
        largest: largest absolute score.
    """

    scores: Scores
    kinds: Ints
    groups: Floats
    weights: Floats
    largest: float

    def respond(self, prices: Floats) -> Response:
        """The best lists at these prices.

        Guarantees:
          - ``value`` is at least the priced utility of any lists: sums are in double precision, and what single
            precision can hide is added
        """
        n, k = self.scores.shape[0], self.weights.size
        added = _as_precise((self.groups @ prices)[self.kinds], self.scores)
        utility, exposure = 0.0, np.zeros(self.groups.shape[0])
        rows = max(1, _NUMBERS // self.kinds.size)
        for start in range(0, n, rows):
            scores = self.scores[start : start + rows]
            best = top(np.add(scores, added), k)
            utility += float(np.take_along_axis(scores, best, axis=1).sum(axis=0, dtype=np.float64) @ self.weights)
            exposure += np.bincount(
                self.kinds[best].ravel(), np.tile(self.weights, best.shape[0]), minlength=exposure.size
            )
        attention = n * float(self.weights.sum())
        utility, shares = utility / attention, exposure @ self.groups / attention
        return Response(
            prices=prices, utility=utility, shares=shares, value=utility + float(shares @ prices) + self._hidden(added)
        )

    def _hidden(self, added: Scores) -> float:
        """By how much rounded sums can hide a better list: each is off by half a unit in the last place or less."""
        largest = float(np.abs(added).max(initial=0.0))
        return float(np.finfo(self.scores.dtype).eps) * (self.largest + 2.0 * largest) if largest else 0.0


def contenders_of(problem: Problem) -> Contenders:
    """The contenders of a problem; all items where most of them differ in their category shares."""
    groups, kinds = np.unique(problem.groups, axis=0, return_inverse=True)
    kinds, k = kinds.ravel().astype(np.int64), problem.weights.size
    sizes = np.bincount(kinds)
    kept = np.minimum(sizes, k)
    if 2 * kept.sum() > kinds.size:
        scores, columns = _open(problem.scores, problem.excluded), kinds
    else:
        order = np.argsort(kinds, kind="stable")
        members = np.split(order, np.cumsum(sizes)[:-1])
        scores = _joined([_best(problem, those, k) for those in members])
        columns = np.repeat(np.arange(sizes.size), kept)
    return Contenders(
        scores=scores,
        kinds=columns,
        groups=groups,
        weights=problem.weights,
        largest=float(max(abs(problem.scores.max()), abs(problem.scores.min()))),
    )


def top(priced: Scores, k: int) -> Ints:
    """Columns of the k largest numbers of each row, largest first, shape (rows, k)."""
    # A partition finds the k best in linear time; only those are sorted.
    last = priced.shape[1] - k
    best = np.argpartition(priced, last, axis=1)[:, last:]
    values = np.take_along_axis(priced, best, axis=1)
    order = np.argsort(np.negative(values), axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1)


def _open(scores: Scores, excluded: Mask | None) -> Scores:
    """Scores, ``-inf`` where the subject must not get the item."""
    if excluded is None:
        return scores
    left = scores.copy()
    left[excluded] = -np.inf
    return left


def _best(problem: Problem, items: Ints, k: int) -> Scores:
    excluded = None if problem.excluded is None else problem.excluded[:, items]
    scores, last = _open(problem.scores[:, items], excluded), items.size - k
    if last > 0:
        scores.partition(last, axis=1)
        return scores[:, last:]
    return scores


def _joined(blocks: list[Scores]) -> Scores:
    return cast("Scores", np.hstack(blocks))


def _as_precise(numbers: Floats, scores: Scores) -> Scores:
    return numbers.astype(np.float32) if scores.dtype == np.float32 else numbers
