"""The tables an audit reads, checked where they enter.

Row order never matters. Messages name a row of the given table (from 0) and never a subject.
"""

from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from audits.coding import CodedLists, Codes, all_distinct, as_column, coded, ordered_lists
from audits.errors import InvalidTable, UnknownItem
from audits.privacy import MembershipInference, PrivacyAttack

if TYPE_CHECKING:
    from audits.artwork.report import ArtworkReport

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Recommendations:
    """Lists as shown: one row per ``subject``, ``item`` and ``rank`` (from 1).

    Further columns, such as ``score``, are not read. Names of millions of rows are heavy: of the table, what is kept is
    its content in one fixed order, ``lists``, and each row's item as a position in ``lists.names``, to name rows by.

    Raises:
        InvalidTable: no rows, a missing column, a null, a rank given twice or left out, an item twice in one list.

    Guarantees:
      - each subject's ranks are exactly 1..length of the list
    """

    table: InitVar[pa.Table]
    lists: CodedLists = field(init=False, repr=False)
    items: Codes = field(init=False, repr=False)

    def __post_init__(self, table: pa.Table) -> None:
        table = _checked(table, "recommendations", ("subject", "item"))
        _refuse_empty(table, "recommendations")
        table = _with_integers(table, "recommendations", "rank")
        rank = np.asarray(table["rank"], dtype=np.int64)
        item = coded(table["item"])
        lists = ordered_lists(coded(table["subject"]), item, rank)
        if lists is None:
            _refuse_broken_lists(table)
        object.__setattr__(self, "lists", lists)
        object.__setattr__(self, "items", item.codes)


@dataclass(frozen=True, slots=True, eq=False)
class Membership:
    """Which categories an item belongs to: one row per ``item``, ``attribute`` and ``category``.

    An item with several categories of one attribute splits its mass in proportion to the optional column ``weight``,
    equally without it; an item without any category counts as "unknown".

    Raises:
        InvalidTable: a missing column, a null, an empty category, a row given twice, or a weight that is not a positive
            finite number.
    """

    table: pa.Table

    def __post_init__(self) -> None:
        columns = ("item", "attribute", "category")
        table = _checked(self.table, "membership", columns)
        for column in columns[1:]:
            _refuse_rows(pc.equal(table[column], ""), f"membership, column {column}: expected a name, got an empty one")
        _refuse_repeats(table, "membership", columns)
        table = _with_positive(table, "membership", "weight")
        object.__setattr__(self, "table", table)

    @property
    def attributes(self) -> tuple[str, ...]:
        """Attribute names, sorted."""
        return tuple(sorted(pc.unique(self.table["attribute"]).to_pylist()))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuditInput:
    """Everything one audit reads.

    Attributes:
        recommendations: the lists under audit.
        membership: categories of the catalogue's items.
        items: the whole catalogue, shown or not; concentration is measured over all of it.
        relevance: held-out targets, columns ``subject``, ``item`` and optionally ``grade`` (positive, 1 without it);
            without the table no quality is measured.
        history: what subjects chose before the lists were made, columns ``subject``, ``item`` and optionally ``weight``
            (positive, 1 without it); subjects without a list are passed over. Here and in ``relevance`` names are kept
            as a dictionary.
        popularity: interactions per item before the audit, columns ``item``, ``count`` (0 where an item is left out).
        subject_groups: columns ``subject``, ``group`` and optionally ``attribute`` ("age", "region" …), at most one
            group per subject and attribute.
        baseline: lists of another recommender for the very same subjects, to compare with, subject by subject.
        attack: what an attack on the recommender found; the report carries it.
        inference: what inferring membership found; the report has its figure, and a caveat says what was tried.
        artwork: the report of an audit of artwork; this one has its figures, and a caveat says of what.

    Raises:
        InvalidTable: a table breaks its contract, or the baseline has other subjects.
        UnknownItem: a table names an item outside ``items``.
    """

    recommendations: Recommendations
    membership: Membership
    items: Sequence[str]
    relevance: pa.Table | None = None
    history: pa.Table | None = None
    popularity: pa.Table | None = None
    subject_groups: pa.Table | None = None
    baseline: Recommendations | None = None
    attack: PrivacyAttack | None = None
    inference: MembershipInference | None = None
    artwork: "ArtworkReport | None" = None

    @property
    def stated(self) -> Mapping[str, "PrivacyAttack | MembershipInference | ArtworkReport"]:
        """What was found elsewhere and comes with the tables, by the name of its field."""
        found = {"attack": self.attack, "inference": self.inference, "artwork": self.artwork}
        return {name: each for name, each in found.items() if each is not None}

    def __post_init__(self) -> None:
        items = tuple(sorted(self.items))
        if not items or len(set(items)) != len(items):
            msg = (
                f"catalogue: expected distinct items and at least one, got {len(items)} with {len(set(items))} distinct"
            )
            raise InvalidTable(msg)
        object.__setattr__(self, "items", items)
        self._check_optional_tables()
        known = pa.array(items, pa.string())
        _refuse_unknown_in_lists(self.recommendations, "recommendations", known)
        _refuse_unknown(self.membership.table, "membership", known)
        for name in ("relevance", "history", "popularity"):
            table = getattr(self, name)
            if table is not None:
                _refuse_unknown(table, name, known)
        if self.baseline is not None:
            _refuse_unknown_in_lists(self.baseline, "baseline", known)
            _refuse_other_subjects(self.baseline, self.recommendations)

    def _check_optional_tables(self) -> None:
        for name, weight in (("relevance", "grade"), ("history", "weight")):
            if getattr(self, name) is not None:
                table = _with_codes(_checked(getattr(self, name), name, ("subject", "item")), ("subject", "item"))
                _refuse_repeats(table, name, ("subject", "item"))
                object.__setattr__(self, name, _with_positive(table, name, weight))
        if self.popularity is not None:
            table = _with_integers(_checked(self.popularity, "popularity", ("item",)), "popularity", "count")
            _refuse_repeats(table, "popularity", ("item",))
            _refuse_rows(
                pc.less(table["count"], 0), "popularity, column count: expected 0 or more, got a negative number"
            )
            object.__setattr__(self, "popularity", table)
        if self.subject_groups is not None:
            table = self.subject_groups
            named = ("attribute",) if "attribute" in table.column_names else ()
            table = _checked(table, "subject_groups", ("subject", *named, "group"))
            _refuse_repeats(table, "subject_groups", ("subject", *named))
            object.__setattr__(self, "subject_groups", table)


def codes(values: pa.ChunkedArray | pa.Array, known: Sequence[str] | pa.Array) -> Ints:
    """Position of each value in ``known``, -1 where it is absent; shape (rows,)."""
    known = known if isinstance(known, pa.Array) else pa.array(known, pa.string())
    if pa.types.is_dictionary(values.type):
        column = coded(values)
        return codes(column.names, known)[column.codes]
    if isinstance(values, pa.Array) and values.equals(known):
        return np.arange(len(known))
    found = pc.index_in(values, value_set=known)
    return np.asarray(pc.fill_null(found, -1), dtype=np.int64)


def _checked(table: pa.Table, name: str, columns: Sequence[str]) -> pa.Table:
    """The table with these columns as plain strings and no nulls."""
    for column in columns:
        values = _column(table, name, column)
        try:
            text = values.cast(pa.string())
        except pa.ArrowInvalid as cause:
            msg = f"{name}, column {column}: expected text, got {values.type}"
            raise InvalidTable(msg) from cause
        table = table.set_column(table.schema.get_field_index(column), column, text)
    return table


def _with_codes(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """The table with these columns coded once for the checks, the evidence and the digest, which hash no name again."""
    for column in columns:
        table = table.set_column(table.schema.get_field_index(column), column, as_column(coded(table[column])))
    return table


def _with_integers(table: pa.Table, name: str, column: str) -> pa.Table:
    values = _column(table, name, column)
    if not pa.types.is_integer(values.type):
        msg = f"{name}, column {column}: expected whole numbers, got {values.type}"
        raise InvalidTable(msg)
    return table.set_column(table.schema.get_field_index(column), column, values.cast(pa.int64()))


def _with_positive(table: pa.Table, name: str, column: str) -> pa.Table:
    """The table with this optional column as positive doubles."""
    if column not in table.column_names:
        return table
    values = _column(table, name, column)
    try:
        numbers = values.cast(pa.float64())
    except pa.ArrowInvalid as cause:
        msg = f"{name}, column {column}: expected numbers, got {values.type}"
        raise InvalidTable(msg) from cause
    fine = np.asarray(numbers)
    _refuse_rows(~(np.isfinite(fine) & (fine > 0)), f"{name}, column {column}: expected a positive number, got another")
    return table.set_column(table.schema.get_field_index(column), column, numbers)


def _column(table: pa.Table, name: str, column: str) -> pa.ChunkedArray:
    if table.schema.get_field_index(column) < 0:
        msg = f"{name}: expected a column {column!r} once, got {table.column_names}"
        raise InvalidTable(msg)
    _refuse_rows(pc.is_null(table[column]), f"{name}, column {column}: expected a value, got null")
    return table[column]


def _refuse_empty(table: pa.Table, name: str) -> None:
    if table.num_rows == 0:
        msg = f"{name}: expected at least one row, got none"
        raise InvalidTable(msg)


def _refuse_rows(bad: pa.ChunkedArray | NDArray[np.bool_], message: str) -> None:
    rows = np.flatnonzero(np.asarray(bad))
    if rows.size:
        msg = f"{message} in {rows.size} rows, first in row {rows[0]}"
        raise InvalidTable(msg)


def _refuse_broken_lists(table: pa.Table) -> NoReturn:
    """Say what is wrong with lists that are known to break their contract."""
    _refuse_repeats(table, "recommendations", ("subject", "rank"))
    _refuse_repeats(table, "recommendations", ("subject", "item"))
    _refuse_rank_gaps(table)
    msg = "recommendations: expected lists of distinct items at ranks 1, 2, 3 …, got others"
    raise InvalidTable(msg)


def _refuse_repeats(table: pa.Table, name: str, columns: Sequence[str]) -> None:
    if not any(pa.types.is_integer(table[column].type) for column in columns) and all_distinct(
        [coded(table[column]) for column in columns]
    ):
        return
    order, repeated = _repeats(table, columns)
    rows = np.sort(order[1:][repeated])
    if rows.size:
        msg = (
            f"{name}: expected each {' and '.join(columns)} once, got {rows.size} repeated rows, first is row {rows[0]}"
        )
        raise InvalidTable(msg)


def _repeats(table: pa.Table, columns: Sequence[str]) -> tuple[Ints, NDArray[np.bool_]]:
    """Row order sorted by these columns, and whether each row after the first equals the one before it."""
    keys = np.stack([_order_key(table[column]) for column in columns])
    order = np.lexsort(keys[::-1])
    ordered = keys[:, order]
    return order, np.all(ordered[:, 1:] == ordered[:, :-1], axis=0)


def _order_key(column: pa.ChunkedArray) -> Ints:
    if pa.types.is_integer(column.type):
        return np.asarray(column, dtype=np.int64)
    return np.asarray(column.combine_chunks().dictionary_encode().indices, dtype=np.int64)


def _refuse_rank_gaps(table: pa.Table) -> None:
    subject, rank = _order_key(table["subject"]), _order_key(table["rank"])
    order = np.lexsort((rank, subject))
    starts = np.flatnonzero(np.r_[True, np.diff(subject[order]) != 0])
    expected = np.arange(order.size) - np.repeat(starts, np.diff(np.r_[starts, order.size])) + 1
    wrong = np.flatnonzero(rank[order] != expected)
    if wrong.size:
        row, want, got = order[wrong[0]], expected[wrong[0]], rank[order][wrong[0]]
        msg = f"recommendations, column rank: expected ranks 1, 2, 3 … without a gap, got {got} for {want} in row {row}"
        raise InvalidTable(msg)


def _refuse_unknown(table: pa.Table, name: str, known: pa.Array) -> None:
    item = coded(table["item"])
    _refuse_rows_but(np.asarray(pc.is_in(item.names, value_set=known))[item.codes], name)


def _refuse_rows_but(known: NDArray[np.bool_], name: str) -> None:
    missing = np.flatnonzero(~known)
    if missing.size:
        found = f"{missing.size} rows with others, first in row {missing[0]}"
        msg = f"{name}, column item: expected items of the catalogue, got {found}"
        raise UnknownItem(msg)


def _refuse_unknown_in_lists(given: Recommendations, name: str, known: pa.Array) -> None:
    _refuse_rows_but(np.asarray(pc.is_in(given.lists.names, value_set=known))[given.items], name)


def _refuse_other_subjects(baseline: Recommendations, audited: Recommendations) -> None:
    ours, theirs = audited.lists.subjects, baseline.lists.subjects
    missing = len(ours) - int(pc.sum(pc.is_in(ours, value_set=theirs)).as_py())
    surplus = len(theirs) - int(pc.sum(pc.is_in(theirs, value_set=ours)).as_py())
    if missing or surplus:
        msg = f"baseline, column subject: expected the subjects of the lists, got {surplus} others, missing {missing}"
        raise InvalidTable(msg)
