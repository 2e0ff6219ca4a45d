"""Many subjects in fewer blocks, drawn at random, that are resampled whole.

Resampling weighs sums over subjects. A million subjects are more than its distribution needs: put into blocks by lot,
they are resampled through the blocks' sums (random groups, Wolter 2007, ch. 2; the Poisson bootstrap over buckets of
Chamandy et al. 2012). Which subjects share a block is independent of their numbers, so every moment that decides an
interval is kept on average: with x_u the change that a subject causes, which sum to 0, E sum_b (sum_{u in b} x_u)^2 =
(1 - (m - 1) / (n - 1)) sum_u x_u^2 for blocks of m among n, and so on for third powers and for two figures. What chance
adds is the luck of the lot: a resampled standard deviation misses by about 1 / sqrt(2 B) of itself, 0.4 % with 32,768
blocks, where the largest |t| of 1,000 resamples is known to 1 or 2 %.

Blocks are drawn from all subjects, not group by group: a block inside one group would count the distance of the group
from all others once for each of its subjects together, and figures of all subjects would seem less certain than they
are. A group with far fewer subjects than there are blocks has nearly each of them in a block of its own.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audits.channels import Channels, Crossed

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCKS = 32_768
LEAST = 4
"""Subjects a block, on average, below which each is resampled by itself."""

_LOT = 1
"""Tells the lot apart from the draws of resamples, which use the same seed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blocks:
    """Subjects in blocks, whose sizes differ by one at most.

    Attributes:
        of: block of each subject, (n,).
        sizes: subjects of each block, (blocks,).
        summing: 1.0 where a block has a subject, sparse (blocks, n).
    """

    of: Ints
    sizes: Floats
    summing: "sparse.csr_array"

    def sums(self, channels: Channels) -> Floats:
        """Sum of each column over the subjects of each block, (blocks, c), to be written to."""
        if isinstance(channels, Crossed):
            return self._crossed(channels)
        if isinstance(channels, np.ndarray):
            return np.asarray(self.summing @ np.ascontiguousarray(channels), dtype=np.float64)
        found = np.zeros((channels.shape[1], self.sizes.size))
        rows, some = channels.indices[:0], self.of[:0]
        for at, (start, stop) in enumerate(pairwise(channels.indptr.tolist())):
            # Categories that one group is crossed with have their numbers at the same subjects.
            if not np.array_equal(rows, channels.indices[start:stop]):
                rows = channels.indices[start:stop]
                some = self.of[rows]
            found[at] = np.bincount(some, weights=channels.data[start:stop], minlength=self.sizes.size)
        return found.T

    def _crossed(self, channels: Crossed) -> Floats:
        """Each number is added once for every way to divide subjects, and not for every group."""
        order, count = channels.by.order, self.sizes.size
        block = self.of[order]
        # One group more at the front, for who has none. Subjects of one group come one after the other.
        places = [
            ((codes[order] + 1) * count + block, size + 1)
            for codes, size in zip(channels.by.codes, channels.by.sizes, strict=True)
        ]
        found = [
            np.bincount(place, weights=number, minlength=count * size).reshape(size, count)[1:]
            for number in channels.numbers
            for place, size in places
        ]
        return np.vstack([np.zeros((0, count)), *found]).T


def blocks_of(subjects: int, count: int, seed: int) -> Blocks | None:
    """``subjects`` in ``count`` blocks by the lot of a seed; None where that would not be ``LEAST`` subjects a block.

    Guarantees:
      - which block a subject is in depends on seed, count and its place, never on its numbers or groups
    """
    if subjects < LEAST * count:
        return None
    # Raw words of the generator: their stream is the same in every version of the library.
    words = np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(_LOT,))).random_raw(subjects)
    return cut(np.argsort(words, kind="stable"), count)


def cut(order: Ints, count: int) -> Blocks:
    """All subjects in this order, cut into blocks of nearly one size."""
    from scipy import sparse  # takes a while, which who only reads a report need not wait for

    subjects = order.size
    ends = subjects * np.arange(count + 1) // count
    of = np.empty(subjects, dtype=np.int64)
    of[order] = np.repeat(np.arange(count), np.diff(ends))
    # By place within a block, so that memory is read from front to back.
    members = np.argsort(of, kind="stable")
    return Blocks(
        of=of,
        sizes=np.diff(ends).astype(np.float64),
        summing=sparse.csr_array((np.ones(subjects), members, ends), shape=(count, subjects)),
    )
