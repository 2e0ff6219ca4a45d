"""Which part of each item belongs to which category."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from audits.labels import Labels, labels_of
from audits.tables import Membership, codes

Floats = NDArray[np.float64]

UNKNOWN = "unknown"


def unseparated(membership: Membership) -> str | None:
    """What to say of categories whose name looks like several of one title, such as ``documentary|drama``; or None."""
    names = pc.unique(membership.table["category"])
    found = int(pc.sum(pc.match_substring(names, "|")).as_py() or 0)
    if not found:
        return None
    of = "1 category has" if found == 1 else f"{found} categories have"
    return (
        f"{of} | in the name and is taken as one: give a title that has several a row for each, or say "
        "?attributes=category behind the place of the items."
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attribute:
    """One attribute of the catalogue.

    ``shares`` (items, categories), rows sum to 1; "unknown" is one of the categories where some item has none.
    ``labels`` are the same, item by item.
    """

    name: str
    categories: tuple[str, ...]
    shares: Floats
    labels: Labels = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", labels_of(self.shares))

    @property
    def catalogue_share(self) -> Floats:
        """Mean over the catalogue, shape (categories,), sums to 1."""
        mean: Floats = self.shares.mean(axis=0)
        return mean


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Categories:
    """Categories of several attributes side by side, as ``fit_prices`` takes them.

    Attributes:
        names: (attribute, category) of each column.
        groups: share of each item in each column, shape (items, columns).
        catalogue_shares: mean of each column, parity for its exposure share.
    """

    names: tuple[tuple[str, str], ...]
    groups: Floats
    catalogue_shares: Floats


def categories_of(membership: Membership, items: Sequence[str], attributes: Sequence[str]) -> Categories:
    """The columns of these attributes for ``items``, rows in the order given; labels of other items are left out."""
    found = [attribute_of(membership, items, name) for name in attributes]
    groups = np.hstack([attribute.shares for attribute in found])
    names = tuple((attribute.name, category) for attribute in found for category in attribute.categories)
    return Categories(names=names, groups=groups, catalogue_shares=groups.mean(axis=0))


def attribute_of(membership: Membership, items: Sequence[str], name: str) -> Attribute:
    """Category shares of one attribute; several categories split an item's mass by weight, none is "unknown"."""
    rows = membership.table.filter(pc.equal(membership.table["attribute"], name))
    rows = rows.filter(pc.is_in(rows["item"], value_set=pa.array(items, pa.string())))
    categories = tuple(sorted(pc.unique(rows["category"]).to_pylist()))
    counts = np.zeros((len(items), len(categories)))
    weight = np.asarray(rows["weight"]) if "weight" in rows.column_names else 1.0
    counts[codes(rows["item"], items), codes(rows["category"], categories)] = weight
    # Two weights near the largest number that there is have no sum.
    counts /= np.maximum(counts.max(axis=1, initial=0.0, keepdims=True), np.finfo(np.float64).tiny)
    labels = counts.sum(axis=1)
    if np.all(labels > 0):
        return Attribute(name=name, categories=categories, shares=counts / labels[:, None])
    if UNKNOWN not in categories:
        categories, counts = (*categories, UNKNOWN), np.c_[counts, np.zeros(len(items))]
    counts[labels == 0, categories.index(UNKNOWN)] = 1.0
    return Attribute(name=name, categories=categories, shares=counts / counts.sum(axis=1, keepdims=True))
