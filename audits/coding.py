"""Names as positions in their sorted list, so that tables of many million rows are checked and sorted as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Codes = NDArray[np.int32]
Ints = NDArray[np.int64]

_PADDED_AT_MOST = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coded:
    """A column of names: ``names`` distinct and sorted by their UTF-8 bytes, ``codes`` (rows,) positions in them."""

    names: pa.Array
    codes: Codes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CodedLists:
    """Lists in one fixed order: by subject, then by rank.

    Attributes:
        subjects: distinct names, sorted, n of them.
        lengths: of each subject's list, shape (n,).
        names: distinct names of the items shown, sorted.
        items: position in ``names`` of every item shown, shape (sum of lengths,).
    """

    subjects: pa.Array
    lengths: Ints
    names: pa.Array
    items: Codes

    def as_table(self) -> pa.Table:
        """The same as rows of ``subject``, ``item`` and ``rank``, in that order."""
        owner = np.repeat(np.arange(self.lengths.size), self.lengths)
        rank = np.arange(owner.size) - np.repeat(np.cumsum(self.lengths) - self.lengths, self.lengths) + 1
        columns = (self.subjects.take(pa.array(owner)), self.names.take(pa.array(self.items)), pa.array(rank))
        return pa.table(dict(zip(("subject", "item", "rank"), columns, strict=True)))


def coded(column: pa.ChunkedArray) -> Coded:
    """Codes of a column of strings without nulls, or of one that ``as_column`` made."""
    chunks = column.dictionary_encode().unify_dictionaries().chunks
    if not chunks:
        return Coded(names=pa.array([], pa.string()), codes=np.zeros(0, dtype=np.int32))
    names = chunks[0].dictionary
    found = np.concatenate([np.asarray(chunk.indices) for chunk in chunks])
    if pc.all(pc.less(names[:-1], names[1:])).as_py():
        return Coded(names=names, codes=found)
    order = np.asarray(pc.array_sort_indices(names), dtype=np.int64)
    position = np.empty(order.size, dtype=np.int32)
    position[order] = np.arange(order.size, dtype=np.int32)
    return Coded(names=names.take(pa.array(order)), codes=position[found])


def as_column(column: Coded) -> pa.ChunkedArray:
    """A column of a table that ``coded`` need not hash again: a dictionary of all names that occur, sorted."""
    return pa.chunked_array([pa.DictionaryArray.from_arrays(pa.array(column.codes), column.names)])


def one_key(columns: Sequence[Coded]) -> Ints | None:
    """One number a row that orders rows as the columns do, the first column first; None if that takes over 62 bits."""
    key = np.zeros(columns[0].codes.size, dtype=np.int64)
    values = 1
    for column in columns:
        values *= max(len(column.names), 1)
        if values >= 1 << 62:
            return None
        key = key * len(column.names) + column.codes
    return key


def row_order(columns: Sequence[Coded]) -> Ints:
    """Rows sorted by the columns, the first column first."""
    key = one_key(columns)
    if key is None:
        return np.asarray(np.lexsort([column.codes for column in reversed(columns)]), dtype=np.int64)
    return np.asarray(np.argsort(key, kind="stable"), dtype=np.int64)


def all_distinct(columns: Sequence[Coded]) -> bool:
    """Whether no two rows are equal in all these columns."""
    key = one_key(columns)
    if key is None:
        ordered = np.stack([column.codes for column in columns])[:, row_order(columns)]
        return not np.all(ordered[:, 1:] == ordered[:, :-1], axis=0).any()
    key.sort()
    return not (key[1:] == key[:-1]).any()


def ordered_lists(subject: Coded, item: Coded, rank: Ints) -> CodedLists | None:
    """The lists by subject and rank, or None where ranks are not exactly 1..length or a list has an item twice."""
    lengths = np.bincount(subject.codes, minlength=len(subject.names))
    if not ((rank >= 1) & (rank <= lengths[subject.codes])).all():
        return None
    starts = np.cumsum(lengths) - lengths
    place = starts[subject.codes] + rank - 1
    items = np.full(place.size, -1, dtype=np.int32)
    items[place] = item.codes
    if (items < 0).any() or _repeated_within(items, lengths):
        return None
    return CodedLists(subjects=subject.names, lengths=lengths, names=item.names, items=items)


def _repeated_within(items: Codes, lengths: Ints) -> bool:
    width = int(lengths.max())
    if width * lengths.size > _PADDED_AT_MOST * items.size:
        # One very long list among short ones: a rectangle would be mostly empty.
        owner = np.repeat(np.arange(lengths.size), lengths)
        key = np.sort(owner * (int(items.max()) + 1) + items)
        return bool((key[1:] == key[:-1]).any())
    rows = np.sort(rectangle(items, lengths, width), axis=1)
    return bool(((rows[:, 1:] == rows[:, :-1]) & (rows[:, 1:] >= 0)).any())


def rectangle(items: Codes, lengths: Ints, width: int) -> Codes:
    """The first ``width`` items of every list, shape (n, width), -1 after a short list's end."""
    longest = int(lengths.max())
    if longest == lengths.min():
        shown = items.reshape(lengths.size, longest)[:, :width]
        return np.pad(shown, ((0, 0), (0, width - shown.shape[1])), constant_values=-1)
    starts = np.cumsum(lengths) - lengths
    rank = np.arange(items.size) - np.repeat(starts, lengths)
    kept = rank < width
    rows = np.full((lengths.size, width), -1, dtype=np.int32)
    rows[np.repeat(np.arange(lengths.size), lengths)[kept], rank[kept]] = items[kept]
    return rows
