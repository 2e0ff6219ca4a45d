"""Lists and explanations from a model and the histories of those who are served.

A subject's own history is read here and nowhere stored; the list is shown to that subject only. That is joint
differential privacy: what all subjects share is the model.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix

from recommender.errors import BadInteractions
from recommender.explanation import Explanation, Part, Reason
from recommender.interactions import Interactions
from recommender.linear_model import LinearModel

Progress = Callable[[int, int], None]

_BATCH = 1024


@dataclass(frozen=True, slots=True)
class Recommender:
    """Serves one model."""

    model: LinearModel

    def scores(self, histories: Interactions, *, relative: bool = False) -> np.ndarray:
        """Scores of the model's titles for each subject: float32, shape (subjects, m).

        Args:
            histories: over any item axis; items that the model does not know contribute nothing.
            relative: scale each subject's scores so that the best title outside the history has 1. A model with
               prices always does,
                because prices are in that unit, and then adds them.

        A subject without any known item gets the popularity of each title.
        """
        known = histories.on_items(self.model.items).matrix
        return np.concatenate(
            [self._scores(batch, relative=relative) for _, batch in _batches(known)]
            or [np.empty((0, len(self.model.items)), dtype=np.float32)]
        )

    def recommend(
        self,
        histories: Interactions,
        k: int,
        *,
        available: Collection[str] | None = None,
        progress: Progress | None = None,
    ) -> pa.Table:
        """The k best titles for each subject, best first.

        Args:
            histories: their subjects are served; a title in a history is never recommended to that subject.
            k: at most this many titles each; fewer where fewer are left.
            available: if given, only these titles are recommended.
            progress: told (subjects served, subjects in all).

        Returns:
            subject: string, item: string, rank: int32 from 1, score: float32; by subject in the order given, then by
               rank.

        Raises:
            BadInteractions: k is not positive.
        """
        if k < 1:
            msg = f"a list has at least one title, got k = {k}"
            raise BadInteractions(msg)
        known = histories.on_items(self.model.items).matrix
        allowed = np.array([available is None or item in available for item in self.model.items], dtype=bool)
        parts = []
        for start, batch in _batches(known):
            rows, columns, ranks, scores = _top(self._scores(batch, relative=False), batch, allowed, k)
            parts.append((rows + start, columns, ranks, scores))
            if progress is not None:
                progress(start + batch.shape[0], known.shape[0])
        return _table(parts, histories.subjects, self.model.items)

    def explain(self, history: Collection[str], item: str) -> Explanation:
        """Why that title has its score for someone with that history: the exact share of each watched title.

        Guarantees:
            - the parts' amounts plus the price are the score
            - the score is the one that ``recommend`` gives, to float32

        Raises:
            BadInteractions: the model does not know the title, so it never recommends it.
        """
        model = self.model
        place = {known: column for column, known in enumerate(model.items)}
        if item not in place:
            msg = "the model has no such title: it was watched too little to stand out of the noise"
            raise BadInteractions(msg)
        column = place[item]
        watched = sorted({place[title] for title in history if title in place})
        ignored = tuple(sorted(title for title in set(history) if title not in place))
        row = csr_matrix((np.ones(len(watched), np.int8), ([0] * len(watched), watched)), shape=(1, len(model.items)))
        scale = self._scale(self._raw(row), row)[0] if model.prices else 1.0
        price, by_category = self._price(column)
        if model.weights is None or not watched:
            amount = float(model.popularity[column] * scale)
            reason = Reason.SAME_FOR_ALL if model.weights is None else Reason.NO_KNOWN_HISTORY
            return Explanation(item, amount + price, (), amount, price, by_category, ignored, reason)
        weights = model.history_weights[watched]
        amounts = weights / np.linalg.norm(weights) * model.weights[watched, column] * scale
        parts = _parts([model.items[w] for w in watched], amounts)
        return Explanation(item, float(amounts.sum()) + price, parts, 0.0, price, by_category, ignored, Reason.HISTORY)

    def _price(self, column: int) -> tuple[float, tuple[tuple[str, float], ...]]:
        prices = self.model.prices
        if prices is None:
            return 0.0, ()
        amounts = prices.memberships[column] * prices.prices
        named = tuple((c, float(a)) for c, a in zip(prices.categories, amounts, strict=True) if a)
        return float(amounts.sum()), named

    def _scores(self, known: csr_matrix, *, relative: bool) -> np.ndarray:
        raw = self._raw(known)
        if relative or self.model.prices is not None:
            raw = raw * self._scale(raw, known)[:, None]
        if self.model.prices is not None:
            raw = raw + self.model.prices.per_item
        return raw.astype(np.float32)

    def _raw(self, known: csr_matrix) -> np.ndarray:
        model = self.model
        popular = np.broadcast_to(model.popularity, known.shape)
        if model.weights is None:
            return popular
        histories = csr_matrix((model.history_weights[known.indices], known.indices, known.indptr), shape=known.shape)
        norms = np.sqrt(np.asarray(histories.multiply(histories).sum(axis=1)).ravel())
        scores = np.asarray(histories @ model.weights) / np.where(norms > 0, norms, 1.0)[:, None]
        return np.where((norms > 0)[:, None], scores, popular)

    @staticmethod
    def _scale(raw: np.ndarray, known: csr_matrix) -> np.ndarray:
        best = np.where(known.toarray() > 0, -np.inf, raw).max(axis=1, initial=-np.inf)
        scale: np.ndarray = np.divide(1.0, best, out=np.ones_like(best), where=np.isfinite(best) & (best > 0))
        return scale


def _parts(items: list[str], amounts: np.ndarray) -> tuple[Part, ...]:
    whole = float(amounts.sum())
    shares = amounts / whole if whole else np.zeros_like(amounts)
    parts = [Part(item, float(a), float(share)) for item, a, share in zip(items, amounts, shares, strict=True)]
    return tuple(sorted(parts, key=lambda part: (-part.amount, part.item)))


def _batches(matrix: csr_matrix) -> Iterator[tuple[int, csr_matrix]]:
    for start in range(0, matrix.shape[0], _BATCH):
        yield start, csr_matrix(matrix[start : start + _BATCH])


def _top(
    scores: np.ndarray, known: csr_matrix, allowed: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns, ranks and scores of the k best; ties go to the title that comes first on the model's axis."""
    open_scores = np.where((known.toarray() > 0) | ~allowed, -np.inf, scores)
    order = np.argsort(-open_scores, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(open_scores, order, axis=1)
    rows, ranks = np.nonzero(np.isfinite(best))
    return rows, order[rows, ranks], ranks + 1, best[rows, ranks]


def _table(
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]],
    subjects: tuple[str, ...],
    items: tuple[str, ...],
) -> pa.Table:
    empty = (np.empty(0, np.int64),) * 3 + (np.empty(0, np.float32),)
    rows, columns, ranks, scores = (np.concatenate(column) for column in zip(empty, *parts, strict=True))
    return pa.table(
        {
            "subject": pa.array(subjects, pa.string()).take(pa.array(rows)),
            "item": pa.array(items, pa.string()).take(pa.array(columns)),
            "rank": pa.array(ranks.astype(np.int32)),
            "score": pa.array(scores.astype(np.float32)),
        }
    )
