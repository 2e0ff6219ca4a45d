"""Groups of subjects."""

import pyarrow as pa
import pyarrow.compute as pc

from audits.sources.columns import Wanted
from audits.sources.errors import MalformedSource
from audits.sources.expressions import as_they_are
from audits.sources.formats import rows_of, source_at
from audits.sources.rows import Progress, Rows, holds_names, names, optional_names, refuse_repeats, untold
from audits.sources.source import Place

GROUPS = Wanted(what="groups", required=("subject",), optional=("attribute", "group"), wide=True)


def read_groups(place: Place, *, progress: Progress = untold) -> pa.Table:
    """Groups: ``subject, group``; ``subject, attribute, group``; or one row a subject and a column for each attribute.

    An empty cell says that the subject is in no group of that attribute.

    Raises:
        UnknownSource, MissingEngine, MalformedSource: as ``read_recommendations``.
    """
    source = source_at(place)
    rows = rows_of(source, GROUPS, as_they_are, progress)
    subjects = names(rows, "subject")
    if rows.has("group") and source.attributes is None:
        columns = {"subject": subjects, "group": optional_names(rows, "group")}
        if rows.has("attribute"):
            columns["attribute"] = names(rows, "attribute")
        keys = [columns[name] for name in ("subject", "attribute") if name in columns]
        refuse_repeats(rows, keys, "subject", expected="each subject once for each attribute")
        table = pa.table(columns)
    else:
        refuse_repeats(rows, [subjects], "subject", expected="each subject once, with a column for each attribute")
        table = pa.concat_tables([_column(rows, subjects, each) for each in _attributes(rows)])
    return table.filter(pc.is_valid(table["group"]))


def _attributes(rows: Rows) -> list[str]:
    found = [
        field.name
        for field in rows.table.schema
        if field.name != "subject" and holds_names(field.type) and not pa.types.is_nested(field.type)
    ]
    if not found:
        msg = f"{rows.place}: for groups expected a column group, or a column for each attribute, got neither"
        raise MalformedSource(msg)
    return found


def _column(rows: Rows, subjects: pa.ChunkedArray, attribute: str) -> pa.Table:
    named = pa.array([attribute] * len(subjects), pa.string())
    return pa.table({"subject": subjects, "attribute": named, "group": optional_names(rows, attribute)})
