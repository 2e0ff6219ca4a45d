"""Histories as integers: what one subject adds to a release, and the proof that it is bounded.

Rounding is toward zero and the last step is checked in integers, so the bounds hold for the numbers that are summed
and not only for the real numbers they stand for.
"""

import math

import numpy as np
from scipy.sparse import csr_matrix

from recommender.errors import BadMechanism
from recommender.mechanism import COUNT_BITS

_SHY = 1 - 2**-30
"""Far more than the rounding error of a norm over a million items, far less than one step of the grid."""


def count_contributions(lengths: np.ndarray) -> np.ndarray:
    """What each subject adds to the count of each of its items: ⌊2^32/√n⌋ for a history of n items, int64.

    Guarantees:
        - n · value² ≤ 2^64 for every n ≥ 1, that is an L2 norm of at most 2^32: the root is taken in integers
    """
    distinct, where = np.unique(lengths, return_inverse=True)
    values = [math.isqrt(4**COUNT_BITS // int(n)) if n else 0 for n in distinct]
    return np.array(values, dtype=np.int64)[where]


def exact_counts(matrix: csr_matrix) -> np.ndarray:
    """Σ_u 1[i ∈ I_u]/√|I_u| in units of 2^-32: int64, shape (items,). Exact up to 2^30 subjects.

    Raises:
        BadMechanism: more subjects than the integers can hold.
    """
    if matrix.shape[0] > 2**30:
        msg = f"counts of {matrix.shape[0]} subjects could overflow 64 bits"
        raise BadMechanism(msg)
    lengths = np.diff(matrix.indptr)
    totals = np.zeros(matrix.shape[1], dtype=np.int64)
    np.add.at(totals, matrix.indices, np.repeat(count_contributions(lengths), lengths))
    return totals


def unit_rows(matrix: csr_matrix, weights: np.ndarray, *, bits: int) -> csr_matrix:
    """Each history as weights on its items, scaled to norm 1, in units of 2^-bits: int64 CSR of the same shape.

    Args:
        matrix: 0/1 histories over the kept items.
        weights: positive, shape (items,).
        bits: the grid.

    Guarantees:
        - Σ_i row_i² ≤ 4^bits for every row, checked in integers
        - a row depends on that subject's history alone

    Raises:
        BadMechanism: the bound does not hold, which would be an arithmetic fault of the machine.
    """
    lengths = np.diff(matrix.indptr)
    rows = np.repeat(np.arange(matrix.shape[0]), lengths)
    raw = np.asarray(weights, dtype=np.float64)[matrix.indices]
    norms = np.sqrt(np.bincount(rows, raw * raw, minlength=matrix.shape[0]))
    values = np.floor(raw / norms[rows] * (_SHY * 2**bits)).astype(np.int64)
    squares = np.zeros(matrix.shape[0], dtype=np.int64)
    np.add.at(squares, rows, values * values)
    if (squares > 4**bits).any():
        msg = f"{int((squares > 4**bits).sum())} histories exceed norm 1 after rounding"
        raise BadMechanism(msg)
    return csr_matrix((values, matrix.indices.copy(), matrix.indptr.copy()), shape=matrix.shape)
