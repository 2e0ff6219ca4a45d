"""What is publicly known about titles, as a matrix: where signal may lie, before any private number is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recommender.errors import BadInteractions

DENSE_ATTRIBUTES = ("genre", "decade", "origin", "language", "maturity")
"""Attributes with few categories and many titles in each; cast and directors have the opposite and only add noise."""


@dataclass(frozen=True, slots=True, eq=False)
class CatalogueFeatures:
    """Membership of titles in categories.

    Attributes:
        items: the titles, one row each.
        names: ``attribute:category``, one column each.
        matrix: float64 of zeros and ones, shape (items, names).
    """

    items: tuple[str, ...]
    names: tuple[str, ...]
    matrix: np.ndarray

    def of(self, items: Sequence[str]) -> np.ndarray:
        """Rows for the given titles; a title without metadata has zeros. Shape (len(items), names)."""
        place = {item: row for row, item in enumerate(self.items)}
        known = [(row, place[item]) for row, item in enumerate(items) if item in place]
        result = np.zeros((len(items), len(self.names)))
        if known:
            to, source = np.array(known).T
            result[to] = self.matrix[source]
        return result


def features_from(categories: pa.Table, *, attributes: Sequence[str] = DENSE_ATTRIBUTES) -> CatalogueFeatures:
    """Read the text columns ``item``, ``attribute``, ``category``, for the given attributes.

    Raises:
        BadInteractions: a column is missing.
    """
    missing = {"item", "attribute", "category"} - set(categories.column_names)
    if missing:
        msg = f"catalogue categories lack the columns {sorted(missing)}"
        raise BadInteractions(msg)
    chosen = categories.filter(pc.is_in(categories["attribute"], value_set=pa.array(list(attributes), pa.string())))
    names = pc.binary_join_element_wise(
        chosen["attribute"].cast(pa.string()), chosen["category"].cast(pa.string()), ":"
    )
    axis = sorted(set(names.to_pylist()))
    items = sorted(set(chosen["item"].to_pylist()))
    matrix = np.zeros((len(items), len(axis)))
    rows = pc.index_in(chosen["item"].cast(pa.string()), value_set=pa.array(items, pa.string()))
    columns = pc.index_in(names, value_set=pa.array(axis, pa.string()))
    matrix[rows.to_numpy(), columns.to_numpy()] = 1.0
    return CatalogueFeatures(tuple(items), tuple(axis), matrix)
