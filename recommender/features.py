"""What is publicly known about titles, as a matrix: where signal may lie, before any private number is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

from recommender.errors import BadInteractions
from recommender.immutable import Immutable, fixed_sparse

DENSE_ATTRIBUTES = ("genre", "decade", "origin", "language", "maturity")
"""Attributes with few categories and many titles in each: noise averages out over them."""

SPARSE_ATTRIBUTES = ("person", "cast", "director")
"""Attributes with many categories and few titles in each: they tell which titles are alike, and average out nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class CatalogueFeatures(Immutable):
    """Membership of titles in categories.

    Attributes:
        items: the titles, one row each.
        names: ``attribute:category``, one column each.
        matrix: float64 of zeros and ones, shape (items, names).
        details: the same for the categories of sparse attributes that hold two titles or more, if there are
            any: they need no names.
    """

    items: tuple[str, ...]
    names: tuple[str, ...]
    matrix: np.ndarray
    details: csr_matrix | None = None

    def __post_init__(self) -> None:
        self._fix()
        object.__setattr__(self, "details", fixed_sparse(self.details))

    def of(self, items: Sequence[str]) -> np.ndarray:
        """Rows for the given titles; a title without metadata has zeros. Shape (len(items), names)."""
        to, source = self._known(items)
        result = np.zeros((len(items), len(self.names)))
        result[to] = self.matrix[source]
        return result

    def details_of(self, items: Sequence[str]) -> np.ndarray:
        """The same in the sparse attributes, without the categories that none of these titles has."""
        if self.details is None:
            return np.zeros((len(items), 0))
        to, source = self._known(items)
        found = csr_matrix(self.details[source])
        held = np.unique(found.indices)
        result = np.zeros((len(items), len(held)))
        result[to] = found[:, held].toarray()
        return result

    def _known(self, items: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        place = {item: row for row, item in enumerate(self.items)}
        known = [(row, place[item]) for row, item in enumerate(items) if item in place]
        to, source = np.array(known, dtype=np.int64).reshape(-1, 2).T
        return to, source


def features_from(categories: pa.Table, *, attributes: Sequence[str] = DENSE_ATTRIBUTES) -> CatalogueFeatures:
    """Read the text columns ``item``, ``attribute``, ``category``: the given attributes, and who made the titles.

    Raises:
        BadInteractions: a column is missing.
    """
    missing = {"item", "attribute", "category"} - set(categories.column_names)
    if missing:
        msg = f"catalogue categories lack the columns {sorted(missing)}"
        raise BadInteractions(msg)
    wanted = pa.array([*attributes, *SPARSE_ATTRIBUTES], pa.string())
    chosen = categories.filter(pc.is_in(categories["attribute"].cast(pa.string()), value_set=wanted))
    items = sorted(set(chosen["item"].to_pylist()))
    is_dense = pc.is_in(chosen["attribute"].cast(pa.string()), value_set=pa.array(list(attributes), pa.string()))
    names, matrix = _memberships(chosen.filter(is_dense), items)
    _, details = _memberships(chosen.filter(pc.invert(is_dense)), items)
    shared = np.asarray(details.sum(axis=0)).ravel() > 1
    return CatalogueFeatures(tuple(items), names, matrix.toarray(), csr_matrix(details[:, shared]))


def _memberships(rows: pa.Table, items: list[str]) -> tuple[tuple[str, ...], csr_matrix]:
    """Names ``attribute:category``, sorted, and which items have them: zeros and ones, shape (items, names)."""
    names = pc.binary_join_element_wise(rows["attribute"].cast(pa.string()), rows["category"].cast(pa.string()), ":")
    axis = sorted(set(names.to_pylist()))
    of_item = pc.index_in(rows["item"].cast(pa.string()), value_set=pa.array(items, pa.string())).to_numpy()
    of_name = pc.index_in(names, value_set=pa.array(axis, pa.string())).to_numpy()
    matrix = csr_matrix((np.ones(len(of_item)), (of_item, of_name)), shape=(len(items), len(axis)))
    matrix.data[:] = 1.0  # a membership named twice was summed
    return tuple(axis), matrix
