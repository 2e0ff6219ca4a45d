"""Who interacted with what: a sparse 0/1 matrix with its two axes named.

Subjects are opaque keys, one row each; items are public, one column each. Ratings and repeats are gone by here: what
counts as an interaction is decided by whoever makes the table. Beside each interaction may stand when it was and how
much it counts (``recommender.weighting``); only a measurement reads either.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

from recommender.errors import BadInteractions, EmptyInteractions

LEAST_IMPORTANCE = 2.0**-16


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Interactions:
    """Subjects by items, 0/1.

    Attributes:
        subjects: opaque keys, one row each.
        items: public, one column each.
        matrix: int8 in canonical CSR form.
        times: when, in seconds since 1970 UTC: int64, aligned with ``matrix.data``, or None.
        importance: how much an interaction counts in a history: float64 in [2^-16, 1], aligned likewise, or
            None for 1. Far smaller numbers would have squares that floating point takes for 0.
        utc_offsets: seconds that a subject's clock is ahead of UTC: int64, shape (subjects,), or None for 0.

    Guarantees:
        - ``matrix`` has sorted column numbers, no stored zero, no entry twice
        - both axes are free of repeats
    """

    subjects: tuple[str, ...]
    items: tuple[str, ...]
    matrix: csr_matrix
    times: np.ndarray | None = None
    importance: np.ndarray | None = None
    utc_offsets: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.matrix.shape != (len(self.subjects), len(self.items)):
            msg = f"a matrix of {self.matrix.shape} for {len(self.subjects)} subjects and {len(self.items)} items"
            raise BadInteractions(msg)
        if len(set(self.subjects)) != len(self.subjects) or len(set(self.items)) != len(self.items):
            msg = "a subject or an item stands twice on its axis"
            raise BadInteractions(msg)
        if self.matrix.dtype != np.int8 or not self.matrix.has_canonical_format or (self.matrix.data != 1).any():
            msg = "an interaction matrix holds int8 ones in canonical CSR form"
            raise BadInteractions(msg)
        _require_aligned(self.times, np.int64, self.matrix.nnz, "times: one int64 for each interaction")
        _require_aligned(self.utc_offsets, np.int64, len(self.subjects), "utc_offsets: one int64 for each subject")
        wanted = "importance: one float64 in [2^-16, 1] for each interaction"
        _require_aligned(self.importance, np.float64, self.matrix.nnz, wanted)
        if self.importance is not None and not ((self.importance >= LEAST_IMPORTANCE) & (self.importance <= 1)).all():
            raise BadInteractions(wanted)

    def __repr__(self) -> str:
        """Shapes only: subjects and what they did belong in no log line."""
        return (
            f"{type(self).__name__}({len(self.subjects)} subjects, {len(self.items)} items, {self.matrix.nnz} stored)"
        )

    @property
    def lengths(self) -> np.ndarray:
        """Items per subject: int64, shape (subjects,)."""
        return np.diff(self.matrix.indptr).astype(np.int64)

    @property
    def row_numbers(self) -> np.ndarray:
        """The row of each interaction: int64, aligned with ``matrix.data``."""
        return np.repeat(np.arange(len(self.subjects)), self.lengths)

    def rows(self, chosen: np.ndarray) -> "Interactions":
        """The chosen subjects only, in that order. ``chosen``: row numbers, or a mask over the rows."""
        numbers = np.arange(len(self.subjects))[chosen]
        lengths = self.lengths[numbers]
        starts = np.cumsum(lengths) - lengths
        places = np.arange(int(lengths.sum())) + np.repeat(self.matrix.indptr[numbers] - starts, lengths)
        return replace(
            self,
            subjects=tuple(self.subjects[n] for n in numbers),
            matrix=csr_matrix(self.matrix[numbers]),
            times=_taken(self.times, places),
            importance=_taken(self.importance, places),
            utc_offsets=_taken(self.utc_offsets, numbers),
        )

    def on_items(self, items: Sequence[str]) -> "Interactions":
        """The same subjects over another item axis: other items are dropped, items nobody has are empty columns."""
        place = {item: column for column, item in enumerate(items)}
        target = np.array([place.get(item, -1) for item in self.items], dtype=np.int64)
        return self._at(target[self.matrix.indices], tuple(items))

    def only(self, kept: np.ndarray) -> "Interactions":
        """The same axes with the interactions under a mask, which is aligned with ``matrix.data``."""
        return self._at(np.where(kept, self.matrix.indices, -1), self.items)

    def _at(self, columns: np.ndarray, items: tuple[str, ...]) -> "Interactions":
        """Each interaction at a new column of a new axis; below 0 it is dropped."""
        rows = self.row_numbers
        places = np.lexsort((columns, rows))
        places = places[columns[places] >= 0]
        return replace(
            self,
            items=items,
            matrix=ones(rows[places], columns[places], (len(self.subjects), len(items))),
            times=_taken(self.times, places),
            importance=_taken(self.importance, places),
        )


def _require_aligned(values: np.ndarray | None, kind: type[np.generic], count: int, wanted: str) -> None:
    if values is not None and (values.dtype != kind or values.shape != (count,)):
        raise BadInteractions(wanted)


def _taken(values: np.ndarray | None, places: np.ndarray) -> np.ndarray | None:
    return None if values is None else values[places]


def ones(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> csr_matrix:
    """A canonical 0/1 matrix with ones at the given places; a place named twice is still one."""
    matrix = csr_matrix((np.ones(len(rows), dtype=np.int64), (rows, columns)), shape=shape)
    matrix.sum_duplicates()
    matrix.data = np.ones_like(matrix.data, dtype=np.int8)
    return matrix


def interactions_from(table: pa.Table, items: Sequence[str], *, subjects: Sequence[str] | None = None) -> Interactions:
    """Read a table with the text columns ``subject`` and ``item``, and with ``time`` and ``importance`` if it has them.

    Args:
        table: one row per interaction; repeats count once, with the latest ``time`` (seconds since 1970 UTC) and the
            largest ``importance``. Other columns are ignored.
        items: the item axis, usually the whole catalogue.
        subjects: the subject axis, where it should hold subjects without any row; else those of the table, sorted.

    Raises:
        BadInteractions: a column is missing or has nulls, or rows name items or subjects outside the axes (says how
           many).
        EmptyInteractions: no rows, and no ``subjects`` given.
    """
    for name in ("subject", "item"):
        if name not in table.column_names or table[name].null_count:
            msg = f"interactions need a column {name} without nulls"
            raise BadInteractions(msg)
    if subjects is None:
        if table.num_rows == 0:
            msg = "there are no interactions: nothing passed the filters before this step"
            raise EmptyInteractions(msg)
        subjects = pc.unique(table["subject"]).sort().to_pylist()
    rows = _places(table["subject"], subjects, "subjects")
    columns = _places(table["item"], items, "items")
    matrix = ones(rows, columns, (len(subjects), len(items)))
    times = _largest(table, "time", pa.int64(), rows, columns)
    importance = _largest(table, "importance", pa.float64(), rows, columns)
    return Interactions(tuple(subjects), tuple(items), matrix, times, importance)


def _places(values: pa.ChunkedArray, axis: Sequence[str], what: str) -> np.ndarray:
    found = pc.index_in(values.cast(pa.string()), value_set=pa.array(axis, pa.string()))
    if found.null_count:
        msg = f"{found.null_count} of {len(values)} interactions name {what} that are not on the axis"
        raise BadInteractions(msg)
    places: np.ndarray = found.to_numpy().astype(np.int64)
    return places


def _largest(table: pa.Table, name: str, kind: pa.DataType, rows: np.ndarray, columns: np.ndarray) -> np.ndarray | None:
    """The largest value of each place, in the order of a canonical matrix; None where there is no such column."""
    if name not in table.column_names:
        return None
    if table[name].null_count:
        msg = f"interactions need a column {name} without nulls"
        raise BadInteractions(msg)
    try:
        values = table[name].cast(kind).to_numpy()
    except pa.ArrowException as cause:
        msg = f"interactions need a column {name} of the type {kind}, got {table.schema.field(name).type}"
        raise BadInteractions(msg) from cause
    order = np.lexsort((values, columns, rows))
    last = np.ones(len(order), dtype=bool)
    last[:-1] = (np.diff(rows[order]) != 0) | (np.diff(columns[order]) != 0)
    largest: np.ndarray = values[order[last]]
    return largest


def capped(interactions: Interactions, at_most: int) -> Interactions:
    """Cut long histories to the ``at_most`` items of largest importance.

    Of equal importance, those stay that a hash of subject and item draws: the same on every machine and in every run,
    and blind to all other subjects, so that one subject's presence never changes another's contribution.
    """
    too_long = np.flatnonzero(interactions.lengths > at_most)
    if len(too_long) == 0:
        return interactions
    matrix = interactions.matrix
    keep = np.ones(matrix.nnz, dtype=bool)
    for row in too_long:
        start, stop = matrix.indptr[row], matrix.indptr[row + 1]
        order = _lottery(interactions.subjects[row], [interactions.items[c] for c in matrix.indices[start:stop]])
        if interactions.importance is not None:
            order = order[np.argsort(-interactions.importance[start:stop][order], kind="stable")]
        keep[start + order[at_most:]] = False
    return interactions.only(keep)


def _lottery(subject: str, items: list[str]) -> np.ndarray:
    key = hashlib.blake2b(subject.encode(), digest_size=32, person=b"probity-cap").digest()
    tickets = [hashlib.blake2b(item.encode(), key=key, digest_size=16).digest() for item in items]
    return np.array(sorted(range(len(items)), key=tickets.__getitem__), dtype=np.int64)


def digest_of(interactions: Interactions, *, salt: bytes = b"") -> str:
    """SHA-256 over the interactions in one canonical order, as 64 hex digits.

    It identifies the input exactly, so the guarantee of a release does not cover it: whoever could guess the whole
    input could confirm the guess. Pass a salt where the digest leaves the house.
    """
    beside = (interactions.times, interactions.importance, interactions.utc_offsets)
    # Interactions with nothing beside them keep the digest that they have always had.
    plain = all(values is None for values in beside)
    hasher = hashlib.sha256(b"probity/interactions/v1\x00" if plain else b"probity/interactions/v2\x00")
    columns = sorted(range(len(interactions.items)), key=interactions.items.__getitem__)
    place = np.empty(len(columns), dtype=np.int64)
    place[columns] = np.arange(len(columns))
    _absorb(hasher, [salt, *(interactions.items[c].encode() for c in columns)])
    matrix = interactions.matrix
    for row in sorted(range(len(interactions.subjects)), key=interactions.subjects.__getitem__):
        held = slice(matrix.indptr[row], matrix.indptr[row + 1])
        order = np.argsort(place[matrix.indices[held]])
        parts = [interactions.subjects[row].encode(), place[matrix.indices[held]][order].astype("<i8").tobytes()]
        if not plain:
            parts += [_bytes_of(values, held, order) for values in beside[:2]]
            parts.append(_bytes_of(interactions.utc_offsets, slice(row, row + 1), np.zeros(1, np.int64)))
        _absorb(hasher, parts)
    return hasher.hexdigest()


def _bytes_of(values: np.ndarray | None, held: slice, order: np.ndarray) -> bytes:
    if values is None:
        return b"none"
    chosen = values[held][order]
    encoded: bytes = chosen.astype(chosen.dtype.newbyteorder("<")).tobytes()
    return b"some" + encoded


def _absorb(hasher: "hashlib._Hash", parts: list[bytes]) -> None:
    hasher.update(len(parts).to_bytes(8, "big"))
    for part in parts:
        hasher.update(len(part).to_bytes(8, "big") + part)
