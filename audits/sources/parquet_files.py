"""Parquet: one file, or a folder of files with the same columns. Only the columns that are wanted are read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from audits.sources.columns import Wanted, choose
from audits.sources.errors import MalformedSource, UnknownSource
from audits.sources.rows import Progress, Rows
from audits.sources.source import Source


def read_parquet(source: Source, wanted: Wanted, progress: Progress) -> Rows:
    """Columns by their names, whatever else the file has."""
    files = [open_file(path) for path in _paths(source.path)]
    chosen = choose(files[0].schema_arrow.names, wanted, source)
    table = row_groups(files, list(chosen), source, progress)
    return Rows(table.rename_columns([chosen[name] for name in table.column_names]), source.place, "row")


def open_file(path: Path) -> pq.ParquetFile:
    """A Parquet file, its heading read.

    Raises:
        UnknownSource: there is no such file.
        MalformedSource: it is no Parquet file, or damaged.
    """
    try:
        return pq.ParquetFile(path, memory_map=True)
    except pa.ArrowException as cause:
        msg = f"{path}: expected a Parquet file, got one that is none, or is damaged"
        raise MalformedSource(msg) from cause
    except OSError as cause:
        msg = f"{path}: expected a file that can be read, got none ({cause.strerror or 'not a file'})"
        raise UnknownSource(msg) from cause


def row_groups(files: list[pq.ParquetFile], columns: list[str], source: Source, progress: Progress) -> pa.Table:
    """These columns of all files, in the files' order of columns.

    Raises:
        MalformedSource: a file is damaged, or has other columns or types than the first.
    """
    schema = pa.schema([field for field in files[0].schema_arrow if field.name in columns])
    total, done, tables = sum(file.metadata.num_rows for file in files), 0, []
    for file in files:
        theirs = pa.schema([field for field in file.schema_arrow if field.name in columns])
        if not theirs.equals(schema):
            msg = f"{source.place}: expected files of the same columns and types, got {len(files)} that differ"
            raise MalformedSource(msg)
        for group in range(file.num_row_groups):
            try:
                tables.append(file.read_row_group(group, columns=schema.names))
            except (pa.ArrowException, OSError) as cause:
                msg = f"{source.place}: expected a whole Parquet file, got one that is damaged"
                raise MalformedSource(msg) from cause
            done += file.metadata.row_group(group).num_rows
            progress(done, total)
    return pa.concat_tables(tables) if tables else schema.empty_table()


def _paths(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(each for each in path.rglob("*.parquet") if each.is_file())
    if not found:
        msg = f"{path}: expected a Parquet file or a folder of them, got a folder with none"
        raise UnknownSource(msg)
    return found
