"""One SHA-256 over everything an audit read, blind to row order."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audits.coding import coded, row_order
from audits.tables import AuditInput, Recommendations

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DOMAIN = b"probity/audit-input/v3"


def inputs_digest(given: AuditInput) -> str:
    """Hexadecimal SHA-256 of the tables; equal for equal content in any row order.

    Every part carries a tag and its length, so no two different inputs share an encoding. Names are written once,
    sorted, and rows as positions in them: a million lists take a second.
    """
    state = hashlib.sha256()
    _write(state, _DOMAIN)
    _write_names(state, pa.array(given.items, pa.string()))
    _write_lists(state, "recommendations", given.recommendations)
    _write_table(state, "membership", given.membership.table, ("item", "attribute", "category"), ("weight",))
    _write_table(state, "relevance", given.relevance, ("subject", "item"), ("grade",))
    _write_table(state, "history", given.history, ("subject", "item"), ("weight",))
    _write_table(state, "popularity", given.popularity, ("item",), ("count",))
    _write_table(state, "subject_groups", given.subject_groups, ("subject", "attribute", "group"))
    _write_lists(state, "baseline", given.baseline)
    for name, found in given.stated.items():
        _write(state, name.encode())
        _write(state, found.to_json())
    return state.hexdigest()


def _write_lists(state: "hashlib._Hash", name: str, given: Recommendations | None) -> None:
    _write(state, name.encode())
    if given is None:
        _write(state, b"absent")
        return
    _write_names(state, given.lists.subjects)
    _write_names(state, given.lists.names)
    _write(state, given.lists.lengths.astype("<i8"))
    _write(state, given.lists.items.astype("<i4"))


def _write_table(
    state: "hashlib._Hash", name: str, table: pa.Table | None, keys: Sequence[str], numbers: Sequence[str] = ()
) -> None:
    """Rows sorted by the key columns that the table has; rows with equal keys do not occur in a checked table."""
    _write(state, name.encode())
    if table is None:
        _write(state, b"absent")
        return
    present = [key for key in keys if key in table.column_names]
    columns = [coded(table[key]) for key in present]
    order = row_order(columns)
    for key, column in zip(present, columns, strict=True):
        _write(state, key.encode())
        _write_names(state, column.names)
        _write(state, column.codes[order].astype("<i4"))
    for number in numbers:
        if number in table.column_names:
            _write(state, number.encode())
            values = np.asarray(table[number])[order]
            _write(state, values.astype("<i8" if np.issubdtype(values.dtype, np.integer) else "<f8"))


def _write(state: "hashlib._Hash", content: "bytes | memoryview | NDArray[Any]") -> None:
    view = content.data if isinstance(content, np.ndarray) else memoryview(content)
    state.update(view.nbytes.to_bytes(8, "little"))
    state.update(view)


def _write_names(state: "hashlib._Hash", names: pa.Array) -> None:
    """Lengths, then all text end to end, which is how a column of strings lies in memory."""
    _write(state, np.asarray(pc.binary_length(names), dtype="<i8"))
    _, offsets, text = names.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[names.offset : names.offset + len(names) + 1] if len(names) else [0]
    _write(state, b"" if text is None else memoryview(text)[int(ends[0]) : int(ends[-1])])
