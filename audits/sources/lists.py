"""Recommendations: who was shown what at which rank."""

import re

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from audits.coding import Codes, coded
from audits.errors import InvalidTable
from audits.sources.columns import Wanted
from audits.sources.errors import MalformedSource
from audits.sources.expressions import ranked
from audits.sources.formats import rows_of, source_at
from audits.sources.rows import Progress, Rows, names, numbers, untold, whole_numbers
from audits.sources.source import Place, Source
from audits.tables import Recommendations

Ints = NDArray[np.int64]

LISTS = Wanted(what="recommendations", required=("subject", "item"), either=("rank", "score"))
SCORED = Wanted(what="recommendations", required=("subject", "item", "score"))


def read_recommendations(place: Place, *, progress: Progress = untold) -> Recommendations:
    """Lists from a file, a folder or a table: ``subject``, ``item``, and ``rank`` from 1 or ``score``.

    Without ranks the highest score of a list is rank 1, and equal scores stand in the byte order of their items' names.

    Raises:
        UnknownSource: nothing is there, or no format is known for it.
        MissingEngine: what reads it is not installed.
        MalformedSource: what is there breaks its layout, or is no set of lists; says where.
    """
    source = source_at(place)
    rows = rows_of(source, SCORED if source.order == "score" else LISTS, ranked, progress)
    columns = {"subject": names(rows, "subject"), "item": names(rows, "item")}
    if rows.has("score"):
        columns["score"] = numbers(rows, "score")
    if rows.has("rank") and not _by_score(source, rows):
        columns["rank"] = whole_numbers(rows, "rank", lowest=1)
    else:
        columns["rank"] = pa.chunked_array([ranks(columns["subject"], columns["item"], columns["score"])])
    try:
        table = pa.table({name: columns[name] for name in ("subject", "item", "rank")})
        return Recommendations(table.combine_chunks())  # names are coded faster in one piece than in many
    except InvalidTable as cause:
        raise placed(cause, rows) from cause


def ranks(subject: pa.ChunkedArray, item: pa.ChunkedArray, score: pa.ChunkedArray) -> Ints:
    """The rank of each row in its subject's list, from 1: the highest score first, then by the item's name in bytes."""
    subjects, places = coded(subject).codes, coded(item).codes  # of names in byte order
    scores = np.asarray(score, dtype=np.float64)
    order = np.arange(subjects.size)
    if not _in_order(subjects, places, scores):
        order = np.lexsort((places, -scores, subjects))
    ordered = subjects[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])[: ordered.size]
    found = np.empty(order.size, dtype=np.int64)
    found[order] = np.arange(order.size) - np.repeat(starts, np.diff(np.r_[starts, order.size])) + 1
    return found


def _in_order(subjects: Codes, places: Codes, scores: NDArray[np.float64]) -> bool:
    """Whether each list stands in one piece, best first, as most files have it: then nothing has to be sorted."""
    same = subjects[1:] == subjects[:-1]
    in_pieces = np.count_nonzero(~same) + 1 > np.unique(subjects).size
    falls = (scores[1:] < scores[:-1]) | ((scores[1:] == scores[:-1]) & (places[1:] > places[:-1]))
    return not in_pieces and bool(np.all(falls | ~same))


def placed(error: InvalidTable, rows: Rows) -> MalformedSource:
    """An error about a row of a table as one about a line of the file that the table came from."""
    said = re.sub(r"row (\d+)$", lambda found: rows.number(int(found[1])), str(error))
    return MalformedSource(f"{rows.place}: {said}")


def _by_score(source: Source, rows: Rows) -> bool:
    # Of an engine's rows the expression has already made ranks of scores.
    return source.order == "score" and bool(rows.unit)
