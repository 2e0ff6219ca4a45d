"""Tables that are in memory already: Arrow's own, and every frame that hands itself over as Arrow (pandas, Polars)."""

from os import PathLike

import pyarrow as pa

from audits.sources.columns import Wanted, choose
from audits.sources.errors import UnknownSource
from audits.sources.rows import Rows
from audits.sources.source import Source


def is_frame(source: Source) -> bool:
    """Whether the source is an object in memory, and not an expression that an engine would have to answer."""
    return not isinstance(source.at, str | PathLike) and not type(source.at).__module__.startswith("ibis.")


def read_frame(source: Source, wanted: Wanted) -> Rows:
    """The wanted columns of a table in memory; rows count from 0.

    Raises:
        UnknownSource: the object is no table.
        MalformedSource: a column is missing.
    """
    if not hasattr(source.at, "__arrow_c_stream__"):
        msg = f"source: expected a path, a URL, a Source, a frame or an Ibis table, got {type(source.at).__name__}"
        raise UnknownSource(msg)
    table = pa.table(source.at)
    chosen = choose(table.column_names, wanted, source)
    return Rows(table.select(list(chosen)).rename_columns(list(chosen.values())), source.place, "row", first=0)
