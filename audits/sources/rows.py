"""Rows as they stood in a source, and the checks that turn their columns into names and numbers."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from audits.coding import all_distinct, coded, row_order
from audits.sources.errors import MalformedSource, malformed

Progress = Callable[[int, int], None]
"""Called with (done, total): bytes of a file, rows of a table; total 0 while it is unknown."""


def untold(done: int, total: int) -> None:
    """Whoever does not want to be told how far a reading is."""


_WHOLE = r"^[+-]?[0-9]{1,18}$"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A table with our column names, and how to say where one of its rows stands.

    Attributes:
        table: in the order of the source.
        place: the file or table, for messages.
        unit: "line" or "row"; empty where rows have no number (a table of a database).
        first: number of the first row.
        numbers: the number of each row less ``first``, where some of the source's rows are left out.
    """

    table: pa.Table
    place: str
    unit: str = ""
    first: int = 1
    numbers: NDArray[np.int64] | None = None

    def at(self, row: int) -> str:
        """Where a row (from 0) stands: "lists.csv, line 17"."""
        return f"{self.place}, {self.number(row)}" if self.unit else self.place

    def number(self, row: int) -> str:
        """A row (from 0) as the source counts: "line 17"."""
        if not self.unit:
            return "one of its rows"
        index = row if self.numbers is None else int(self.numbers[row])
        return f"{self.unit} {self.first + index}"

    def has(self, column: str) -> bool:
        """Whether the source had this column."""
        return column in self.table.column_names

    def where(self, keep: pa.ChunkedArray) -> "Rows":
        """Some of the rows, which keep their numbers."""
        chosen = np.flatnonzero(np.asarray(keep))
        numbers = chosen if self.numbers is None else self.numbers[chosen]
        return Rows(self.table.filter(keep), self.place, self.unit, self.first, numbers)

    def refuse(self, bad: pa.ChunkedArray | NDArray[np.bool_], column: str, *, expected: str, got: str) -> None:
        """Raise for the first row that is bad, and say how many more there are."""
        rows = np.flatnonzero(np.asarray(bad))
        if rows.size:
            more = f" (and so in {rows.size - 1} more rows)" if rows.size > 1 else ""
            raise malformed(self.at(int(rows[0])), column, expected=expected, got=f"{got}{more}")


def names(rows: Rows, column: str) -> pa.ChunkedArray:
    """A column of names: text, or whole numbers taken as text. No row may be empty."""
    values = _text(rows, column)
    rows.refuse(_empty(values), column, expected="a name", got="nothing")
    return values


def optional_names(rows: Rows, column: str) -> pa.ChunkedArray:
    """A column of names in which nothing stands where there is none: null, never an empty text."""
    values = _text(rows, column)
    return pc.if_else(_empty(values), pa.scalar(None, pa.string()), values)


def whole_numbers(rows: Rows, column: str, *, lowest: int) -> pa.ChunkedArray:
    """A column of whole numbers, as text or as integers; a number with a fraction is another type, and refused."""
    values = _plain(rows.table[column])
    expected = f"a whole number from {lowest}"
    if _is_text(values):
        values = _parsed(rows, column, _WHOLE, expected, pa.int64())
    elif pa.types.is_integer(values.type):
        rows.refuse(pc.is_null(values), column, expected=expected, got="nothing")
        if pa.types.is_uint64(values.type):
            beyond = pc.greater(values, pa.scalar(2**62, pa.uint64()))
            rows.refuse(beyond, column, expected=expected, got="a number beyond 2^62")
        values = values.cast(pa.int64())
    else:
        _refuse_type(rows, column, values, "whole numbers")
    rows.refuse(pc.less(values, lowest), column, expected=expected, got="a lower one")
    return values


def numbers(rows: Rows, column: str) -> pa.ChunkedArray:
    """A column of finite numbers, as text or as numbers, in doubles."""
    values = _plain(rows.table[column])
    if _is_text(values):
        values = _parsed(rows, column, _NUMBER, "a number", pa.float64())
    elif pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
        rows.refuse(pc.is_null(values), column, expected="a number", got="nothing")
        values = values.cast(pa.float64(), safe=False)
    else:
        _refuse_type(rows, column, values, "numbers")
    rows.refuse(pc.invert(pc.is_finite(values)), column, expected="a finite number", got="infinity or none")
    return values


def truths(rows: Rows, column: str) -> pa.ChunkedArray:
    """A column of truth values: booleans, or true, false, 1 and 0 as text or numbers."""
    values = pc.utf8_lower(_text(rows, column))
    true, false = (pc.is_in(values, value_set=pa.array(words)) for words in (["true", "1"], ["false", "0"]))
    rows.refuse(pc.invert(pc.or_(true, false)), column, expected="true, false, 1 or 0", got="another value or nothing")
    return true


def refuse_repeats(rows: Rows, columns: Sequence[pa.ChunkedArray], column: str, *, expected: str) -> None:
    """Refuse the first row that has the same names in these columns as a row before it."""
    keys = [coded(each) for each in columns]
    if all_distinct(keys):
        return
    order = row_order(keys)
    again = np.zeros(order.size, dtype=bool)
    again[order[1:]] = np.all([key.codes[order][1:] == key.codes[order][:-1] for key in keys], axis=0)
    rows.refuse(again, column, expected=expected, got="one again")


def holds_names(kind: pa.DataType) -> bool:
    """Whether a column of this type can be read as names: text, whole numbers, true and false, or lists of texts."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return any(check(kind.value_type) for check in _TEXTS)
    return any(check(kind) for check in (*_TEXTS, pa.types.is_integer, pa.types.is_boolean))


def _text(rows: Rows, column: str) -> pa.ChunkedArray:
    values = _plain(rows.table[column])
    if not (holds_names(values.type) and not pa.types.is_nested(values.type)):
        _refuse_type(rows, column, values, "text or whole numbers")
    return values.cast(pa.string())


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values


def _is_text(values: pa.ChunkedArray) -> bool:
    return any(check(values.type) for check in _TEXTS)


def _empty(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.or_kleene(pc.is_null(values), pc.fill_null(pc.equal(values, ""), fill_value=False))


def _parsed(rows: Rows, column: str, pattern: str, expected: str, kind: pa.DataType) -> pa.ChunkedArray:
    """Texts as numbers: most are plain, and parsed at once."""
    values = _plain(rows.table[column])
    rows.refuse(pc.is_null(values), column, expected=expected, got="nothing")
    with suppress(pa.ArrowInvalid):
        parsed = pc.cast(values, kind)
        if pa.types.is_floating(kind) or (pc.max(pc.binary_length(values)).as_py() or 0) < len("0x1"):
            return parsed
    # Arrow refuses one, and does not say which; or it would take 0x1F for a whole number.
    like = np.asarray(pc.fill_null(pc.match_substring_regex(values, pattern), fill_value=False))
    bad = np.flatnonzero(~like)
    if bad.size:
        found = values[int(bad[0])].as_py()
        got = f"{len(found)} characters that are none" if found else "nothing"
        rows.refuse(~like, column, expected=expected, got=got)
    return pc.cast(pc.utf8_ltrim(values, "+"), kind)


def _refuse_type(rows: Rows, column: str, values: pa.ChunkedArray, expected: str) -> NoReturn:
    msg = f"{rows.place}, column {column}: expected {expected}, got the type {values.type}"
    raise MalformedSource(msg)
