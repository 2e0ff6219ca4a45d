"""Who interacted with what: a sparse 0/1 matrix with its two axes named.

Subjects are opaque keys, one row each; items are public, one column each. Ratings and repeats are gone by here: what
counts as an interaction is decided by whoever makes the table.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

from recommender.errors import BadInteractions, EmptyInteractions


@dataclass(frozen=True, slots=True, eq=False)
class Interactions:
    """Subjects by items, 0/1.

    Guarantees:
        - ``matrix`` is int8 in canonical CSR form: sorted column numbers, no stored zero, no entry twice
        - both axes are free of repeats
    """

    subjects: tuple[str, ...]
    items: tuple[str, ...]
    matrix: csr_matrix

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

    @property
    def lengths(self) -> np.ndarray:
        """Items per subject: int64, shape (subjects,)."""
        return np.diff(self.matrix.indptr).astype(np.int64)

    def rows(self, chosen: np.ndarray) -> "Interactions":
        """The chosen subjects only, in that order. ``chosen``: row numbers, or a mask over the rows."""
        numbers = np.arange(len(self.subjects))[chosen]
        return Interactions(tuple(self.subjects[n] for n in numbers), self.items, csr_matrix(self.matrix[numbers]))

    def on_items(self, items: Sequence[str]) -> "Interactions":
        """The same subjects over another item axis: other items are dropped, items nobody has are empty columns."""
        place = {item: column for column, item in enumerate(items)}
        target = np.array([place.get(item, -1) for item in self.items], dtype=np.int64)
        rows = np.repeat(np.arange(len(self.subjects)), self.lengths)
        columns = target[self.matrix.indices]
        kept = columns >= 0
        matrix = ones(rows[kept], columns[kept], (len(self.subjects), len(place)))
        return Interactions(self.subjects, tuple(items), matrix)


def ones(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> csr_matrix:
    """A canonical 0/1 matrix with ones at the given places; a place named twice is still one."""
    matrix = csr_matrix((np.ones(len(rows), dtype=np.int64), (rows, columns)), shape=shape)
    matrix.sum_duplicates()
    matrix.data = np.ones_like(matrix.data, dtype=np.int8)
    return matrix


def interactions_from(table: pa.Table, items: Sequence[str], *, subjects: Sequence[str] | None = None) -> Interactions:
    """Read a table with the text columns ``subject`` and ``item``.

    Args:
        table: one row per interaction; repeats count once. Other columns are ignored.
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
    return Interactions(tuple(subjects), tuple(items), ones(rows, columns, (len(subjects), len(items))))


def _places(values: pa.ChunkedArray, axis: Sequence[str], what: str) -> np.ndarray:
    found = pc.index_in(values.cast(pa.string()), value_set=pa.array(axis, pa.string()))
    if found.null_count:
        msg = f"{found.null_count} of {len(values)} interactions name {what} that are not on the axis"
        raise BadInteractions(msg)
    places: np.ndarray = found.to_numpy().astype(np.int64)
    return places


def capped(interactions: Interactions, at_most: int) -> Interactions:
    """Cut long histories to ``at_most`` items.

    Which items stay is decided by a hash of subject and item: the same on every machine and in every run, and blind
    to all other subjects, so that one subject's presence never changes another's contribution.
    """
    too_long = np.flatnonzero(interactions.lengths > at_most)
    if len(too_long) == 0:
        return interactions
    matrix = interactions.matrix
    keep = np.ones(matrix.nnz, dtype=bool)
    for row in too_long:
        start, stop = matrix.indptr[row], matrix.indptr[row + 1]
        order = _lottery(interactions.subjects[row], [interactions.items[c] for c in matrix.indices[start:stop]])
        keep[start + order[at_most:]] = False
    rows = np.repeat(np.arange(len(interactions.subjects)), interactions.lengths)
    return Interactions(interactions.subjects, interactions.items, ones(rows[keep], matrix.indices[keep], matrix.shape))


def _lottery(subject: str, items: list[str]) -> np.ndarray:
    key = hashlib.blake2b(subject.encode(), digest_size=32, person=b"probity-cap").digest()
    tickets = [hashlib.blake2b(item.encode(), key=key, digest_size=16).digest() for item in items]
    return np.array(sorted(range(len(items)), key=tickets.__getitem__), dtype=np.int64)


def digest_of(interactions: Interactions, *, salt: bytes = b"") -> str:
    """SHA-256 over the interactions in one canonical order, as 64 hex digits.

    It identifies the input exactly, so the guarantee of a release does not cover it: whoever could guess the whole
    input could confirm the guess. Pass a salt where the digest leaves the house.
    """
    hasher = hashlib.sha256(b"probity/interactions/v1\x00")
    columns = sorted(range(len(interactions.items)), key=interactions.items.__getitem__)
    place = np.empty(len(columns), dtype=np.int64)
    place[columns] = np.arange(len(columns))
    _absorb(hasher, [salt, *(interactions.items[c].encode() for c in columns)])
    matrix = interactions.matrix
    for row in sorted(range(len(interactions.subjects)), key=interactions.subjects.__getitem__):
        held = np.sort(place[matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]])
        _absorb(hasher, [interactions.subjects[row].encode(), held.astype("<i8").tobytes()])
    return hasher.hexdigest()


def _absorb(hasher: "hashlib._Hash", parts: list[bytes]) -> None:
    hasher.update(len(parts).to_bytes(8, "big"))
    for part in parts:
        hasher.update(len(part).to_bytes(8, "big") + part)
