"""Subjects and items that belong together: relevance, history; and how often each item was chosen."""

import pyarrow as pa
import pyarrow.compute as pc

from audits.sources.columns import Wanted
from audits.sources.expressions import as_they_are, counted_items, counted_pairs, distinct_pairs
from audits.sources.formats import rows_of, source_at
from audits.sources.rows import Progress, Rows, names, numbers, refuse_repeats, untold, whole_numbers
from audits.sources.source import Place

RELEVANCE = Wanted(what="relevance", required=("subject", "item"), optional=("grade",))
HISTORY = Wanted(what="history", required=("subject", "item"), optional=("weight",))
INTERACTIONS = Wanted(what="interactions", required=("item",))
POPULARITY = Wanted(what="popularity", required=("item", "count"))


def read_relevance(place: Place, *, progress: Progress = untold) -> pa.Table:
    """Held-out targets: ``subject``, ``item`` and, where the source has it, a positive ``grade``.

    Without grades, a pair that the source has twice counts once.

    Raises:
        UnknownSource, MissingEngine, MalformedSource: as ``read_recommendations``.
    """
    rows = rows_of(source_at(place), RELEVANCE, distinct_pairs, progress)
    table = pa.table({"subject": names(rows, "subject"), "item": names(rows, "item")})
    if not rows.has("grade"):
        return table.group_by(["subject", "item"], use_threads=False).aggregate([])
    refuse_repeats(rows, [table["subject"], table["item"]], "item", expected="one grade for each subject and item")
    return table.append_column("grade", _positive(rows, "grade"))


def read_history(place: Place, *, progress: Progress = untold) -> pa.Table:
    """What subjects chose before: ``subject``, ``item`` and ``weight``, once for each pair.

    A pair that the source has several times, one row an interaction, has the sum of their weights, and without weights
    their number.

    Raises:
        UnknownSource, MissingEngine, MalformedSource: as ``read_recommendations``.
    """
    rows = rows_of(source_at(place), HISTORY, counted_pairs, progress)
    weight = _positive(rows, "weight") if rows.has("weight") else pa.array([1.0] * rows.table.num_rows, pa.float64())
    table = pa.table({"subject": names(rows, "subject"), "item": names(rows, "item"), "weight": weight})
    found = table.group_by(["subject", "item"], use_threads=False).aggregate([("weight", "sum")])
    return found.rename_columns(["subject", "item", "weight"])


def read_popularity(place: Place, *, progress: Progress = untold) -> pa.Table:
    """Interactions of each item, as the source gives them: ``item``, ``count``.

    Raises:
        UnknownSource, MissingEngine, MalformedSource: as ``read_recommendations``.
    """
    rows = rows_of(source_at(place), POPULARITY, as_they_are, progress)
    items = names(rows, "item")
    refuse_repeats(rows, [items], "item", expected="one count for each item")
    return pa.table({"item": items, "count": whole_numbers(rows, "count", lowest=0)})


def count_popularity(place: Place, *, progress: Progress = untold) -> pa.Table:
    """Interactions of each item, counted from rows of interactions: ``item``, ``count``.

    Raises:
        UnknownSource, MissingEngine, MalformedSource: as ``read_recommendations``.
    """
    rows = rows_of(source_at(place), INTERACTIONS, counted_items, progress)
    items = names(rows, "item")
    if rows.has("count"):
        return pa.table({"item": items, "count": whole_numbers(rows, "count", lowest=0)})
    counts = pc.value_counts(items.combine_chunks())
    return pa.table({"item": counts.field("values"), "count": counts.field("counts")})


def _positive(rows: Rows, column: str) -> pa.ChunkedArray:
    values = numbers(rows, column)
    rows.refuse(pc.less_equal(values, 0.0), column, expected="a positive number", got="another")
    return values
