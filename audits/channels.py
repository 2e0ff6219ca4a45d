"""Numbers of each subject that figures are made of, in three forms.

A table (n, c); only those numbers of it that are not 0, column by column; or ``Crossed``, a few numbers of each subject
times its membership of each group. Twenty groups of a million subjects would fill gigabytes with zeros.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Union

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# Numbers of each subject, (n, c).
Channels = Union[Floats, "sparse.csc_array", "Crossed"]

_ROWS = 16_384


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Divisions:
    """Ways to divide the same subjects, and the *kinds* of subjects: those of one kind share every group.

    Attributes:
        codes: for each way the group of each subject, (n,), below 0 for a subject without one.
        sizes: for each way how many groups it has.
        order: subjects, those of one kind beside each other, (n,).
        ends: where each kind begins in ``order``, then n, (kinds + 1,).
        members: 1.0 where a kind belongs to a group, the groups of one way after those of the other, (kinds, groups).
    """

    codes: tuple[Ints, ...]
    sizes: tuple[int, ...]
    order: Ints
    ends: Ints
    members: Floats


def divisions(codes: Sequence[Ints], sizes: Sequence[int], subjects: int) -> Divisions:
    """The kinds of subjects that these ways make, one way or more."""
    # Few groups fit into 16 bits, which sort in linear time.
    short = [
        each.astype(np.int16) if size <= np.iinfo(np.int16).max else each
        for each, size in zip(codes, sizes, strict=True)
    ]
    order = np.lexsort(short[::-1]) if short else np.arange(subjects)
    begins = np.zeros(subjects, dtype=bool)
    begins[:1] = True
    for each in short:
        ordered = each[order]
        begins[1:] |= ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(begins)
    some = order[starts]
    members = [each[some][:, None] == np.arange(size) for each, size in zip(codes, sizes, strict=True)]
    return Divisions(
        codes=tuple(codes),
        sizes=tuple(sizes),
        order=order.astype(np.int64),
        ends=np.append(starts, subjects).astype(np.int64),
        members=np.hstack([np.zeros((starts.size, 0)), *members]),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crossed:
    """Columns: the first number times membership of each group, then the second times the same, and so on.

    ``numbers`` is (v, n), subjects in the order of ``by.order``: each kind lies in one piece.
    """

    numbers: Floats
    by: Divisions

    @property
    def shape(self) -> tuple[int, int]:
        """Subjects and columns."""
        width, n = self.numbers.shape
        return n, width * self.by.members.shape[1]

    def sums(self) -> Floats:
        """Sum of each column, (c,)."""
        of_kinds = np.stack([self.numbers[:, some].sum(axis=1) for some in self._kinds()], axis=1)
        return np.asarray((of_kinds @ self.by.members).ravel(), dtype=np.float64)

    def dense(self) -> Floats:
        """As a table, (n, c)."""
        n, width = self.shape
        found = np.empty((n, width))
        for some, row in zip(self._kinds(), self.by.members, strict=True):
            found[self.by.order[some]] = (self.numbers[:, some].T[:, :, None] * row).reshape(-1, width)
        return found

    def changes(self, slopes: Floats, offset: Floats) -> Iterator[tuple[Ints, Floats]]:
        """``self @ slopes - offset`` some subjects at a time: which columns, (some,), and their numbers, (some, rows).

        ``slopes`` is (c, cells). Columns of groups that a kind does not belong to are ``-offset`` and come last.
        """
        width, groups = self.numbers.shape[0], self.by.members.shape[1]
        own = self.by.members @ slopes.reshape(width, groups, -1)
        for at, some in enumerate(self._kinds()):
            touched = own[:, at].any(axis=0)
            active, still = np.flatnonzero(touched), np.flatnonzero(~touched)
            here, apart = own[:, at, active].T, offset[active, None]
            for start in range(some.start, some.stop, _ROWS):
                yield active, here @ self.numbers[:, start : min(start + _ROWS, some.stop)] - apart
            if offset[still].any():
                yield still, np.broadcast_to(-offset[still, None], (still.size, some.stop - some.start))

    def _kinds(self) -> Iterator[slice]:
        """Where the subjects of each kind are."""
        return (slice(start, stop) for start, stop in pairwise(self.by.ends.tolist()))


def crossed(values: Floats, by: Divisions) -> Crossed:
    """Numbers of each subject, (n, v), times its memberships."""
    return Crossed(numbers=np.stack([column[by.order] for column in values.T]), by=by)


def means(channels: Channels) -> Floats:
    """Mean of each column, (c,)."""
    if isinstance(channels, Crossed):
        return channels.sums() / channels.shape[0]
    return np.asarray(channels.mean(axis=0), dtype=np.float64).ravel()


def beside(first: Floats | Crossed, second: Floats | Crossed) -> Floats | Crossed:
    """The columns of both over the same subjects, tables or numbers crossed with the same groups."""
    if isinstance(first, Crossed) and isinstance(second, Crossed):
        return Crossed(numbers=np.vstack([first.numbers, second.numbers]), by=first.by)
    both = (each.dense() if isinstance(each, Crossed) else each for each in (first, second))
    return np.hstack(list(both))
