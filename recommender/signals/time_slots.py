"""When titles are watched: the counts once more, by title and slot of the day and week.

A slot is 2 · daypart + weekend: daypart 0 is the night from 0 to 6 o'clock, 1 the morning, 2 the afternoon, 3 the
evening from 18 to 24; weekend is 1 on Saturday and Sunday. Clocks are the subject's own where the interactions say how
far it is from UTC. One subject has each title in one slot, so n titles are n pairs of which each gets ⌊2^32/√n⌋: an L2
norm of at most 2^32.
"""

from typing import TYPE_CHECKING

import numpy as np

from recommender.fixed_point import count_rows
from recommender.signals.kind import DAY_SECONDS, Observed, SignalKind

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SLOTS = 8
_DAYPART_SECONDS = 6 * 3600
_THURSDAY, _SATURDAY = 3, 5
"""The first day of 1970, and the first of a weekend, counted from Monday."""


def slots_of(times: np.ndarray) -> np.ndarray:
    """The slot, from 0 to 7, of local times in seconds since 1970: int64 of the same shape."""
    daypart = times % DAY_SECONDS // _DAYPART_SECONDS
    weekend = (times // DAY_SECONDS + _THURSDAY) % 7 >= _SATURDAY
    return 2 * daypart + weekend


def _local(observed: Observed) -> np.ndarray:
    offsets = observed.kept.utc_offsets
    return observed.times if offsets is None else observed.times + offsets[observed.kept.row_numbers]


def _rows(observed: Observed) -> "csr_matrix":
    from scipy.sparse import csr_matrix

    matrix = observed.kept.matrix
    pairs = matrix.indices.astype(np.int64) * SLOTS + slots_of(_local(observed))
    return count_rows(csr_matrix((matrix.data, pairs, matrix.indptr), shape=(matrix.shape[0], matrix.shape[1] * SLOTS)))


TIME_SLOTS = SignalKind(
    "time_slots",
    "How often each title is watched at each time of the day and week.",
    _rows,
    lambda items, _: (items, SLOTS),
)
