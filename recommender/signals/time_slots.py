"""When titles are watched: the counts once more, by title and slot of the day and week.

The slots are those of ``recommender.context``. Clocks are the subject's own where the interactions say how far it is
from UTC. One subject has each title in one slot, so n titles are n pairs of which each gets ⌊2^32/√n⌋: an L2 norm of
at most 2^32.
"""

from typing import TYPE_CHECKING

import numpy as np

from recommender.context import SLOTS, slots_of
from recommender.fixed_point import count_rows
from recommender.signals.kind import Observed, SignalKind

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


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
