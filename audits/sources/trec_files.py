"""TREC's two text formats, fields separated by any white space and no heading.

A run has ``qid Q0 docid rank score tag``, relevance judgements (qrels) ``qid iteration docid grade``. A run may count
ranks from 0. ``trec_eval`` orders a run by its score alone: a run in which the score rises with the rank would be two
different sets of lists to two readers, and is refused unless the caller says what counts.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from audits.sources.columns import Wanted, choose
from audits.sources.errors import MalformedSource
from audits.sources.rows import Progress, Rows, names, numbers, whole_numbers
from audits.sources.source import Source
from audits.sources.text_files import lines

Ints = NDArray[np.int64]

RUN = ("subject", "q0", "item", "rank", "score", "tag")
QRELS = ("subject", "iteration", "item", "grade")


def read_run(source: Source, wanted: Wanted, progress: Progress) -> Rows:
    """A run as lists: ``qid`` is the subject, or the list where a subject has several."""
    rows = _fields(source, wanted, RUN, progress)
    if rows.table.num_rows == 0 or source.order == "score":
        return rows
    rank = whole_numbers(rows, "rank", lowest=0)
    if pc.min(rank).as_py() == 0:
        rank = pc.add(rank, 1)
    if source.order is None:
        _refuse_contradiction(rows, np.asarray(rank))
    return Rows(rows.table.set_column(rows.table.column_names.index("rank"), "rank", rank), rows.place, rows.unit)


def read_qrels(source: Source, wanted: Wanted, progress: Progress) -> Rows:
    """Judgements as relevance: a grade of 0 or less says that the item is not relevant, and leaves no row."""
    rows = _fields(source, wanted, QRELS, progress)
    grade = numbers(rows, "grade")
    graded = Rows(rows.table.set_column(2, "grade", grade), rows.place, rows.unit)
    return graded.where(pc.greater(grade, 0.0))


def _fields(source: Source, wanted: Wanted, layout: tuple[str, ...], progress: Progress) -> Rows:
    """The layout's fields that anybody reads, one column each."""
    if wanted.wide:
        msg = f"{source.place}: for {wanted.what} expected a table of names, got a format of lists or judgements"
        raise MalformedSource(msg)
    choose(layout, wanted, source)
    whole = lines(source.path, progress)["line"].combine_chunks()
    split = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(whole))
    counts = np.asarray(pc.list_value_length(split))
    bad = np.flatnonzero(counts != len(layout))
    if bad.size:
        got = f"{counts[bad[0]]} fields" if len(whole[int(bad[0])].as_py().strip()) else "an empty line"
        msg = f"{source.place}, line {bad[0] + 1}: expected the {len(layout)} fields {' '.join(layout)}, got {got}"
        raise MalformedSource(msg)
    values = split.flatten()
    kept = [name for name in ("subject", "item", "rank", "score", "grade") if name in layout]
    columns = {name: values.take(pa.array(_places(layout, name, len(whole)))) for name in kept}
    return Rows(pa.table(columns), source.place, "line")


def _places(layout: tuple[str, ...], name: str, rows: int) -> Ints:
    return np.arange(rows, dtype=np.int64) * len(layout) + layout.index(name)


def _refuse_contradiction(rows: Rows, rank: Ints) -> None:
    subject = np.asarray(names(rows, "subject").combine_chunks().dictionary_encode().indices)
    score = np.asarray(numbers(rows, "score"))
    order = np.lexsort((rank, subject))
    rises = (np.diff(score[order]) > 0) & (np.diff(subject[order]) == 0)
    bad = np.zeros(rank.size, dtype=bool)
    bad[order[1:][rises]] = True
    rows.refuse(
        bad,
        "score",
        expected="scores that fall with the rank, or to be told which of the two counts (order)",
        got="a higher one",
    )
