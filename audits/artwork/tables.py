"""The tables an audit of artwork reads, checked where they enter, and as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from audits.errors import InvalidTable
from audits.tables import codes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_SEPARATOR = "\x1f"
"""Between title and image in a key; refused in names."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArtworkInput:
    """Everything one audit of artwork reads.

    Attributes:
        impressions: one row each time an image was shown: ``subject``, ``cohort``, ``title``, ``image``, and optionally
            ``propensity`` (the chance, in (0, 1], that the chooser gave this image then) and ``clicked`` (true or
            false).
        images: every image that is eligible for a title, shown or not: ``title``, ``image``, and ``category``, the
            attribute of the image under audit.
        cast: who was billed for what: ``title``, ``person``, ``group`` and ``share``, a positive share of role or
            screen time; shares of a title are scaled to 1.
        pictured: who is on an image: ``title``, ``image``, ``person``.
        probes: what the chooser would do for a subject and title if the subject were of a cohort, all else equal:
            ``subject``, ``title``, ``cohort``, ``image``, ``probability``.

    Raises:
        InvalidTable: a table breaks its contract: a missing column or value, an image that is not eligible, a subject
            in two cohorts, a person who is not in the cast, probabilities that do not sum to 1, and the like.
    """

    impressions: pa.Table
    images: pa.Table
    cast: pa.Table | None = None
    pictured: pa.Table | None = None
    probes: pa.Table | None = None

    def __post_init__(self) -> None:
        impressions = _text(self.impressions, "impressions", ("subject", "cohort", "title", "image"))
        _refuse_empty(impressions, "impressions")
        impressions = _numbers(impressions, "impressions", "propensity", low=0.0, high=1.0, optional=True)
        if "clicked" in impressions.column_names:
            _refuse_nulls(impressions, "impressions", "clicked")
            if not pa.types.is_boolean(impressions["clicked"].type):
                msg = f"impressions, column clicked: expected truth values, got {impressions['clicked'].type}"
                raise InvalidTable(msg)
        object.__setattr__(self, "impressions", impressions)
        images = _text(self.images, "images", ("title", "image", "category"))
        _refuse_repeats(images, "images", ("title", "image"))
        object.__setattr__(self, "images", images)
        _refuse_strangers(impressions, "impressions", images, ("title", "image"), "eligible images")
        _refuse_several(impressions, "subject", "cohort")
        self._check_cast()
        self._check_probes()

    def _check_cast(self) -> None:
        if (self.cast is None) != (self.pictured is None):
            msg = "cast and pictured: expected both or neither, got one"
            raise InvalidTable(msg)
        if self.cast is None or self.pictured is None:
            return
        cast = _numbers(_text(self.cast, "cast", ("title", "person", "group")), "cast", "share", low=0.0)
        _refuse_repeats(cast, "cast", ("title", "person"))
        pictured = _text(self.pictured, "pictured", ("title", "image", "person"))
        _refuse_repeats(pictured, "pictured", ("title", "image", "person"))
        _refuse_strangers(pictured, "pictured", self.images, ("title", "image"), "eligible images")
        _refuse_strangers(pictured, "pictured", cast, ("title", "person"), "people of the title's cast")
        object.__setattr__(self, "cast", cast)
        object.__setattr__(self, "pictured", pictured)

    def _check_probes(self) -> None:
        if self.probes is None:
            return
        probes = _text(self.probes, "probes", ("subject", "title", "cohort", "image"))
        probes = _numbers(probes, "probes", "probability", low=0.0, high=1.0, zero=True)
        _refuse_empty(probes, "probes")
        _refuse_repeats(probes, "probes", ("subject", "title", "cohort", "image"))
        _refuse_strangers(probes, "probes", self.images, ("title", "image"), "eligible images")
        sums = probes.group_by(["subject", "title", "cohort"]).aggregate([("probability", "sum")])
        off = np.abs(np.asarray(sums["probability_sum"]) - 1.0) > 1e-6  # noqa: PLR2004 - what decimals in a file lose
        if off.any():
            msg = f"probes, column probability: expected sums of 1 over images, got another in {int(off.sum())} probes"
            raise InvalidTable(msg)
        object.__setattr__(self, "probes", probes)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gallery:
    """Impressions as arrays; names sorted, so that nothing depends on the order of rows.

    Attributes:
        cohorts: names.
        categories: names.
        titles: names.
        cohort_of: cohort of each subject, (n,).
        subject: subject of each impression, (rows,).
        image: eligible image of each impression, (rows,).
        title_of: title of each eligible image, (images,).
        category_of: category of each eligible image, (images,).
        propensity: of each impression, or None.
        clicked: of each impression, or None.
    """

    cohorts: tuple[str, ...]
    categories: tuple[str, ...]
    titles: tuple[str, ...]
    cohort_of: Ints
    subject: Ints
    image: Ints
    title_of: Ints
    category_of: Ints
    propensity: Floats | None
    clicked: Bools | None

    @property
    def subjects(self) -> int:
        """How many."""
        return int(self.cohort_of.size)

    @property
    def title(self) -> Ints:
        """Title of each impression, (rows,)."""
        return self.title_of[self.image]

    @property
    def eligible(self) -> Ints:
        """Number of eligible images of each title, (titles,)."""
        return np.bincount(self.title_of, minlength=len(self.titles)).astype(np.int64)

    def by_subject(self, rows: Floats) -> Floats:
        """Sums over each subject's impressions, (rows, c) to (n, c)."""
        from scipy import sparse

        ones = np.ones(self.subject.size)
        owner = sparse.csr_array((ones, (self.subject, np.arange(ones.size))), shape=(self.subjects, ones.size))
        return np.asarray(owner @ rows, dtype=np.float64)

    def members(self) -> Floats:
        """1.0 where a subject belongs to a cohort, (n, cohorts)."""
        belongs: Bools = self.cohort_of[:, None] == np.arange(len(self.cohorts))
        return belongs.astype(np.float64)


def gallery_from(given: ArtworkInput) -> Gallery:
    """Arrange the impressions for the measures."""
    impressions, images = given.impressions, given.images
    keys = image_keys(images)
    order = np.argsort(np.array(keys, dtype=object), kind="stable")
    names, titles = sorted(keys), tuple(sorted(set(images["title"].to_pylist())))
    categories = tuple(sorted(set(images["category"].to_pylist())))
    cohorts = tuple(sorted(set(impressions["cohort"].to_pylist())))
    subjects = sorted(set(impressions["subject"].to_pylist()))
    subject, cohort = codes(impressions["subject"], subjects), codes(impressions["cohort"], cohorts)
    cohort_of = np.zeros(len(subjects), dtype=np.int64)
    cohort_of[subject] = cohort
    image = codes(pa.chunked_array([pa.array(image_keys(impressions))]), names)
    shown = np.lexsort((image, subject))
    propensity, clicked = (_optional(impressions, name) for name in ("propensity", "clicked"))
    return Gallery(
        cohorts=cohorts,
        categories=categories,
        titles=titles,
        cohort_of=cohort_of,
        subject=subject[shown],
        image=image[shown],
        title_of=codes(images["title"], titles)[order],
        category_of=codes(images["category"], categories)[order],
        propensity=None if propensity is None else propensity[shown].astype(np.float64),
        clicked=None if clicked is None else clicked[shown].astype(bool),
    )


def image_keys(table: pa.Table) -> list[str]:
    """Title and image as one name, row by row."""
    keys: list[str] = pc.binary_join_element_wise(table["title"], table["image"], _SEPARATOR).to_pylist()
    return keys


def _optional(table: pa.Table, name: str) -> NDArray[np.generic] | None:
    return np.asarray(table[name]) if name in table.column_names else None


def _text(table: pa.Table, name: str, columns: Sequence[str]) -> pa.Table:
    for column in columns:
        if table.schema.get_field_index(column) < 0:
            msg = f"{name}: expected a column {column!r} once, got {table.column_names}"
            raise InvalidTable(msg)
        _refuse_nulls(table, name, column)
        values = table[column].cast(pa.string())
        bad = pc.any(pc.or_(pc.equal(values, ""), pc.match_substring(values, _SEPARATOR))).as_py()
        if bad:
            msg = f"{name}, column {column}: expected names, got an empty one or one with a control character"
            raise InvalidTable(msg)
        table = table.set_column(table.schema.get_field_index(column), column, values)
    return table


def _numbers(
    table: pa.Table,
    name: str,
    column: str,
    *,
    low: float,
    high: float = np.inf,
    zero: bool = False,
    optional: bool = False,
) -> pa.Table:
    at = table.schema.get_field_index(column)
    if at < 0 and optional:
        return table
    if at < 0:
        msg = f"{name}: expected a column {column!r} once, got {table.column_names}"
        raise InvalidTable(msg)
    _refuse_nulls(table, name, column)
    values = np.asarray(table[column].cast(pa.float64()))
    fine = np.isfinite(values) & (values <= high) & ((values >= low) if zero else (values > low))
    if not fine.all():
        wanted = f"numbers {'from' if zero else 'above'} {low:g} up to {high:g}"
        msg = f"{name}, column {column}: expected {wanted}, got others in {(~fine).sum()} rows"
        raise InvalidTable(msg)
    return table.set_column(at, column, pa.array(values))


def _refuse_nulls(table: pa.Table, name: str, column: str) -> None:
    if table[column].null_count:
        msg = f"{name}, column {column}: expected a value in every row, got {table[column].null_count} nulls"
        raise InvalidTable(msg)


def _refuse_empty(table: pa.Table, name: str) -> None:
    if table.num_rows == 0:
        msg = f"{name}: expected at least one row, got none"
        raise InvalidTable(msg)


def _refuse_repeats(table: pa.Table, name: str, columns: Sequence[str]) -> None:
    distinct = table.select(list(columns)).group_by(list(columns)).aggregate([]).num_rows
    if distinct < table.num_rows:
        msg = f"{name}: expected each {', '.join(columns)} once, got {table.num_rows - distinct} rows more"
        raise InvalidTable(msg)


def _refuse_strangers(table: pa.Table, name: str, known: pa.Table, columns: tuple[str, str], what: str) -> None:
    ours, theirs = (
        pc.binary_join_element_wise(each[columns[0]], each[columns[1]], _SEPARATOR) for each in (table, known)
    )
    strangers = table.num_rows - int(pc.sum(pc.is_in(ours, value_set=theirs.combine_chunks())).as_py() or 0)
    if strangers:
        msg = f"{name}: expected {what} of each title, got others in {strangers} rows"
        raise InvalidTable(msg)


def _refuse_several(table: pa.Table, one: str, other: str) -> None:
    pairs = table.group_by([one, other]).aggregate([])
    several = pairs.num_rows - len(pc.unique(pairs[one]))
    if several:
        msg = f"impressions: expected one {other} for each {one}, got {several} {one}s with several"
        raise InvalidTable(msg)
