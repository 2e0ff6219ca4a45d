"""Histories as integers: what one subject adds to a release, and the proof that it is bounded.

Rounding is toward zero and the last step is checked in integers, so the bounds hold for the numbers that are summed
and not only for the real numbers they stand for.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

from recommender.errors import BadMechanism

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix  # half a second, which who only reads a release need not wait for

COUNT_BITS = 32
"""Fixed point of the counts: a subject moves them by at most 2^32 in L2."""

SHY = 1 - 2**-30
"""What a row of norm 1 is shortened by before it is rounded to a grid: far more than the rounding error of a norm over
a million items, far less than one step of the grid."""


def count_contributions(lengths: np.ndarray) -> np.ndarray:
    """What each subject adds to the count of each of its items: ⌊2^32/√n⌋ for a history of n items, int64.

    Guarantees:
        - n · value² ≤ 2^64 for every n ≥ 1, that is an L2 norm of at most 2^32: the root is taken in integers
    """
    distinct, where = np.unique(lengths, return_inverse=True)
    values = [math.isqrt(4**COUNT_BITS // int(n)) if n else 0 for n in distinct]
    return np.array(values, dtype=np.int64)[where]


def count_rows(matrix: "csr_matrix") -> "csr_matrix":
    """Each row's places, all of the value ⌊2^32/√n⌋ for the n of them: int64 CSR of the same shape.

    Args:
        matrix: which places a subject has, whatever is stored in them.

    Guarantees:
        - every row has an L2 norm of at most 2^32
        - a row depends on that subject's places alone
    """
    from scipy.sparse import csr_matrix

    lengths = np.diff(matrix.indptr)
    values = np.repeat(count_contributions(lengths), lengths)
    return csr_matrix((values, matrix.indices.copy(), matrix.indptr.copy()), shape=matrix.shape)


def exact_counts(matrix: "csr_matrix", *, engine: object | None = None) -> np.ndarray:
    """Σ_u 1[i ∈ I_u]/√|I_u| in units of 2^-32: int64, shape (items,). Exact up to 2^30 subjects.

    Raises:
        BadMechanism: more subjects than the integers can hold.
    """
    _require_room(matrix.shape[0])
    return column_sums(count_rows(matrix), engine=engine)


def column_sums(rows: "csr_matrix", *, engine: object | None = None) -> np.ndarray:
    """Σ_u row_u: int64, shape (columns,). Exact up to 2^30 subjects.

    Args:
        rows: integers, each row with an L2 norm of at most 2^32 (``count_rows``).
        engine: an Ibis backend that adds up in place of NumPy; cannot change the result.

    Raises:
        BadMechanism: more subjects than the integers can hold.
    """
    _require_room(rows.shape[0])
    if engine is not None:
        from recommender.relational_sums import relational_sums  # Arrow and Ibis

        return relational_sums(rows, engine)
    totals = np.zeros(rows.shape[1], dtype=np.int64)
    np.add.at(totals, rows.indices, rows.data)
    return totals


def _require_room(subjects: int) -> None:
    if subjects > 2**30:
        msg = f"counts of {subjects} subjects could overflow 64 bits"
        raise BadMechanism(msg)


def require_room(subjects: int, bits: int) -> None:
    """Check that 64 bits hold a sum of so many outer products on a grid of 2^-bits.

    Raises:
        BadMechanism: they may not.
    """
    if subjects > (2**62 >> (2 * bits)):
        msg = f"a Gram matrix of {subjects} subjects at {bits} bits could overflow 64 bits: lower gram_bits"
        raise BadMechanism(msg)


def unit_rows(
    matrix: "csr_matrix", weights: np.ndarray, *, bits: int, importance: np.ndarray | None = None
) -> "csr_matrix":
    """Each history as weights on its items, scaled to norm 1, in units of 2^-bits: int64 CSR of the same shape.

    Args:
        matrix: 0/1 histories over the kept items.
        weights: positive, shape (items,).
        bits: the grid.
        importance: of each stored entry, positive, aligned with ``matrix.data``; 1 where it is absent.

    Guarantees:
        - Σ_i row_i² ≤ 4^bits for every row, checked in integers
        - a row depends on that subject's history alone

    Raises:
        BadMechanism: the bound does not hold, which would be an arithmetic fault of the machine.
    """
    raw = np.asarray(weights, dtype=np.float64)[matrix.indices]
    return scaled_rows(matrix, raw if importance is None else raw * importance, bits=bits)


def scaled_rows(places: "csr_matrix", raw: np.ndarray, *, bits: int) -> "csr_matrix":
    """Positive numbers at the given places, each row scaled to norm 1, in units of 2^-bits: int64 CSR.

    Guarantees and Raises: as ``unit_rows``.
    """
    from scipy.sparse import csr_matrix

    count = places.shape[0]
    rows = np.repeat(np.arange(count), np.diff(places.indptr))
    norms = np.sqrt(np.bincount(rows, raw * raw, minlength=count))
    values = np.floor(raw / norms[rows] * (SHY * 2**bits)).astype(np.int64)
    result = csr_matrix((values, places.indices.copy(), places.indptr.copy()), shape=places.shape)
    verify_bounded(result, 4**bits)
    return result


def verify_norms(values: np.ndarray, rows: np.ndarray, *, count: int, bits: int) -> None:
    """Check in integers that no row of signed numbers has a squared L2 norm above 4^bits.

    Each number is bounded before it is squared: one that is out of bounds, as NaN is once it is an integer (-2^63),
    would have a square that wraps around to something small.

    Args:
        values: int64, one for each stored number.
        rows: of each the row, from 0.
        count: how many rows there are.
        bits: at most 24.

    Raises:
        BadMechanism: says how many have, never which.
    """
    most = 2**bits
    beyond = (values > most) | (values < -most)
    # Sums of such squares are integers that float64 holds exactly up to 2^53; beyond, they stay far above the limit.
    clipped = np.clip(values, -most, most).astype(np.float64)
    squares = np.bincount(rows, clipped**2, minlength=count).astype(np.float64)
    squares[rows[beyond]] = np.inf
    too_long = int((squares > 4**bits).sum())
    if too_long:
        msg = f"{too_long} contributions exceed norm 1 after rounding"
        raise BadMechanism(msg)


def verify_bounded(rows: "csr_matrix", squared_norm: int) -> None:
    """Check in integers that no row has a larger squared L2 norm.

    Args:
        rows: integers, at most 2^20 in a row.
        squared_norm: at most 2^64. The squares of 32 bits do not fit into 64, so they are added in halves of 16 bits.

    Raises:
        BadMechanism: says how many have, never which.
    """
    limit = math.isqrt(squared_norm)
    number = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    beyond = np.zeros(rows.shape[0], dtype=bool)
    beyond[number[(rows.data < 0) | (rows.data > limit)]] = True
    upper, lower = np.divmod(np.clip(rows.data, 0, limit), 2**16)
    parts = []
    for products in (upper * upper, 2 * upper * lower, lower * lower):
        parts.append(np.zeros(rows.shape[0], dtype=np.int64))
        np.add.at(parts[-1], number, products)
    low = parts[2] + (parts[1] % 2**16) * 2**16
    high = parts[0] + parts[1] // 2**16 + low // 2**32
    most_high, most_low = divmod(squared_norm, 2**32)
    too_long = int((beyond | (high > most_high) | ((high == most_high) & (low % 2**32 > most_low))).sum())
    if too_long:
        msg = f"{too_long} histories exceed norm 1 after rounding"
        raise BadMechanism(msg)
