"""Histories over a catalogue as a sparse matrix, with the catalogue's attributes: what a simulated loop begins with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from audits.categories import Attribute, attribute_of
from audits.errors import InvalidConfig
from audits.sources.errors import MalformedSource
from audits.sources.formats import source_at
from audits.sources.labels import read_items
from audits.sources.loading import Told, untold_of
from audits.sources.pairs import read_history
from audits.sources.source import Place
from audits.tables import codes

if TYPE_CHECKING:
    from scipy import sparse


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Histories:
    """Who chose what before.

    Attributes:
        matrix: weights, subjects in the order of their names by items in the order of theirs, (n, m).
        items: names of the columns, sorted.
        attributes: of the catalogue, in the order asked for.
    """

    matrix: "sparse.csr_array"
    items: tuple[str, ...]
    attributes: tuple[Attribute, ...]


def load_histories(
    *, history: Place, items: Place, attributes: Sequence[str] | None = None, progress: Told = untold_of
) -> Histories:
    """Read histories and the catalogue; None takes every attribute of it.

    Raises:
        UnknownSource, MissingEngine, MalformedSource: as ``load``.
        InvalidConfig: an attribute that the catalogue lacks, or no attribute at all.
    """
    from scipy import sparse

    membership, listed = read_items(items, progress=progress("items"))
    table = read_history(history, progress=progress("history"))
    known = membership.attributes
    asked = tuple(known) if attributes is None else tuple(dict.fromkeys(attributes))
    missing = [name for name in asked if name not in known]
    if missing or not asked:
        msg = f"attributes: expected some of {', '.join(known)}, got {', '.join(missing) or 'none'}"
        raise InvalidConfig(msg)
    column = codes(table["item"], listed)
    if strangers := int(np.count_nonzero(column < 0)):
        msg = (
            f"{source_at(history).place}, column item: expected items that {source_at(items).place} lists, got others "
            f"in {strangers} of {column.size} pairs"
        )
        raise MalformedSource(msg)
    subjects = sorted(pc.unique(table["subject"]).to_pylist())
    matrix = sparse.csr_array(
        (np.asarray(table["weight"], dtype=np.float64), (codes(table["subject"], subjects), column)),
        shape=(len(subjects), len(listed)),
    )
    return Histories(
        matrix=matrix,
        items=listed,
        attributes=tuple(attribute_of(membership, listed, name) for name in asked),
    )
