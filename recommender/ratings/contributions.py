"""What one subject adds to a rating release, in integers, and the proof that it is bounded.

Everything here reads one subject's own ratings and what was already released, never another subject's.
"""

import numpy as np
from scipy.sparse import csr_matrix, hstack

from recommender.fixed_point import SHY, verify_norms
from recommender.ratings.mechanism import LEVEL_BITS
from recommender.ratings.table import Ratings

COUNT_PART = 0.5
"""Share of the squared norm of a first-round contribution that says what was rated; what it was rated gets the rest."""

MOMENT_PART = 0.01
"""Share of the squared norm that each moment gets."""

LEAST_SPREAD = 0.1
"""Spread, in half-widths of the scale, below which a subject's ratings are not stretched to norm 1."""


def spreads(ratings: Ratings, residuals: np.ndarray) -> np.ndarray:
    """Root mean square of each subject's residuals, in half-widths of the scale: float64, shape (subjects,)."""
    count = len(ratings.interactions.subjects)
    squares = np.bincount(ratings.rows, residuals**2, minlength=count)
    half = (ratings.highest - ratings.lowest) / 2
    root: np.ndarray = np.sqrt(squares / np.maximum(ratings.interactions.lengths, 1)) / half
    return root


def normalised(ratings: Ratings, residuals: np.ndarray) -> np.ndarray:
    """Residuals divided by their norm, subject by subject; nearly constant ones by a larger number."""
    half = (ratings.highest - ratings.lowest) / 2
    floor = np.maximum(spreads(ratings, residuals), LEAST_SPREAD) * half
    norms = floor * np.sqrt(ratings.interactions.lengths)
    result: np.ndarray = residuals / norms[ratings.rows]
    return result


def first_rows(ratings: Ratings, residuals: np.ndarray, means: np.ndarray, *, cap: int) -> csr_matrix:
    """First round: one integer row per subject, shape (subjects, 2m + 4), in units of 2^-24.

    The first m columns say what was rated, the next m how (normalised residuals), the last four are the moments: one
    for being there, the share of the cap that is used, the mean rating and the spread, each in [-1, 1].

    Guarantees:
        - the squared norm of every row is at most 4^24, checked in integers
        - a row depends on that subject's ratings alone
    """
    held = ratings.interactions.matrix
    lengths = ratings.interactions.lengths
    here = (lengths > 0).astype(np.float64)
    middle, half = (ratings.highest + ratings.lowest) / 2, (ratings.highest - ratings.lowest) / 2
    counts = np.sqrt(COUNT_PART / np.maximum(lengths, 1))[ratings.rows]
    how = np.sqrt(1 - COUNT_PART - 4 * MOMENT_PART) * normalised(ratings, residuals)
    spread = np.minimum(spreads(ratings, residuals), 1.0)
    moments = np.column_stack([here, lengths / cap, np.clip((means - middle) / half, -1, 1) * here, spread])
    return integer_rows([(held, counts), (held, how), _dense(np.sqrt(MOMENT_PART) * moments)], bits=LEVEL_BITS)


def second_rows(ratings: Ratings, residuals: np.ndarray) -> csr_matrix:
    """Second round: shape (subjects, m + 1): normalised residuals and the spread. Guarantees as ``first_rows``."""
    how = np.sqrt(1 - MOMENT_PART) * normalised(ratings, residuals)
    spread = np.minimum(spreads(ratings, residuals), 1.0)[:, None]
    return integer_rows([(ratings.interactions.matrix, how), _dense(np.sqrt(MOMENT_PART) * spread)], bits=LEVEL_BITS)


def covariance_rows(ratings: Ratings, residuals: np.ndarray, kept: np.ndarray, *, bits: int) -> csr_matrix:
    """Residuals on the kept items, scaled to norm 1: shape (subjects, kept), units of 2^-bits."""
    chosen = csr_matrix(ratings.matrix_of(residuals)[:, kept])
    chosen.sort_indices()
    rows = np.repeat(np.arange(chosen.shape[0]), np.diff(chosen.indptr))
    norms = np.sqrt(np.bincount(rows, chosen.data**2, minlength=chosen.shape[0]))
    values = chosen.data / np.maximum(norms, 1e-12)[rows]
    return integer_rows([(chosen, values)], bits=bits)


def integer_rows(blocks: list[tuple[csr_matrix, np.ndarray]], *, bits: int) -> csr_matrix:
    """Blocks side by side, rounded toward zero to a grid of 2^-bits: int64.

    Raises:
        BadMechanism: a row is longer than 1, which would be an arithmetic fault.
    """
    parts = [
        csr_matrix((np.trunc(values * (SHY * 2**bits)).astype(np.int64), matrix.indices, matrix.indptr), matrix.shape)
        for matrix, values in blocks
    ]
    rows = csr_matrix(hstack(parts, format="csr", dtype=np.int64))
    numbers = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    verify_norms(rows.data, numbers, count=rows.shape[0], bits=bits)
    return rows


def exact_sums(rows: csr_matrix) -> np.ndarray:
    """Σ over subjects, int64, shape (columns,). Exact up to 2^38 subjects at 24 bits."""
    totals = np.zeros(rows.shape[1], dtype=np.int64)
    np.add.at(totals, rows.indices, rows.data)
    return totals


def _dense(values: np.ndarray) -> tuple[csr_matrix, np.ndarray]:
    places = csr_matrix(np.ones(values.shape))
    return places, values.ravel()
