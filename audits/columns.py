"""Per-subject numbers of a whole family of statistics, held once and as whole numbers.

Many statistics share columns (membership of a group, attention to a category). Each distinct one is kept once, centred
and rounded to a whole multiple of its step, so that sums over resampled subjects are exact in double precision: they
come out equal to the last bit whatever the order, the number of threads or the linear-algebra library.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle, pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audits.ahead import ahead
from audits.blocks import Blocks
from audits.channels import Channels, Crossed
from audits.weights import MOST, REPLICATES_A_DRAW, SUBJECTS_A_DRAW, Weights, draw

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Whole = NDArray[np.int32]
Progress = Callable[[int, int], None]

_EXACT_BITS = 53
_STORED_BITS = 30
_ROWS = 4_096
_SAMPLE = 256
_COLUMNS = 64
_FEW = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Held:
    """Where a statistic's columns are: ``base + step * (column at position)`` gives each back, to rounding."""

    positions: Ints
    base: Floats
    step: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Kept:
    """A column without the zeros at its ends: ``numbers`` belong to the subjects from ``first`` on."""

    first: int
    numbers: Whole

    def within(self, subjects: slice) -> Whole:
        """Those of its numbers that belong to these subjects."""
        return self.numbers[max(subjects.start - self.first, 0) : max(subjects.stop - self.first, 0)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rounded:
    """A statistic's columns as whole numbers, before it is known which of them another has too."""

    columns: tuple[_Kept, ...]
    base: Floats
    step: Floats


class Columns:
    """The distinct columns of a family, one number for each unit: a subject, or with ``blocks`` one of these.

    ``order`` (n,) says in which order subjects are kept: those of one group beside each other, so that a column that is
    0 outside of one group costs nothing elsewhere. Blocks keep the order they have.

    Guarantees:
      - rounding changes a number by at most 2^-30 of its column's largest distance from the base (2^-26 at 16 million
        units)
    """

    def __init__(self, subjects: int, order: Ints | None = None, blocks: Blocks | None = None) -> None:
        self._subjects = subjects
        self._blocks = blocks
        self._order = np.arange(subjects) if order is None else order
        self._sizes = np.ones(subjects) if blocks is None else blocks.sizes
        self._units = self._sizes.size
        room = _EXACT_BITS - (MOST * max(self._units, 1)).bit_length()
        self._largest = float(2 ** min(_STORED_BITS, room))
        self._kept: list[_Kept] = []
        self._alike: dict[tuple[int, int, bytes], list[int]] = {}
        self._place_of: Ints | None = None

    @property
    def width(self) -> int:
        """How many distinct columns there are."""
        return len(self._kept)

    @property
    def units(self) -> str:
        """What is resampled, in words."""
        return "subjects" if self._blocks is None else f"{self._units:,} random blocks of subjects"

    def hold(self, channels: Channels) -> Held:
        """Keep these (n, c) columns; one with a number that is not finite is kept as a constant that is not."""
        return self.keep(self.rounded(channels))

    def rounded(self, channels: Channels) -> Rounded:
        """These (n, c) columns as whole numbers, to be kept; several threads may ask at once."""
        if self._blocks is not None:
            sums = np.ascontiguousarray(self._blocks.sums(channels).T)
            # A few columns at a time, so that they stay near the processor while they are worked on.
            return _beside(self._rounded_sums(sums[at : at + _FEW]) for at in range(0, max(sums.shape[0], 1), _FEW))
        channels = channels.dense() if isinstance(channels, Crossed) else channels
        if not isinstance(channels, np.ndarray):
            return self._rounded_sparse(channels)
        return _beside(
            self._rounded_dense(channels[:, at : at + _COLUMNS]) for at in range(0, max(channels.shape[1], 1), _COLUMNS)
        )

    def keep(self, rounded: Rounded) -> Held:
        """Keep what is not kept yet; one thread at a time."""
        positions = np.array([self._place(column) for column in rounded.columns], dtype=np.int64)
        return Held(positions=positions, base=rounded.base, step=rounded.step)

    def _rounded_sums(self, apart: Floats) -> Rounded:
        """Columns of which each block's sum is given, (c, blocks), and written to."""
        # Block after block, however the columns lie in memory.
        mean = apart.cumsum(axis=1)[:, -1] / self._subjects
        sparse = 2 * np.count_nonzero(apart, axis=1) < self._units
        base = np.where(sparse & np.isfinite(mean), 0.0, mean)
        for centred, centre in zip(apart, base, strict=True):
            if centre != 0.0:
                np.subtract(centred, self._sizes * centre, out=centred)
        reach = np.maximum(apart.max(axis=1), -apart.min(axis=1))
        step, per_step = self._steps(base * self._sizes.max(), reach)
        whole = np.zeros(apart.shape, dtype=np.int32)
        for at in np.flatnonzero(per_step):
            whole[at] = np.rint(np.multiply(apart[at], per_step[at], out=apart[at]), out=apart[at])
        return Rounded(columns=tuple(_trimmed(column, 0) for column in whole), base=base, step=step)

    def _rounded_dense(self, channels: Floats) -> Rounded:
        mean, width = channels.mean(axis=0), channels.shape[1]
        filled, low, high = np.zeros(width), np.full(width, np.inf), np.full(width, -np.inf)
        for rows in _blocks(self._subjects, _ROWS):
            block = channels[rows]
            filled += (block != 0.0).sum(axis=0)
            np.minimum(low, block.min(axis=0), out=low)
            np.maximum(high, block.max(axis=0), out=high)
        # A column that is mostly 0 stays so; another is centred, so that rounding is small beside its variation.
        base = np.where((2 * filled < self._subjects) & np.isfinite(mean), 0.0, mean)
        step, per_step = self._steps(base, np.maximum(high - base, base - low))
        whole = np.zeros((width, self._subjects), dtype=np.int32)
        for rows in _blocks(self._subjects, _ROWS):
            block = np.ascontiguousarray(channels[self._order[rows]].T)
            # Subjects of one group lie beside each other, so most columns of groups are 0 throughout.
            for at in np.flatnonzero(((base != 0.0) | block.any(axis=1)) & (per_step > 0.0)):
                whole[at, rows] = np.rint((block[at] - base[at]) * per_step[at])
        return Rounded(columns=tuple(_trimmed(column, 0) for column in whole), base=base, step=step)

    def _rounded_sparse(self, channels: "sparse.csc_array") -> Rounded:
        """Columns of which only the numbers that are not 0 are given, and looked at."""
        if self._place_of is None:
            self._place_of = np.argsort(self._order)
        starts = channels.indptr.tolist()
        base, reach = np.zeros(channels.shape[1]), np.zeros(channels.shape[1])
        for at, (start, stop) in enumerate(pairwise(starts)):
            reach[at] = np.abs(channels.data[start:stop]).max(initial=0.0)
        base[~np.isfinite(reach)] = np.nan
        step, per_step = self._steps(base, reach)
        columns = []
        for at, (start, stop) in enumerate(pairwise(starts)):
            places = self._place_of[channels.indices[start:stop]] if per_step[at] else np.zeros(0, dtype=np.int64)
            first = int(places.min(initial=self._subjects))
            column = np.zeros(int(places.max(initial=first - 1)) + 1 - first, dtype=np.int32)
            column[places - first] = np.rint(channels.data[start:stop] * per_step[at]) if per_step[at] else 0
            columns.append(_trimmed(column, first))
        return Rounded(columns=tuple(columns), base=base, step=step)

    def _steps(self, base: Floats, reach: Floats) -> tuple[Floats, Floats]:
        """What one unit of each whole-number column is worth, and its reciprocal; both 0 where nothing varies."""
        # A number smaller than its own rounding error is no variation; and 1/tiny would overflow.
        flat = ~(reach > np.finfo(np.float64).eps * np.abs(base) + np.finfo(np.float64).tiny) | ~np.isfinite(reach)
        step = np.where(flat, 0.0, reach / self._largest)
        return step, np.divide(1.0, step, out=np.zeros_like(step), where=~flat)

    def totals(
        self, weights: Weights, seed: int, replicates: int, *, progress: Progress | None = None
    ) -> tuple[Floats, Floats]:
        """Weighted sums of every column, (replicates, width), and of the weights, (replicates,)."""
        plain = np.array([each.numbers.sum(dtype=np.int64) for each in self._kept], dtype=np.float64)
        sums, drawn = np.zeros((self.width, replicates)), np.zeros(replicates)
        done, whole = 0, self._units * replicates
        for units, columns, whole_numbers in ahead(self._drawn(weights, seed, replicates)):
            active, rows = self._rows(units)
            sums[active, columns] += rows @ whole_numbers
            drawn[columns] += self._sizes[units] @ whole_numbers
            done += whole_numbers.size
            if progress is not None:
                progress(replicates * done // whole, replicates)
        weight = weights.offset * self._subjects + weights.scale * drawn
        return (weights.offset * plain[:, None] + weights.scale * sums).T, weight

    def _drawn(self, weights: Weights, seed: int, replicates: int) -> Iterator[tuple[slice, slice, Floats]]:
        """Draws block by block, each in the memory of the one before the last."""
        room = min(self._units, SUBJECTS_A_DRAW) * min(replicates, REPLICATES_A_DRAW)
        buffers = cycle((np.empty(room), np.empty(room)))
        for columns in _blocks(replicates, REPLICATES_A_DRAW):
            for units in _blocks(self._units, SUBJECTS_A_DRAW):
                shape = (units.stop - units.start, columns.stop - columns.start)
                out = next(buffers)[: shape[0] * shape[1]].reshape(shape)
                draw(weights, seed, subjects=units, replicates=columns, out=out)
                yield units, columns, out

    def _rows(self, units: slice) -> tuple[Ints, Floats]:
        """The columns that are not 0 for all these units: which, and their numbers."""
        active = [at for at, each in enumerate(self._kept) if each.within(units).any()]
        rows = np.zeros((len(active), units.stop - units.start))
        for row, at in zip(rows, active, strict=True):
            each = self._kept[at]
            start = max(each.first - units.start, 0)
            numbers = each.within(units)
            row[start : start + numbers.size] = numbers
        return np.array(active, dtype=np.int64), rows

    def _place(self, new: _Kept) -> int:
        """Where this column is kept, after keeping it if it is new."""
        looks_like = (new.first, new.numbers.size, new.numbers[:: max(1, new.numbers.size // _SAMPLE)].tobytes())
        seen = self._alike.setdefault(looks_like, [])
        for at in seen:
            if np.array_equal(self._kept[at].numbers, new.numbers):
                return at
        seen.append(self.width)
        self._kept.append(_Kept(first=new.first, numbers=new.numbers.copy()))
        return seen[-1]


def _trimmed(column: Whole, first: int) -> _Kept:
    """This column, 0 before ``first`` and after its end, without the zeros at its own ends."""
    filled = column != 0
    if not filled.any():
        return _Kept(first=first, numbers=column[:0])
    start, stop = int(filled.argmax()), column.size - int(filled[::-1].argmax())
    return _Kept(first=first + start, numbers=column[start:stop])


def _beside(parts: Iterable[Rounded]) -> Rounded:
    """The columns of all parts, one part after the other."""
    every = list(parts)
    return Rounded(
        columns=tuple(column for part in every for column in part.columns),
        base=np.concatenate([part.base for part in every]),
        step=np.concatenate([part.step for part in every]),
    )


def _blocks(length: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, length)) for start in range(0, length, size))
