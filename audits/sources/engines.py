"""Tables where they lie: DuckDB, PostgreSQL, Spark and Delta folders, opened by Ibis and never written to."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyarrow as pa

from audits.sources.columns import Wanted, choose
from audits.sources.errors import UnknownSource, missing_engine
from audits.sources.expressions import Shape, selected
from audits.sources.rows import Progress, Rows
from audits.sources.source import Source

if TYPE_CHECKING:
    import ibis.expr.types as ir

SCHEMES = ("duckdb", "postgresql", "spark")
BATCH_ROWS = 500_000
_OTHER_NAMES = {"postgres": "postgresql", "postgresql+psycopg": "postgresql"}


def is_relation(source: Source) -> bool:
    """Whether an engine reads it: an Ibis table, a URL, or a Delta folder."""
    if not isinstance(source.at, str | PathLike):
        return True
    return source.url is not None or (source.path / "_delta_log").is_dir()


def relation_rows(source: Source, wanted: Wanted, shape: Shape, progress: Progress) -> Rows:
    """What the engine answers to the one expression.

    Raises:
        MissingEngine: the extra that brings the engine is not installed.
        UnknownSource: the engine, or the table in it, is not there or not for us.
        MalformedSource: a column is missing or of another type.
    """
    with _foreign_errors(source), _opened(source) as table:
        chosen = choose(list(table.columns), wanted, source)
        found = _fetched(shape(selected(table, chosen, wanted, source)), progress)
    return Rows(found, source.place)


@contextmanager
def _opened(source: Source) -> "Iterator[ir.Table]":
    if not isinstance(source.at, str | PathLike):
        yield source.at
        return
    scheme, rest = source.url or ("delta", "")
    scheme = _OTHER_NAMES.get(scheme, scheme)
    where, _, name = rest.partition("#")
    if scheme not in (*SCHEMES, "delta"):
        msg = f"{source.place}: expected one of {', '.join(SCHEMES)} before ://, got {scheme}"
        raise UnknownSource(msg)
    if not name and scheme != "delta" and not (scheme == "spark" and where):
        msg = f"{source.place}: expected the name of a table after #, got none"
        raise UnknownSource(msg)
    opener = {"duckdb": _duckdb, "spark": _spark, "delta": _delta}.get(scheme, _postgresql)
    with opener(source, where, name) as table:
        yield table


@contextmanager
def _duckdb(source: Source, where: str, name: str) -> "Iterator[ir.Table]":
    import ibis

    if not Path(where).is_file():
        msg = f"{source.place}: expected a database file {where}, got none"
        raise UnknownSource(msg)
    # A view in somebody's file could name other files of this machine.
    connection = ibis.duckdb.connect(where, read_only=True, enable_external_access=False)
    try:
        yield _table(connection, name)
    finally:
        connection.disconnect()


@contextmanager
def _postgresql(source: Source, _: str, name: str) -> "Iterator[ir.Table]":
    import psycopg
    from ibis.backends.postgres import Backend

    url = str(source.at).partition("#")[0].replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set session characteristics as transaction read only")  # whatever the role may do
        engine = Backend.from_connection(connection)
        table = _table(engine, name)
        yield _in_byte_order(engine, table, name)


def _in_byte_order(engine: Any, table: "ir.Table", name: str) -> "ir.Table":  # noqa: ANN401 - an Ibis backend
    """The table with texts that compare byte by byte, as in the other engines, whatever the database's language is."""
    columns = ", ".join(
        f'{_quoted(column)} COLLATE "C" AS {_quoted(column)}' if kind.is_string() else _quoted(column)
        for column, kind in table.schema().items()
    )
    return engine.sql(f"SELECT {columns} FROM {'.'.join(map(_quoted, name.split('.')))}", schema=table.schema())  # noqa: S608 - quoted


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def _spark(source: Source, where: str, name: str) -> "Iterator[ir.Table]":
    import ibis
    from pyspark.sql import SparkSession

    session = SparkSession.builder.getOrCreate()
    engine = ibis.pyspark.connect(session)
    if name:
        yield _table(engine, name)
        return
    if not Path(where).exists():
        msg = f"{source.place}: expected a Parquet file or a folder at {where}, got none"
        raise UnknownSource(msg)
    if (Path(where) / "_delta_log").is_dir():
        schema, files = _delta_files(source, Path(where))
        rows = session.read.schema(schema).parquet(*files)
    else:
        rows = session.read.parquet(where)
    view = f"probity_{uuid4().hex}"
    rows.createOrReplaceTempView(view)
    try:
        yield engine.table(view)
    finally:
        session.catalog.dropTempView(view)


@contextmanager
def _delta(source: Source, _: str, __: str) -> "Iterator[ir.Table]":
    import ibis
    from deltalake import DeltaTable

    connection = ibis.duckdb.connect()
    try:
        # Arrow reads the table's files, and refuses a table with features that it does not know.
        connection.con.register("delta", DeltaTable(str(source.path)).to_pyarrow_dataset())
        yield connection.table("delta")
    finally:
        connection.disconnect()


def _delta_files(source: Source, folder: Path) -> tuple[Any, list[str]]:
    """The schema and the files of the newest version, as Spark takes them: it needs no Delta library then.

    Columns by which the table is partitioned are left out: their values stand in the log, and in the files' names only
    as far as a name can hold them.
    """
    from deltalake import DeltaTable
    from pyspark.sql.types import StructType

    table = DeltaTable(str(folder))
    if features := table.protocol().reader_features:
        msg = f"{source.place}: expected a Delta table without reader features, got {', '.join(sorted(features))}"
        raise UnknownSource(msg)
    fields = StructType.fromJson(json.loads(table.schema().to_json())).fields
    partitions = table.metadata().partition_columns
    return StructType([field for field in fields if field.name not in partitions]), list(table.file_uris())


def _table(engine: Any, name: str) -> "ir.Table":  # noqa: ANN401 - an Ibis backend
    database, _, table = name.rpartition(".")
    return engine.table(table, database=database or None)


def _fetched(expression: "ir.Table", progress: Progress) -> pa.Table:
    engine = expression.get_backend()
    if engine.name == "pyspark":  # Ibis would go through pandas, which turns whole numbers with a null into doubles
        return engine._session.sql(str(engine.compile(expression))).toArrow()  # noqa: SLF001 - it has no other name
    if engine.name == "duckdb":  # whose rows are Arrow's already, and all there at once
        return expression.to_pyarrow()
    schema, batches, done = expression.schema().to_pyarrow(), [], 0
    for batch in expression.to_pyarrow_batches(chunk_size=BATCH_ROWS):
        batches.append(batch)
        done += batch.num_rows
        progress(done, 0)
    return pa.Table.from_batches(batches) if batches else schema.empty_table()


@contextmanager
def _foreign_errors(source: Source) -> Iterator[None]:
    """An engine's own errors as ours, and without its text, which may quote rows and credentials."""
    try:
        yield
    except ModuleNotFoundError as cause:
        module = (cause.name or "").partition(".")[0]
        raise missing_engine(source.place, "spark" if module == "pyspark" else "tables") from cause
    except _errors_of_engines() as cause:
        msg = f"{source.place}: expected a table that can be read, got {type(cause).__name__} from its engine"
        raise UnknownSource(msg) from cause


def _errors_of_engines() -> tuple[type[Exception], ...]:
    # What nobody imported, nobody raised.
    places = (
        ("builtins", "OSError"),  # a file of a Delta table that is gone
        ("pyarrow", "ArrowException"),
        ("duckdb", "Error"),
        ("psycopg", "Error"),
        ("pyspark.errors", "PySparkException"),
        ("deltalake.exceptions", "DeltaError"),
        ("ibis.common.exceptions", "IbisError"),
        ("ibis.common.exceptions", "TableNotFound"),
    )
    return tuple(getattr(sys.modules[module], name) for module, name in places if module in sys.modules)
