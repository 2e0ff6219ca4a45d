"""Many rows by one statement, in their order."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Dialect, Table, TextClause, insert, text


def insert_rows(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert ``rows``, all of the same columns, in their order."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(_from_json(table, tuple(rows[0]), connection.dialect), _as_json(rows))
    else:
        connection.execute(insert(table), list(rows))


def insert_new(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> Sequence[UUID]:
    """On PostgreSQL, insert those ``rows`` of which no key is there yet, in their order; their ``id``."""
    ending = " on conflict do nothing returning id"
    statement = _from_json(table, tuple(rows[0]), connection.dialect, ending)
    return connection.execute(statement, _as_json(rows)).scalars().all()


def _as_json(rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    # One text for all rows: the driver takes longer over a place for each value than the server over the insert.
    return {"rows": orjson.dumps(rows, default=_bytea).decode()}


def _bytea(value: bytes) -> str:
    return f"\\x{value.hex()}"


@lru_cache
def _from_json(table: Table, columns: tuple[str, ...], dialect: Dialect, ending: str = "") -> TextClause:
    names = ", ".join(f'"{name}"' for name in columns)
    typed = ", ".join(f'"{name}" {table.columns[name].type.compile(dialect)}' for name in columns)
    found = f"json_to_recordset(cast(:rows as json)) as given({typed})"
    return text(f"insert into {table.name} ({names}) select {names} from {found}{ending}")  # noqa: S608 - names of our tables
