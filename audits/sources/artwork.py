"""The tables of an audit of artwork, each from a file, a folder or a table in an engine.

Everything that breaks a table's contract is told with its line, before the audit looks at the tables together.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from audits.artwork.tables import ArtworkInput
from audits.coding import coded
from audits.errors import InvalidConfig
from audits.sources.columns import Wanted
from audits.sources.errors import MalformedSource
from audits.sources.expressions import as_they_are
from audits.sources.formats import rows_of, source_at
from audits.sources.loading import Told, untold_of
from audits.sources.rows import Progress, Rows, names, numbers, refuse_repeats, truths
from audits.sources.source import Place

Bools = NDArray[np.bool_]

SHOWN = Wanted(what="impressions", required=("subject", "title", "image"), optional=("cohort", "propensity", "clicked"))
IMPRESSIONS = replace(SHOWN, required=(*SHOWN.required, "cohort"), optional=("propensity", "clicked"))
COHORTS = Wanted(what="cohorts", required=("subject", "cohort"))
IMAGES = Wanted(what="images", required=("title", "image", "category"))
CAST = Wanted(what="a cast", required=("title", "person", "group", "share"))
PICTURED = Wanted(what="who is pictured", required=("title", "image", "person"))
PROBES = Wanted(what="probes", required=("subject", "title", "cohort", "image", "probability"))

_SEPARATOR = "\x1f"
_DECIMALS = 1e-6
"""What sums of probabilities lose by the decimals of a file."""


def load_artwork(
    *,
    impressions: Place,
    images: Place,
    cast: Place | None = None,
    pictured: Place | None = None,
    probes: Place | None = None,
    cohorts: Place | None = None,
    progress: Told = untold_of,
) -> ArtworkInput:
    """Read every table of an audit of artwork; the columns are those of ``ArtworkInput``.

    Where ``cohorts`` (``subject``, ``cohort``) is given, impressions come without that column: so the log of a chooser
    need not know of cohorts, which only the auditor holds.

    Raises:
        UnknownSource: nothing is at one of the places, or no format is known for it.
        MissingEngine: what reads one of them is not installed.
        MalformedSource: what is there breaks its layout, or names what another table does not list; says where.
        InvalidConfig: a cast without who is pictured, or the other way round.
        InvalidTable: the tables do not fit each other.
    """
    if (cast is None) != (pictured is None):
        msg = "artwork: expected a cast together with who is pictured, got one of them"
        raise InvalidConfig(msg)
    eligible = _images(images, progress("images"))
    belongs = None if cohorts is None else (_cohorts(cohorts, progress("cohorts")), source_at(cohorts).place)
    listed = f"an image that {source_at(images).place} lists for the title"
    billed = people = None
    if cast is not None and pictured is not None:
        billed = _cast(cast, progress("cast"))
        people = _pictured(pictured, progress("pictured"), eligible, listed, (billed, source_at(cast).place))
    return ArtworkInput(
        impressions=_impressions(impressions, progress("impressions"), eligible, listed, belongs),
        images=eligible,
        cast=billed,
        pictured=people,
        probes=None if probes is None else _probes(probes, progress("probes"), eligible, listed),
    )


def _images(place: Place, progress: Progress) -> pa.Table:
    rows = rows_of(source_at(place), IMAGES, as_they_are, progress)
    table = _named(rows, IMAGES.required)
    _refuse_repeats(rows, table, ("title", "image"))
    return table


def _cohorts(place: Place, progress: Progress) -> pa.Table:
    rows = rows_of(source_at(place), COHORTS, as_they_are, progress)
    table = _named(rows, COHORTS.required)
    refuse_repeats(rows, [table["subject"]], "subject", expected="each subject once")
    return table


def _impressions(
    place: Place, progress: Progress, images: pa.Table, listed: str, cohorts: tuple[pa.Table, str] | None
) -> pa.Table:
    rows = rows_of(source_at(place), SHOWN if cohorts else IMPRESSIONS, as_they_are, progress)
    table = _named(rows, SHOWN.required)
    _refuse_strangers(rows, table, images, ("title", "image"), listed)
    table = table.append_column(
        "cohort", names(rows, "cohort") if cohorts is None else _looked_up(rows, table, *cohorts)
    )
    rows.refuse(_in_another_cohort(table), "cohort", expected="one cohort for each subject", got="another one")
    if rows.has("propensity"):
        table = table.append_column("propensity", _within(rows, "propensity", zero=False))
    if rows.has("clicked"):
        table = table.append_column("clicked", truths(rows, "clicked"))
    return table


def _looked_up(rows: Rows, table: pa.Table, cohorts: pa.Table, place: str) -> pa.ChunkedArray:
    """The cohort of each row's subject, from a table of its own."""
    if rows.has("cohort"):
        msg = f"{rows.place}: expected no column cohort beside the cohorts of {place}, got one"
        raise MalformedSource(msg)
    found = pc.index_in(table["subject"], value_set=cohorts["subject"].combine_chunks())
    rows.refuse(pc.is_null(found), "subject", expected=f"a subject whose cohort {place} says", got="another")
    return cohorts["cohort"].combine_chunks().take(found)


def _cast(place: Place, progress: Progress) -> pa.Table:
    rows = rows_of(source_at(place), CAST, as_they_are, progress)
    table = _named(rows, ("title", "person", "group"))
    _refuse_repeats(rows, table, ("title", "person"))
    share = numbers(rows, "share")
    rows.refuse(pc.less_equal(share, 0.0), "share", expected="a positive number", got="another")
    return table.append_column("share", share)


def _pictured(place: Place, progress: Progress, images: pa.Table, listed: str, cast: tuple[pa.Table, str]) -> pa.Table:
    rows = rows_of(source_at(place), PICTURED, as_they_are, progress)
    table = _named(rows, PICTURED.required)
    _refuse_repeats(rows, table, PICTURED.required)
    _refuse_strangers(rows, table, images, ("title", "image"), listed)
    _refuse_strangers(rows, table, cast[0], ("title", "person"), f"somebody whom {cast[1]} bills for the title")
    return table


def _probes(place: Place, progress: Progress, images: pa.Table, listed: str) -> pa.Table:
    rows = rows_of(source_at(place), PROBES, as_they_are, progress)
    table = _named(rows, ("subject", "title", "cohort", "image"))
    _refuse_repeats(rows, table, ("subject", "title", "cohort", "image"))
    _refuse_strangers(rows, table, images, ("title", "image"), listed)
    probability = _within(rows, "probability", zero=True)
    asked = coded(_joined(table, ("subject", "title", "cohort"))).codes
    sums = np.bincount(asked, weights=np.asarray(probability))
    off = np.abs(sums - 1.0)[asked] > _DECIMALS if len(table) else np.zeros(0, dtype=bool)
    rows.refuse(off, "probability", expected="a sum of 1 over the images of one question", got="another sum")
    return table.append_column("probability", probability)


def _named(rows: Rows, columns: Sequence[str]) -> pa.Table:
    return pa.table({column: names(rows, column) for column in columns})


def _within(rows: Rows, column: str, *, zero: bool) -> pa.ChunkedArray:
    values = numbers(rows, column)
    low = pc.less(values, 0.0) if zero else pc.less_equal(values, 0.0)
    expected = "a chance from 0 to 1" if zero else "a chance above 0, and up to 1"
    rows.refuse(pc.or_(low, pc.greater(values, 1.0)), column, expected=expected, got="another number")
    return values


def _refuse_repeats(rows: Rows, table: pa.Table, columns: Sequence[str]) -> None:
    found = [table[column] for column in columns]
    refuse_repeats(rows, found, columns[-1], expected=f"each {', '.join(columns)} once")


def _refuse_strangers(rows: Rows, table: pa.Table, known: pa.Table, columns: tuple[str, str], expected: str) -> None:
    listed = _joined(known, columns).combine_chunks()
    strange = pc.invert(pc.is_in(_joined(table, columns), value_set=listed))
    rows.refuse(strange, columns[1], expected=expected, got="another")


def _in_another_cohort(table: pa.Table) -> Bools:
    """Rows whose subject was of another cohort in its first row."""
    subject, cohort = (coded(table[column]).codes for column in ("subject", "cohort"))
    _, first, whose = np.unique(subject, return_index=True, return_inverse=True)
    return np.asarray(cohort != cohort[first][whose], dtype=bool)


def _joined(table: pa.Table, columns: Sequence[str]) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(*(table[column] for column in columns), _SEPARATOR)
