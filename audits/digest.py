"""One SHA-256 over everything an audit read, blind to row order."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audits.tables import AuditInput

_DOMAIN = b"probity/audit-input/v2"


def inputs_digest(given: AuditInput) -> str:
    """Hexadecimal SHA-256 of the tables; equal for equal content in any row order.

    Every part carries a tag and its length, so no two different inputs share an encoding.
    """
    state = hashlib.sha256(_part(_DOMAIN))
    state.update(_part(_strings(pa.chunked_array([pa.array(given.items, pa.string())]))))
    state.update(_table(given.recommendations.table, "recommendations", ("subject", "item", "rank")))
    state.update(_table(given.membership.table, "membership", ("item", "attribute", "category"), "weight"))
    state.update(_table(given.relevance, "relevance", ("subject", "item"), "grade"))
    state.update(_table(given.history, "history", ("subject", "item"), "weight"))
    state.update(_table(given.popularity, "popularity", ("item", "count")))
    state.update(_table(given.subject_groups, "subject_groups", ("subject", "group"), "attribute"))
    baseline = None if given.baseline is None else given.baseline.table
    state.update(_table(baseline, "baseline", ("subject", "item", "rank")))
    return state.hexdigest()


def _table(table: pa.Table | None, name: str, columns: Sequence[str], optional: str = "") -> bytes:
    if table is None:
        return _part(name.encode()) + _part(b"absent")
    columns = [*columns, *([optional] if optional in table.column_names else [])]
    ordered = table.select(columns).sort_by([(column, "ascending") for column in columns])
    parts = [_part(name.encode())]
    for column in columns:
        values = ordered[column]
        parts += [_part(column.encode()), _part(_content(values))]
    return b"".join(parts)


def _part(content: bytes) -> bytes:
    return len(content).to_bytes(8, "little") + content


def _content(values: pa.ChunkedArray) -> bytes:
    if pa.types.is_integer(values.type):
        return np.asarray(values, dtype="<i8").tobytes()
    return np.asarray(values, dtype="<f8").tobytes() if pa.types.is_floating(values.type) else _strings(values)


def _strings(values: pa.ChunkedArray) -> bytes:
    lengths = np.asarray(pc.binary_length(values), dtype="<i8").tobytes()
    return _part(lengths) + "".join(values.to_pylist()).encode()
