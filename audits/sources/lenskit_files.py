"""LensKit's item list collections, as ``ItemListCollection.save_parquet`` writes them.

Layout ``native`` has one row a list: the fields of its key (``user_id``, and others such as a run), and ``items``, a
list of structures with ``item_id`` and, where the list is ordered, ``rank`` from 1, with ``score`` and other fields.
Layout ``flat`` has one row an item. An empty list recommends nothing, and leaves no row.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audits.sources.columns import Wanted, choose
from audits.sources.errors import MalformedSource
from audits.sources.parquet_files import open_file, read_parquet, row_groups
from audits.sources.rows import Progress, Rows
from audits.sources.source import Source


def read_collection(source: Source, wanted: Wanted, progress: Progress) -> Rows:
    """A collection in either layout, or any other Parquet; of several keys the caller says which is the subject."""
    if source.path.is_dir():
        return read_parquet(source, wanted, progress)
    file = open_file(source.path)
    schema = file.schema_arrow
    if "items" not in schema.names:
        return read_parquet(source, wanted, progress)
    kind = schema.field("items").type
    if not (_is_list(kind) and pa.types.is_struct(kind.value_type)):
        msg = f"{source.place}, column items: expected a list of structures, got the type {kind}"
        raise MalformedSource(msg)
    keys = [name for name in schema.names if name != "items"]
    fields = [kind.value_type.field(index).name for index in range(kind.value_type.num_fields)]
    chosen = choose([*keys, *fields], wanted, source)
    lists = row_groups([file], [*(name for name in keys if name in chosen), "items"], source, progress)
    column = lists["items"].combine_chunks()
    parents = pc.list_parent_indices(column)
    items = pc.list_flatten(column)
    columns = {
        ours: pc.struct_field(items, name) if name in fields else lists[name].combine_chunks().take(parents)
        for name, ours in chosen.items()
    }
    numbers = np.asarray(parents, dtype=np.int64)
    return Rows(pa.table(columns), source.place, "row", numbers=numbers)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))
