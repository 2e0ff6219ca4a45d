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
    """Where a statistic's columns are: ``mean + step * (column at position)`` gives each back, to rounding."""

    positions: Ints
    mean: Floats
    step: Floats


class Columns:
    """The distinct columns of a family, (n,) each.

    Guarantees:
      - rounding changes a number by at most 2^-30 of its column's largest distance from the mean (2^-26 at 16 million
        subjects)
    """

    def __init__(self, subjects: int) -> None:
        self._subjects = subjects
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
        mean = channels.mean(axis=0)
        reach = np.zeros(mean.size)
        for rows in _blocks(channels.shape[0], _ROWS):
            np.maximum(reach, np.abs(channels[rows] - mean).max(axis=0, initial=0.0), out=reach)
        # A number smaller than its own rounding error is no variation; and 1/tiny would overflow.
        flat = reach <= np.finfo(np.float64).eps * np.abs(mean) + np.finfo(np.float64).tiny
        step = np.where(flat, 0.0, reach / self._largest)
        per_step = np.divide(1.0, step, out=np.zeros_like(step), where=~flat)
        whole = np.empty((mean.size, channels.shape[0]), dtype=np.int32)
        for rows in _blocks(channels.shape[0], _ROWS):
            whole[:, rows] = np.rint((channels[rows] - mean) * per_step).T
        positions = np.array([self._place(column) for column in whole], dtype=np.int64)
        return Held(positions=positions, mean=mean, step=step)

    def totals(
        self, weights: Weights, seed: int, replicates: int, *, progress: Progress | None = None
    ) -> tuple[Floats, Floats]:
        """Weighted sums of every column, (replicates, width), and of the weights, (replicates,)."""
        plain = np.array([column.sum(dtype=np.int64) for column in self._kept], dtype=np.float64)
        sums, drawn = np.zeros((self.width, replicates)), np.zeros(replicates)
        done, whole = 0, self._subjects * replicates
        for subjects, columns, whole_numbers in self._drawn(weights, seed, replicates):
            sums[:, columns] += self._rows(subjects) @ whole_numbers
            drawn[columns] += whole_numbers.sum(axis=0)
            done += whole_numbers.size
            if progress is not None:
                progress(replicates * done // whole, replicates)
        return (weights.offset * plain[:, None] + weights.scale * sums).T, weights.offset * self._subjects + (
            weights.scale * drawn
        )

    def _drawn(self, weights: Weights, seed: int, replicates: int) -> Iterator[tuple[slice, slice, Floats]]:
        """Draws block by block, the next one made while the last is used."""
        wanted = [
            (subjects, columns)
            for columns in _blocks(replicates, REPLICATES_A_DRAW)
            for subjects in _blocks(self._subjects, SUBJECTS_A_DRAW)
        ]
        with ThreadPoolExecutor(max_workers=1) as pool:
            ahead = pool.submit(draw, weights, seed, subjects=wanted[0][0], replicates=wanted[0][1])
            for at, (subjects, columns) in enumerate(wanted):
                ready = ahead.result()
                if at + 1 < len(wanted):
                    ahead = pool.submit(draw, weights, seed, subjects=wanted[at + 1][0], replicates=wanted[at + 1][1])
                yield subjects, columns, ready

    def _rows(self, subjects: slice) -> Floats:
        rows = np.empty((self.width, subjects.stop - subjects.start))
        for at, column in enumerate(self._kept):
            rows[at] = column[subjects]
        return rows

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
