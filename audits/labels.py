"""Which categories each item has, and sums over items by category.

An item has few of an attribute's categories, mostly one. A product with the table of all shares multiplies zeros, so
what rows of items weigh in each category is added up label by label.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROWS = 4_096


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labels:
    """The categories of each item, the largest share first.

    Attributes:
        categories: (m, w), w the most that any item has and at least 1; filled up with others, whose share is 0.
        shares: part of the item in each of them, (m, w).
        width: how many categories there are, c.
        whole: whether every share is 0 or 1, so that no item is divided.
    """

    categories: Ints
    shares: Floats
    width: int
    whole: bool


def labels_of(shares: Floats) -> Labels:
    """From shares by item and category, (m, c), none negative."""
    most = max(int((shares > 0).sum(axis=1).max(initial=0)), 1)
    order = np.argsort(-shares, axis=1, kind="stable")[:, :most]
    held = np.take_along_axis(shares, order, axis=1)
    return Labels(
        categories=order.astype(np.int64),
        shares=held,
        width=shares.shape[1],
        whole=bool(((held == 0.0) | (held == 1.0)).all()),
    )


def mass(weights: "sparse.csr_array", labels: Labels) -> Floats:
    """What each row of (n, m) weights has in each category, ``weights @ shares``, (n, c).

    Guarantees:
      - a row's numbers are added in the order of its entries, whatever other rows there are
    """
    return _added(weights, labels, weights.data)


def counts(entries: "sparse.csr_array", labels: Labels) -> Floats:
    """The same with 1 for each entry of (n, m), whatever its weight: how much of each category a row has, (n, c)."""
    return _added(entries, labels, None)


def row_sums(entries: "sparse.csr_array", values: Floats) -> Floats:
    """Sum over each row's entries of a number of each entry, (n,), in the order of the entries.

    Unlike methods of sparse arrays it leaves the array alone: these sort and join entries in place before they square
    or sign them, beneath whoever reads the array at the same time.
    """
    row = np.repeat(np.arange(entries.shape[0]), np.diff(entries.indptr))
    return np.bincount(row, weights=values, minlength=entries.shape[0]).astype(np.float64)


def _added(entries: "sparse.csr_array", labels: Labels, weights: Floats | None) -> Floats:
    n, ends = entries.shape[0], entries.indptr
    found = np.zeros((n, labels.width))
    # Some rows at a time stay near the processor while their entries are added.
    for first in range(0, n if labels.width else 0, _ROWS):
        last = min(first + _ROWS, n)
        own = slice(int(ends[first]), int(ends[last]))
        items = entries.indices[own]
        place = labels.categories.take(items, axis=0)
        begins = np.arange(0, (last - first) * labels.width, labels.width)
        place += np.repeat(begins, np.diff(ends[first : last + 1]))[:, None]
        part = labels.shares.take(items, axis=0)
        if weights is not None:
            part *= weights[own, None]
        np.add.at(found[first:last].reshape(-1), place.reshape(-1), part.reshape(-1))
    return found
