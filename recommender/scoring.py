"""From a batch of histories to scores that can be ranked: lifts, the relative scale, prices, and what is not open."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from recommender.model import Model
from recommender.ranking import Ranked, best_of

_NOTHING = 1e-30
"""A best score that small is no unit for prices: one over it would leave what float32 can hold."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scoring:
    """How one call scores its batches.

    Attributes:
        model: what gives the raw scores.
        relative: whether each subject's best title outside the history has 1; with prices it always does.
        lift: what the time slot multiplies each title's raw score by, positive, shape (m,), or None.
        closed: titles that nobody is shown, shape (m,), or None.
        levels: levels that a subject's limit is compared with, shape (m,), or None.
    """

    model: Model
    relative: bool = False
    lift: np.ndarray | None = None
    closed: np.ndarray | None = None
    levels: np.ndarray | None = None

    def scores(self, known: csr_matrix) -> np.ndarray:
        """float32, shape (n, m): (raw · lift) · scale + price."""
        scores = self._lifted(known)
        prices = self.model.prices
        if self.relative or prices is not None:
            scores *= _scale(scores, known)[:, None]
        if prices is not None:
            scores += prices.per_item.astype(np.float32)
        return scores

    def best(self, known: csr_matrix, k: int, limits: np.ndarray | None) -> Ranked:
        """The k best open titles of each row; ``limits`` has one limit a row where there are levels."""
        scores = self.scores(known)
        scores.put(_places(known), -np.inf)
        if self.closed is not None:
            scores[:, self.closed] = -np.inf
        if self.levels is not None and limits is not None:
            scores[self.levels > limits[:, None]] = -np.inf
        return best_of(scores, k)

    def scale_of(self, known: csr_matrix) -> float:
        """What the first row's lifted scores are multiplied by."""
        if not (self.relative or self.model.prices is not None):
            return 1.0
        return float(_scale(self._lifted(known), known)[0])

    def _lifted(self, known: csr_matrix) -> np.ndarray:
        scores = self.model.raw_scores(known)
        if self.lift is not None:
            scores *= self.lift.astype(np.float32)
        return scores


def _places(known: csr_matrix) -> np.ndarray:
    """Where each stored entry stands in a dense matrix of the same shape, row by row."""
    places: np.ndarray = np.repeat(np.arange(known.shape[0]) * known.shape[1], np.diff(known.indptr)) + known.indices
    return places


def _scale(scores: np.ndarray, known: csr_matrix) -> np.ndarray:
    """One over each row's best score outside the history, 1 where that is nothing or less: float32, shape (n,)."""
    places = _places(known)
    watched = scores.take(places)
    scores.put(places, -np.inf)
    best = scores.max(axis=1, initial=-np.inf)
    scores.put(places, watched)
    scale: np.ndarray = np.divide(1.0, best, out=np.ones_like(best), where=np.isfinite(best) & (best > _NOTHING))
    return scale
