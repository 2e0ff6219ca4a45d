"""A recommender's scores of items for subjects, before any list is made of them."""

import pyarrow as pa

from audits.sources.columns import Wanted
from audits.sources.expressions import as_they_are
from audits.sources.formats import rows_of, source_at
from audits.sources.rows import Progress, names, numbers, refuse_repeats, untold
from audits.sources.source import Place

SCORES = Wanted(what="scores", required=("subject", "item", "score"))


def read_scores(place: Place, *, progress: Progress = untold) -> pa.Table:
    """Scores: ``subject``, ``item``, ``score``, each pair once.

    Raises:
        UnknownSource, MissingEngine, MalformedSource: as ``read_recommendations``.
    """
    rows = rows_of(source_at(place), SCORES, as_they_are, progress)
    columns = {"subject": names(rows, "subject"), "item": names(rows, "item")}
    refuse_repeats(rows, list(columns.values()), "item", expected="each item once for each subject")
    return pa.table(columns | {"score": numbers(rows, "score")})
