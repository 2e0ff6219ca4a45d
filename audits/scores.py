"""A recommender's scores as a table, arranged for prices: subjects by items, what has no score is never shown."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from audits.errors import InvalidTable, UnknownItem
from audits.mitigation.problem import Ints, Mask
from audits.tables import codes

_MOST_CELLS = 500_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreMatrix:
    """Scores in single precision.

    Attributes:
        subjects: n keys, sorted.
        items: m keys, in the order given.
        scores: (n, m); 0 where there is none.
        excluded: True where there is none, or where the subject must not get the item, (n, m).
    """

    subjects: tuple[str, ...]
    items: tuple[str, ...]
    scores: NDArray[np.float32]
    excluded: Mask

    def rows(self, chosen: Ints) -> "ScoreMatrix":
        """Some of the subjects, by their places."""
        return ScoreMatrix(
            subjects=tuple(self.subjects[int(place)] for place in chosen),
            items=self.items,
            scores=self.scores[chosen],
            excluded=self.excluded[chosen],
        )

    def relative(self) -> "ScoreMatrix":
        """Each subject's scores scaled so that the best one that may be shown is 1.

        Raises:
            InvalidTable: a subject whose best score is not positive.
        """
        best = np.where(self.excluded, -np.inf, self.scores).max(axis=1)
        if not (best > 0).all():
            msg = f"scores: expected a positive best score of every subject, got {int((best <= 0).sum())} without one"
            raise InvalidTable(msg)
        scaled = (self.scores / best[:, None]).astype(np.float32)
        return ScoreMatrix(subjects=self.subjects, items=self.items, scores=scaled, excluded=self.excluded)


def score_matrix(table: pa.Table, items: Sequence[str], *, history: pa.Table | None = None) -> ScoreMatrix:
    """Arrange rows of ``subject``, ``item``, ``score``.

    With ``history`` (``subject``, ``item``) what a subject chose before is excluded too.

    Raises:
        InvalidTable: no rows, a null, a score that is not a finite number, a pair given twice, or more numbers than
            fit into memory.
        UnknownItem: an item that is not among ``items``.
    """
    subjects = tuple(sorted(pc.unique(_names(table, "subject")).to_pylist()))
    if not subjects or len(subjects) * len(items) > _MOST_CELLS:
        msg = f"scores: expected 1 to {_MOST_CELLS:,} subjects times items, got {len(subjects)} x {len(items)}"
        raise InvalidTable(msg)
    row, column = codes(_names(table, "subject"), subjects), codes(_names(table, "item"), items)
    if (column < 0).any():
        msg = f"scores, column item: expected items of the catalogue, got {int((column < 0).sum())} rows with others"
        raise UnknownItem(msg)
    values = _numbers(table)
    scores, given = np.zeros((len(subjects), len(items)), dtype=np.float32), np.zeros((len(subjects), len(items)), bool)
    scores[row, column], given[row, column] = values, True
    if int(given.sum()) != row.size:
        msg = f"scores: expected each subject and item once, got {row.size - int(given.sum())} repeated rows"
        raise InvalidTable(msg)
    excluded = ~given
    if history is not None:
        row, column = codes(_names(history, "subject"), subjects), codes(_names(history, "item"), items)
        known = (row >= 0) & (column >= 0)
        excluded[row[known], column[known]] = True
    return ScoreMatrix(subjects=subjects, items=tuple(items), scores=scores, excluded=excluded)


def _names(table: pa.Table, column: str) -> pa.ChunkedArray:
    values = _column(table, column)
    try:
        return values.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as cause:
        msg = f"scores, column {column}: expected text, got {values.type}"
        raise InvalidTable(msg) from cause


def _numbers(table: pa.Table) -> NDArray[np.float64]:
    values = _column(table, "score")
    try:
        numbers = np.asarray(values.cast(pa.float64()))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as cause:
        msg = f"scores, column score: expected numbers, got {values.type}"
        raise InvalidTable(msg) from cause
    # Beyond single precision a score would turn into infinity.
    bad = np.flatnonzero(~(np.abs(numbers) <= np.finfo(np.float32).max))
    if bad.size:
        msg = f"scores, column score: expected finite numbers, got {bad.size} others, first in row {bad[0]}"
        raise InvalidTable(msg)
    return numbers


def _column(table: pa.Table, column: str) -> pa.ChunkedArray:
    if table.schema.get_field_index(column) < 0:
        msg = f"scores: expected a column {column!r} once, got {table.column_names}"
        raise InvalidTable(msg)
    values = table[column]
    if values.null_count:
        msg = f"scores, column {column}: expected a value, got null in {values.null_count} rows"
        raise InvalidTable(msg)
    return values
