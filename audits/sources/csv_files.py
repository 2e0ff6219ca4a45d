"""CSV and TSV: a heading, then one row a line."""

from audits.sources.columns import Wanted, choose
from audits.sources.rows import Progress, Rows
from audits.sources.source import Source
from audits.sources.text_files import delimited, heading


def read_csv(source: Source, wanted: Wanted, progress: Progress) -> Rows:
    """Columns separated by commas, quoted where a field has one."""
    return _read(source, wanted, progress, ",")


def read_tsv(source: Source, wanted: Wanted, progress: Progress) -> Rows:
    """Columns separated by tabs, quoted where a field has one."""
    return _read(source, wanted, progress, "\t")


def _read(source: Source, wanted: Wanted, progress: Progress, delimiter: str) -> Rows:
    found = heading(source.path, delimiter)
    chosen = choose(found, wanted, source, schema=False)
    table = delimited(source.path, delimiter, found, list(chosen), progress)
    return Rows(table.rename_columns(list(chosen.values())), source.place, "line", first=2)
