"""What is watched after what: entry [from, to] sums how many subjects went from one title straight to the other.

A subject's kept titles in the order of their times are a chain, and of a chain with n steps each gets ⌊2^32/√n⌋: an L2
norm of at most 2^32. No step comes twice, since a title has one time. Titles of one and the same second have no order,
so there is no step between them.
"""

from typing import TYPE_CHECKING

import numpy as np

from recommender.fixed_point import count_rows
from recommender.signals.kind import Observed, SignalKind

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def _rows(observed: Observed) -> "csr_matrix":
    from scipy.sparse import csr_matrix

    matrix, times, rows = observed.kept.matrix, observed.times, observed.kept.row_numbers
    count, width = matrix.shape
    order = np.lexsort((matrix.indices, times, rows))
    row, item, time = rows[order], matrix.indices[order].astype(np.int64), times[order]
    step = (row[1:] == row[:-1]) & (time[1:] > time[:-1])
    pairs = item[:-1][step] * width + item[1:][step]
    steps = np.bincount(row[1:][step], minlength=count)
    chains = (np.ones(len(pairs), np.int64), pairs, np.concatenate([[0], np.cumsum(steps)]))
    return count_rows(csr_matrix(chains, shape=(count, width * width)))


TRANSITIONS = SignalKind(
    "transitions",
    "Which title is watched straight after which.",
    _rows,
    lambda items, _: (items, items),
)
