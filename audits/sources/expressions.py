"""What is asked of an engine: one Ibis expression, the same on DuckDB, PostgreSQL and Spark.

Names become text, ranks whole numbers, scores doubles; a list without ranks is ranked by its scores, equal scores by
the item's name in byte order; interactions are counted. What comes back is checked like the rows of a file.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from audits.sources.columns import Wanted
from audits.sources.errors import MalformedSource
from audits.sources.source import Source

if TYPE_CHECKING:
    import ibis.expr.types as ir

Shape = Callable[["ir.Table"], "ir.Table"]

NUMBERS = ("score", "weight", "grade", "propensity", "share", "probability")
WHOLE_NUMBERS = ("rank", "count")


def selected(table: "ir.Table", chosen: Mapping[str, str], wanted: Wanted, source: Source) -> "ir.Table":
    """The chosen columns under our names, in our types.

    Raises:
        MalformedSource: a column has a type that is none of ours.
    """
    types = table.schema()
    columns = {}
    for theirs, ours in chosen.items():
        kind, column = types[theirs], table[theirs]
        expected = _mismatch(ours, kind)
        if expected is not None:
            if ours not in wanted.named and source.attributes is None:
                continue  # a wide table's column of measurements names no category
            msg = f"{source.place}, column {theirs}: expected {expected}, got the type {kind}"
            raise MalformedSource(msg)
        columns[ours] = column.cast(_our_type(ours))
    return table.select(**columns)


def as_they_are(table: "ir.Table") -> "ir.Table":
    """All rows."""
    return table


def ranked(table: "ir.Table") -> "ir.Table":
    """Lists with their ranks; without the column, from the scores: the highest is rank 1."""
    if "rank" in table.columns:
        return table
    import ibis

    window = ibis.window(group_by=table.subject, order_by=[table.score.desc(), table.item.asc()])
    return table.mutate(rank=ibis.row_number().over(window) + 1)


def distinct_pairs(table: "ir.Table") -> "ir.Table":
    """Each subject and item once, unless grades tell them apart."""
    return table if "grade" in table.columns else table.distinct()


def counted_pairs(table: "ir.Table") -> "ir.Table":
    """Each subject and item once; ``weight`` is the sum of the weights, or how often they met."""
    by = table.group_by(["subject", "item"])
    if "weight" in table.columns:
        return by.aggregate(weight=table.weight.sum())
    return by.aggregate(weight=table.count().cast("float64"))


def counted_items(table: "ir.Table") -> "ir.Table":
    """How many interactions each item has."""
    return table.group_by("item").aggregate(count=table.count())


def _our_type(column: str) -> str:
    if column in NUMBERS:
        return "float64"
    return "int64" if column in WHOLE_NUMBERS else "string"


def _mismatch(column: str, kind: Any) -> str | None:  # noqa: ANN401 - an Ibis type
    """What was expected where the type is another; None where it fits."""
    if column in NUMBERS:
        return None if kind.is_integer() or kind.is_floating() or kind.is_decimal() else "numbers"
    if column in WHOLE_NUMBERS:
        return None if kind.is_integer() else "whole numbers"
    return None if kind.is_string() or kind.is_integer() or kind.is_boolean() else "text or whole numbers"
