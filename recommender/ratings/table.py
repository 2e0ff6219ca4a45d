"""Who rated what, and how: interactions with one number each, on a public scale."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix

from recommender.errors import BadInteractions
from recommender.interactions import Interactions, capped, digest_of, interactions_from


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Ratings:
    """Ratings of items by subjects.

    Attributes:
        interactions: who rated what.
        values: the ratings, aligned with ``interactions.matrix.data``: float64 in [lowest, highest].
        lowest: the lower end of the public scale.
        highest: the upper end.
    """

    interactions: Interactions
    values: np.ndarray
    lowest: float
    highest: float

    def __post_init__(self) -> None:
        if not self.lowest < self.highest:
            msg = f"a rating scale from {self.lowest} to {self.highest} is none"
            raise BadInteractions(msg)
        if self.values.shape != (self.interactions.matrix.nnz,) or not np.isfinite(self.values).all():
            msg = "each interaction has one finite rating"
            raise BadInteractions(msg)
        if ((self.values < self.lowest) | (self.values > self.highest)).any():
            msg = f"{int(((self.values < self.lowest) | (self.values > self.highest)).sum())} ratings are off the scale"
            raise BadInteractions(msg)

    def __repr__(self) -> str:
        """Shapes only, as of the interactions."""
        return f"{type(self).__name__}({self.interactions!r}, {self.lowest:g} to {self.highest:g})"

    @property
    def rows(self) -> np.ndarray:
        """The subject's row of each rating: int64, shape (ratings,)."""
        return np.repeat(np.arange(len(self.interactions.subjects)), self.interactions.lengths)

    def matrix_of(self, values: np.ndarray) -> csr_matrix:
        """Other numbers in the ratings' places."""
        matrix = self.interactions.matrix
        return csr_matrix((values, matrix.indices.copy(), matrix.indptr.copy()), shape=matrix.shape)

    def capped(self, at_most: int) -> "Ratings":
        """Long histories cut to ``at_most`` ratings, by the lottery of ``interactions.capped``."""
        kept = capped(self.interactions, at_most)
        if kept is self.interactions:
            return self
        places = self.matrix_of(np.arange(1, len(self.values) + 1)).multiply(kept.matrix.astype(np.int64)).tocsr()
        places.sort_indices()
        return Ratings(kept, self.values[places.data - 1], self.lowest, self.highest)

    def on_items(self, items: Sequence[str]) -> "Ratings":
        """The same subjects over another item axis; ratings of other items are dropped."""
        place = {item: column for column, item in enumerate(items)}
        target = np.array([place.get(item, -1) for item in self.interactions.items], dtype=np.int64)
        columns = target[self.interactions.matrix.indices]
        kept = columns >= 0
        shape = (len(self.interactions.subjects), len(place))
        numbered = csr_matrix((np.arange(1, kept.sum() + 1), (self.rows[kept], columns[kept])), shape=shape)
        numbered.sort_indices()
        values = self.values[kept][numbered.data - 1]
        return Ratings(self.interactions.on_items(items), values, self.lowest, self.highest)


def ratings_from(
    table: pa.Table,
    items: Sequence[str],
    *,
    lowest: float = 1.0,
    highest: float = 5.0,
    subjects: Sequence[str] | None = None,
) -> Ratings:
    """Read the text columns ``subject`` and ``item`` and the number ``rating``.

    A pair that stands twice gets the mean; a rating off the scale is moved to its nearer end.

    Raises:
        BadInteractions: a column is missing or has nulls, or rows name items or subjects outside the axes.
        EmptyInteractions: no rows, and no ``subjects`` given.
    """
    if "rating" not in table.column_names or table["rating"].null_count:
        msg = "ratings need a column rating without nulls"
        raise BadInteractions(msg)
    held = interactions_from(table, items, subjects=subjects)
    row = {subject: n for n, subject in enumerate(held.subjects)}
    column = {item: n for n, item in enumerate(items)}
    places = (
        np.array([row[s] for s in table["subject"].to_pylist()], dtype=np.int64),
        np.array([column[i] for i in table["item"].to_pylist()], dtype=np.int64),
    )
    values = np.clip(table["rating"].to_numpy().astype(np.float64), lowest, highest)
    # Shifted to be positive, so that no sum vanishes from the sparse matrix.
    totals = csr_matrix((values - lowest + 1, places), shape=held.matrix.shape)
    times = csr_matrix((np.ones(len(values)), places), shape=held.matrix.shape)
    for each in (totals, times):
        each.sum_duplicates()
    return Ratings(held, np.clip(totals.data / times.data + lowest - 1, lowest, highest), lowest, highest)


def ratings_digest(ratings: Ratings) -> str:
    """SHA-256 over who rated what and how, whatever the order of the axes: 64 hex digits.

    It identifies the input exactly, and no guarantee covers it (see ``interactions.digest_of``).
    """
    held = ratings.interactions
    subject_rank, item_rank = (np.argsort(np.argsort(np.array(axis))) for axis in (held.subjects, held.items))
    order = np.lexsort((item_rank[held.matrix.indices], subject_rank[ratings.rows]))
    hasher = hashlib.sha256(b"probity/ratings/v1\x00" + bytes.fromhex(digest_of(held)))
    hasher.update(np.array([ratings.lowest, ratings.highest], dtype="<f8").tobytes())
    hasher.update(ratings.values[order].astype("<f8").tobytes())
    return hasher.hexdigest()
