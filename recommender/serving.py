"""Lists and explanations from a model and the histories of those who are served.

A subject's own history is read here and nowhere stored; the list is shown to that subject only. That is joint
differential privacy: what all subjects share is the model. Who has not agreed to be profiled (DSA Art. 38, GDPR Art.
21) is served with an empty history, and ``explain`` is told so.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix

from recommender.cold_rows import with_cold_rows
from recommender.context import SLOTS
from recommender.eligibility import Eligibility
from recommender.errors import BadInteractions
from recommender.explanation import Explanation, Reason, parts_of
from recommender.features import CatalogueFeatures
from recommender.interactions import Interactions
from recommender.likeness import title_vectors
from recommender.linear_model import LinearModel
from recommender.model import Model, load_model
from recommender.ranking import Ranked
from recommender.scoring import Scoring

Progress = Callable[[int, int], None]

_BATCH = 512
"""Subjects scored at once: the more, the more of them share a row of weights that is read once; but their scores, 10 MB
for 5,000 titles, should still lie in the processor's cache when they are ranked."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One title of one subject's list; ``rank`` counts from 1."""

    item: str
    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Recommender:
    """Serves one model.

    Attributes:
        model: of any kind.
        threads: that batches are divided among; changes no list.
        features: public metadata. With it, whoever has no title that a personal model knows, or must not be profiled,
            gets popular titles that are unlike each other (``recommender.diversified``); without, the most popular.
    """

    model: Model
    threads: int = 2
    features: CatalogueFeatures | None = field(default=None, repr=False, compare=False)
    _column: Mapping[str, int] = field(init=False, repr=False, compare=False)
    _vectors: np.ndarray | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_column", {item: column for column, item in enumerate(self.model.items)})
        vectors = None if self.features is None else title_vectors(self.features, self.model.items)
        object.__setattr__(self, "_vectors", vectors)

    @classmethod
    def load(cls, folder: Path, expected_digest: str, *, features: CatalogueFeatures | None = None) -> Self:
        """A recommender over the saved model with that digest, of whatever kind.

        Raises:
            CorruptArtefact: the folder holds anything else.
        """
        return cls(load_model(folder, expected_digest), features=features)

    def scores(self, histories: Interactions, *, relative: bool = False, context: int | None = None) -> np.ndarray:
        """Scores of the model's titles for each subject: float32, shape (subjects, m).

        Args:
            histories: over any item axis; items that the model does not know contribute nothing.
            relative: scale each subject's scores so that the best title outside the history has 1. A model with
               prices always does, because prices are in that unit, and then adds them.
            context: see ``recommend``.

        A subject without any known item gets the popularity of each title.
        """
        known = histories.on_items(self.model.items).matrix
        scoring = Scoring(model=self.model, relative=relative, lift=self._lift(context))
        return np.concatenate(
            [scoring.scores(batch) for _, batch in _batches(known)]
            or [np.empty((0, len(self.model.items)), dtype=np.float32)]
        )

    def recommend(
        self,
        histories: Interactions,
        k: int,
        *,
        available: Collection[str] | None = None,
        eligible: Eligibility | None = None,
        context: int | None = None,
        progress: Progress | None = None,
    ) -> pa.Table:
        """The k best titles for each subject, best first.

        Args:
            histories: their subjects are served; a title in a history is never recommended to that subject.
            k: at most this many titles each; fewer where fewer are left.
            available: if given, only these titles are recommended.
            eligible: if given, only titles within the subject's limit are recommended to a subject.
            context: time slot, 0 to 7 (``recommender.context``), for a model that knows how titles fare in each; it
               changes nothing for another.
            progress: told (subjects served, subjects in all).

        Returns:
            subject: string, item: string, rank: int32 from 1, score: float32; by subject in the order given, then by
               rank.

        Guarantees:
            - equal scores stand in the order of the model's titles
            - who has no title that the model knows gets the list of ``diversified`` where there are ``features``; its
              titles stand in that order, which is not that of their scores
            - with a ``LinearModel``, a subject's list is the same to the last bit in a batch of any size and alone

        Raises:
            BadInteractions: k is not positive, no such slot, or a subject without a limit.
        """
        known = self._known(histories)
        scoring = self._scoring(k, available, eligible, context)
        limits = None if eligible is None else eligible.limits_of(histories.subjects)

        def ranked(batch: tuple[int, csr_matrix]) -> Ranked:
            start, rows = batch
            own = None if limits is None else limits[start : start + rows.shape[0]]
            return self._best(scoring, rows, k, own, varied=not self._same_for_all)

        lists, starts = [], range(0, known.shape[0], _BATCH)
        with ThreadPoolExecutor(self.threads) as pool:
            for start, found in zip(starts, pool.map(ranked, _batches(known)), strict=True):
                lists.append((start, found))
                if progress is not None:
                    progress(min(start + _BATCH, known.shape[0]), known.shape[0])
        return _table(lists, histories.subjects, self.model.items)

    def recommend_one(
        self,
        history: Collection[str],
        k: int,
        *,
        available: Collection[str] | None = None,
        eligible: Eligibility | None = None,
        context: int | None = None,
        profiled: bool = True,
    ) -> tuple[Listed, ...]:
        """The list of one subject, without tables: what ``recommend`` gives to somebody with that history.

        ``eligible`` has one limit for everybody. Titles of the history that the model does not know are passed over.
        ``profiled``: False for whoever has not agreed to it: neither the history nor the context is looked at.

        Raises:
            BadInteractions: as ``recommend``.
        """
        row = self._row(history if profiled else ())
        scoring = self._scoring(k, available, eligible, context if profiled else None)
        limits = None if eligible is None else eligible.limits_of(("",))
        found = self._best(scoring, row, k, limits, varied=not (profiled and self._same_for_all))
        columns, scores = found.columns.tolist(), found.scores.tolist()
        return tuple(Listed(self.model.items[c], n, s) for n, (c, s) in enumerate(zip(columns, scores, strict=True), 1))

    def explain(
        self, history: Collection[str], item: str, *, context: int | None = None, profiled: bool = True
    ) -> Explanation:
        """Why that title has its score for someone with that history: the exact share of each watched title.

        Args:
            history: what they watched.
            item: the title.
            context: that of the list.
            profiled: False for whoever has not agreed to it: neither history nor context is looked at.

        Guarantees:
            - the parts' amounts, popularity, what cannot be divided, and the price add up to the score
            - the score is the one that ``recommend`` gives, to float32

        Raises:
            BadInteractions: no such slot, or the model does not know the title, so it never recommends it.
        """
        model, column = self.model, self._column.get(item)
        if column is None:
            msg = "the model has no such title: it was watched too little to stand out of the noise"
            raise BadInteractions(msg)
        used, reason = set(history) if profiled else set(), self.reason(history, profiled=profiled)
        row, lift = self._row(used), self._lift(context if profiled else None)
        factor = 1.0 if lift is None else float(lift[column])
        scale = factor * Scoring(model=model, lift=lift).scale_of(row)
        found = model.amounts(row, column) if reason is Reason.HISTORY else None
        amounts, popularity, undivided = np.empty(0), 0.0, 0.0
        if found is not None:
            amounts = found * scale
        elif reason is Reason.WHOLE_HISTORY:
            undivided = float(model.raw_scores(row)[0, column]) * scale
        else:
            popularity = float(model.popularity[column]) * scale
        by_category = _price_of(model, column)
        price = sum(amount for _, amount in by_category)
        return Explanation(
            item=item,
            score=float(amounts.sum()) + popularity + undivided + price,
            parts=parts_of([model.items[place] for place in row.indices] if amounts.size else [], amounts),
            popularity=popularity,
            price=price,
            by_category=by_category,
            ignored=tuple(sorted(used - self._column.keys())),
            reason=reason,
            undivided=undivided,
            lift=factor,
        )

    def reason(self, history: Collection[str], *, profiled: bool = True) -> Reason:
        """What the list of someone with that history rests on; see ``explain`` for the arguments."""
        if not profiled:
            return Reason.NOT_PROFILED
        if self._same_for_all:
            return Reason.SAME_FOR_ALL
        row = self._row(history)
        if not row.nnz:
            return Reason.NO_KNOWN_HISTORY if history else Reason.NO_HISTORY
        return Reason.WHOLE_HISTORY if self.model.amounts(row, 0) is None else Reason.HISTORY

    @property
    def _same_for_all(self) -> bool:
        return isinstance(self.model, LinearModel) and self.model.weights is None

    def _best(self, scoring: Scoring, known: csr_matrix, k: int, limits: np.ndarray | None, *, varied: bool) -> Ranked:
        found = scoring.best(known, k, limits)
        if self._vectors is None or not varied:
            return found
        return with_cold_rows(found, known, scoring, vectors=self._vectors, k=k, limits=limits)

    def _known(self, histories: Interactions) -> csr_matrix:
        same = histories.items == self.model.items
        return histories.matrix if same else histories.on_items(self.model.items).matrix

    def _row(self, history: Iterable[str]) -> csr_matrix:
        columns = np.array(sorted({self._column[title] for title in history if title in self._column}), dtype=np.int32)
        ones = np.ones(len(columns), dtype=np.int8)
        return csr_matrix((ones, columns, np.array([0, len(columns)])), shape=(1, len(self._column)))

    def _lift(self, context: int | None) -> np.ndarray | None:
        if context is not None and not 0 <= context < SLOTS:
            msg = f"a time slot is a number from 0 to {SLOTS - 1}, got {context}"
            raise BadInteractions(msg)
        lifts = self.model.slot_lifts if isinstance(self.model, LinearModel) else None
        return None if lifts is None or context is None else lifts[:, context]

    def _scoring(
        self, k: int, available: Collection[str] | None, eligible: Eligibility | None, context: int | None
    ) -> Scoring:
        if k < 1:
            msg = f"a list has at least one title, got k = {k}"
            raise BadInteractions(msg)
        items = self.model.items
        closed = None if available is None else np.array([item not in available for item in items], dtype=bool)
        levels = None if eligible is None else eligible.levels_of(items)
        return Scoring(model=self.model, lift=self._lift(context), closed=closed, levels=levels)


def _price_of(model: Model, column: int) -> tuple[tuple[str, float], ...]:
    """What each category adds to a title's score, where it adds anything."""
    if model.prices is None:
        return ()
    amounts = model.prices.memberships[column] * model.prices.prices
    return tuple((c, float(a)) for c, a in zip(model.prices.categories, amounts, strict=True) if a)


def _batches(matrix: csr_matrix) -> Iterator[tuple[int, csr_matrix]]:
    for start in range(0, matrix.shape[0], _BATCH):
        yield start, csr_matrix(matrix[start : start + _BATCH])


def _table(lists: list[tuple[int, Ranked]], subjects: tuple[str, ...], items: tuple[str, ...]) -> pa.Table:
    nothing = Ranked(*(np.empty(0, kind) for kind in (np.int64, np.int64, np.int32, np.float32)))
    found = [nothing, *(ranked for _, ranked in lists)]
    rows = np.concatenate([nothing.rows, *(ranked.rows + start for start, ranked in lists)])
    columns = np.concatenate([ranked.columns for ranked in found])
    return pa.table(
        {
            "subject": pa.array(subjects, pa.string()).take(pa.array(rows)),
            "item": pa.array(items, pa.string()).take(pa.array(columns)),
            "rank": pa.array(np.concatenate([ranked.ranks for ranked in found])),
            "score": pa.array(np.concatenate([ranked.scores for ranked in found])),
        }
    )
