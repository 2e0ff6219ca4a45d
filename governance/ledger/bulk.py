"""Many rows by one statement, in their order."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Table, TextClause, insert, text


def insert_rows(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert ``rows``, each with a value for every column of ``table``, in their order."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        # A column goes as one array: a statement with a place for each value takes the driver longer than the server.
        columns = {column.name: [row[column.name] for row in rows] for column in table.columns}
        connection.execute(_from_arrays(table, connection.dialect), columns)
    else:
        connection.execute(insert(table), list(rows))


@lru_cache
def _from_arrays(table: Table, dialect: Dialect) -> TextClause:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    arrays = ", ".join(f"cast(:{column.name} as {column.type.compile(dialect)}[])" for column in table.columns)
    return text(f"insert into {table.name} ({names}) select * from unnest({arrays})")  # noqa: S608 - names of our tables
