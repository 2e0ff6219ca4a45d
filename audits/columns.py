"""Per-subject numbers of a whole family of statistics, held once and as whole numbers.

Many statistics share columns (membership of a group, attention to a category). Each distinct one is kept once, centred
and rounded to a whole multiple of its step, so that sums over resampled subjects are exact in double precision: they
come out equal to the last bit whatever the order, the number of threads or the linear-algebra library.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.weights import MOST, REPLICATES_A_DRAW, SUBJECTS_A_DRAW, Weights, draw

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Progress = Callable[[int, int], None]

_EXACT_BITS = 53
_STORED_BITS = 30
_ROWS = 16_384
_SAMPLE = 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Held:
    """Where a statistic's columns are: ``base + step * (column at position)`` gives each back, to rounding."""

    positions: Ints
    base: Floats
    step: Floats


class Columns:
    """The distinct columns of a family, (n,) each.

    ``order`` (n,) says in which order subjects are kept: those of one group beside each other, so that a column that is
    0 outside of one group costs nothing elsewhere.

    Guarantees:
      - rounding changes a number by at most 2^-30 of its column's largest distance from the base (2^-26 at 16 million
        subjects)
    """

    def __init__(self, subjects: int, order: Ints | None = None) -> None:
        self._subjects = subjects
        self._order = np.arange(subjects) if order is None else order
        room = _EXACT_BITS - (MOST * max(subjects, 1)).bit_length()
        self._largest = float(2 ** min(_STORED_BITS, room))
        self._kept: list[NDArray[np.int32]] = []
        self._alike: dict[bytes, list[int]] = {}

    @property
    def width(self) -> int:
        """How many distinct columns there are."""
        return len(self._kept)

    def hold(self, channels: Floats) -> Held:
        """Keep these (n, c) columns."""
        zeros = np.count_nonzero(channels == 0.0, axis=0)
        # A column that is mostly 0 stays so; another is centred, so that rounding is small beside its variation.
        base = np.where(2 * zeros > self._subjects, 0.0, channels.mean(axis=0))
        reach = np.zeros(base.size)
        for rows in _blocks(self._subjects, _ROWS):
            np.maximum(reach, np.abs(channels[rows] - base).max(axis=0, initial=0.0), out=reach)
        # What is not a number has no figure, which is said elsewhere, and nothing to resample.
        void = ~np.isfinite(reach)
        # A number smaller than its own rounding error is no variation; and 1/tiny would overflow.
        flat = void | (reach <= np.finfo(np.float64).eps * np.abs(base) + np.finfo(np.float64).tiny)
        step = np.where(flat, 0.0, reach / self._largest)
        per_step = np.divide(1.0, step, out=np.zeros_like(step), where=~flat)
        whole = np.empty((base.size, self._subjects), dtype=np.int32)
        for rows in _blocks(self._subjects, _ROWS):
            scaled = (channels[self._order[rows]] - base) * per_step
            scaled[:, void] = 0.0
            whole[:, rows] = np.rint(scaled).T
        positions = np.array([self._place(column) for column in whole], dtype=np.int64)
        return Held(positions=positions, base=base, step=step)

    def totals(
        self, weights: Weights, seed: int, replicates: int, *, progress: Progress | None = None
    ) -> tuple[Floats, Floats]:
        """Weighted sums of every column, (replicates, width), and of the weights, (replicates,)."""
        plain = np.array([column.sum(dtype=np.int64) for column in self._kept], dtype=np.float64)
        sums, drawn = np.zeros((self.width, replicates)), np.zeros(replicates)
        done, whole = 0, self._subjects * replicates
        for subjects, columns, whole_numbers in self._drawn(weights, seed, replicates):
            active, rows = self._rows(subjects)
            sums[active, columns] += rows @ whole_numbers
            drawn[columns] += whole_numbers.sum(axis=0)
            done += whole_numbers.size
            if progress is not None:
                progress(replicates * done // whole, replicates)
        weight = weights.offset * self._subjects + weights.scale * drawn
        return (weights.offset * plain[:, None] + weights.scale * sums).T, weight

    def _drawn(self, weights: Weights, seed: int, replicates: int) -> Iterator[tuple[slice, slice, Floats]]:
        """Draws block by block, the next one made while the last is used."""
        wanted = [
            (subjects, columns)
            for columns in _blocks(replicates, REPLICATES_A_DRAW)
            for subjects in _blocks(self._subjects, SUBJECTS_A_DRAW)
        ]
        room = min(self._subjects, SUBJECTS_A_DRAW) * min(replicates, REPLICATES_A_DRAW)
        buffers = (np.empty(room), np.empty(room))

        def fill(at: int) -> Floats:
            subjects, columns = wanted[at]
            shape = (subjects.stop - subjects.start, columns.stop - columns.start)
            out = buffers[at % 2][: shape[0] * shape[1]].reshape(shape)
            draw(weights, seed, subjects=subjects, replicates=columns, out=out)
            return out

        with ThreadPoolExecutor(max_workers=1) as pool:
            ahead = pool.submit(fill, 0)
            for at, (subjects, columns) in enumerate(wanted):
                ready = ahead.result()
                if at + 1 < len(wanted):
                    ahead = pool.submit(fill, at + 1)
                yield subjects, columns, ready

    def _rows(self, subjects: slice) -> tuple[Ints, Floats]:
        """The columns that are not 0 for all these subjects: which, and their numbers."""
        active = [at for at, column in enumerate(self._kept) if column[subjects].any()]
        rows = np.empty((len(active), subjects.stop - subjects.start))
        for row, at in zip(rows, active, strict=True):
            row[:] = self._kept[at][subjects]
        return np.array(active, dtype=np.int64), rows

    def _place(self, column: NDArray[np.int32]) -> int:
        """Where this column is kept, after keeping it if it is new."""
        looks_like = column[:: max(1, column.size // _SAMPLE)].tobytes()
        seen = self._alike.setdefault(looks_like, [])
        for at in seen:
            if np.array_equal(self._kept[at], column):
                return at
        seen.append(self.width)
        self._kept.append(column.copy())
        return seen[-1]


def _blocks(length: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, length)) for start in range(0, length, size))
