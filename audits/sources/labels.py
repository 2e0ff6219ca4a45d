"""Items and their categories."""

import pyarrow as pa
import pyarrow.compute as pc

from audits.errors import InvalidTable
from audits.sources.columns import Wanted
from audits.sources.errors import MalformedSource
from audits.sources.expressions import as_they_are
from audits.sources.formats import rows_of, source_at
from audits.sources.lists import placed
from audits.sources.rows import Progress, Rows, holds_names, names, numbers, optional_names, refuse_repeats, untold
from audits.sources.source import Place, Source
from audits.tables import Membership

LABELS = Wanted(what="items", required=("item",), optional=("attribute", "category", "weight"), wide=True)
ONLY_ATTRIBUTE = "category"
"""The attribute's name where a table has categories of one attribute and does not name it."""

SEPARATOR = "|"


def read_items(place: Place, *, progress: Progress = untold) -> tuple[Membership, tuple[str, ...]]:
    """The categories of items, and all items that the source lists, sorted.

    Three layouts: ``item, category[, weight]``; ``item, attribute, category[, weight]``, both with one row per
    membership and an empty category where an item has none; or one row per item with a column per attribute, whose
    values ``|`` separates, or which are lists. So is a table without an attribute whose column category holds lists.

    Raises:
        UnknownSource: nothing is there, or no format is known for it.
        MissingEngine: what reads it is not installed.
        MalformedSource: what is there breaks its layout; says where.
    """
    source = source_at(place)
    rows = rows_of(source, LABELS, as_they_are, progress)
    items = names(rows, "item")
    table = _long(rows, items) if _is_long(rows, source) else _wide(rows, items, source)
    try:
        membership = Membership(table)
    except InvalidTable as cause:
        raise placed(cause, rows) from cause
    return membership, tuple(sorted(pc.unique(items).to_pylist()))


def _is_long(rows: Rows, source: Source) -> bool:
    if source.attributes is not None or not rows.has("category"):
        return False
    lists = pa.types.is_nested(rows.table.schema.field("category").type)
    return not lists or rows.has("attribute") or rows.has("weight")


def _long(rows: Rows, items: pa.ChunkedArray) -> pa.Table:
    category = optional_names(rows, "category")
    attribute = names(rows, "attribute") if rows.has("attribute") else None
    columns = {
        "item": items,
        "attribute": pa.array([ONLY_ATTRIBUTE] * len(items), pa.string()) if attribute is None else attribute,
        "category": category,
    }
    if rows.has("weight"):
        weight = numbers(rows, "weight")
        rows.refuse(pc.less_equal(weight, 0.0), "weight", expected="a positive number", got="another")
        columns["weight"] = weight
    table = pa.table(columns)
    # Here, where rows still have their numbers: an item without a category leaves the table.
    keys = [pc.fill_null(table[name], "") for name in _KEYS]
    refuse_repeats(rows, keys, "item", expected="each item once for each of its categories")
    return table.filter(pc.is_valid(table["category"]))


_KEYS = ("item", "attribute", "category")


def _wide(rows: Rows, items: pa.ChunkedArray, source: Source) -> pa.Table:
    refuse_repeats(rows, [items], "item", expected="each item once, with a column for each attribute")
    attributes = _attributes(rows, source)
    found = [_exploded(rows, items, attribute) for attribute in attributes]
    return pa.concat_tables(found)


def _attributes(rows: Rows, source: Source) -> list[str]:
    others = [name for name in rows.table.column_names if name != "item"]
    held = [name for name in others if holds_names(rows.table.schema.field(name).type)]
    if source.attributes is not None and (wrong := sorted(set(others) - set(held))):
        msg = f"{rows.place}, column {wrong[0]}: expected names, got the type {rows.table.schema.field(wrong[0]).type}"
        raise MalformedSource(msg)
    if not held:
        msg = f"{rows.place}: for items expected a column category, or a column for each attribute, got neither"
        raise MalformedSource(msg)
    return held


def _exploded(rows: Rows, items: pa.ChunkedArray, attribute: str) -> pa.Table:
    """One row for each value in each cell; the same value twice in a cell is one."""
    column = rows.table[attribute]
    if not pa.types.is_nested(column.type):
        text = pc.fill_null(optional_names(rows, attribute), "")
        column = pc.split_pattern(text, SEPARATOR)
    column = column.combine_chunks()
    category = pc.utf8_trim_whitespace(pc.list_flatten(column).cast(pa.string()))
    item = items.combine_chunks().take(pc.list_parent_indices(column))
    table = pa.table({"item": item, "attribute": pa.array([attribute] * len(item), pa.string()), "category": category})
    named = table.filter(pc.fill_null(pc.not_equal(table["category"], ""), fill_value=False))
    return named.group_by(list(_KEYS), use_threads=False).aggregate([])
