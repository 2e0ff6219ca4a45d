"""How tastes go together, from the noisy covariance of normalised residuals: factors L with C ≈ L Lᵀ.

If titles were rated independently of taste, an entry of the sum would have the mean n E|I| p_i p_j C_ij, where p is a
title's share of all ratings, and the sampling variance n p_i p_j: each subject weighs 1/|I|. With the known noise τ²
added, scaling row i by h_i = (τ² + n p_i²)^(-1/4) makes the error of every entry at most 1, so that its spectral edge
is 2√m (Wigner). Two rare titles share so few subjects that their entry is far from normal, so τ² is not taken below
the sampling variance of two typical titles. Then as in ``recommender.denoise``: first what categories explain, where
the edge is only 2√f, then what eigenvalues outside the edge say about the rest. The diagonal says how noisy a rating is
and not how tastes go together; it is filled in from the factors (principal factor analysis).
"""

import numpy as np
import scipy.linalg
from scipy.sparse.linalg import eigsh

from recommender.ratings.effects import FirstRound

_LARGEST_RANK = 60
_DIAGONAL_ROUNDS = 2
_DENSE_BELOW = 150


def taste_factors(
    noisy: np.ndarray, tau: float, first: FirstRound, *, kept: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Factors of the covariance of residuals, in units of their spread.

    Args:
        noisy: Σ_u x_u x_uᵀ plus noise, x_u of norm 1, shape (k, k).
        tau: standard deviation of the noise of an entry off the diagonal.
        first: the first round.
        kept: which of its m items the rows are.
        columns: what tastes may depend on first, shape (k, f).

    Returns:
        float64, shape (k, rank); rank 0 where nothing stands out of the noise.
    """
    counts = np.maximum(first.counts, first.count_noise)[kept]
    popularity = counts / max(float(np.maximum(first.counts, 0).sum()), 1e-12)
    typical = float((popularity**2).sum())
    floor = max(tau**2, first.subjects * typical**2)
    scale = (floor + first.subjects * popularity**2) ** -0.25
    expected = scale * popularity * np.sqrt(first.subjects * first.length)
    scaled = noisy * scale[:, None] * scale
    left, singular, _ = np.linalg.svd(columns * expected[:, None], full_matrices=False)
    span = left[:, singular > singular[0] * 1e-8]
    factors = np.zeros((len(kept), 0))
    for _ in range(_DIAGONAL_ROUNDS):
        np.fill_diagonal(scaled, (factors**2).sum(axis=1))
        explained = span @ _above_edge(span.T @ scaled @ span)
        factors = np.hstack([explained, _above_edge(scaled - explained @ explained.T)])
    result: np.ndarray = factors / expected[:, None]
    return result


def _above_edge(noisy: np.ndarray) -> np.ndarray:
    """Factors of the positive part outside the edge of unit noise, shrunk: shape (n, rank)."""
    size = len(noisy)
    edge = 2 * np.sqrt(size)
    if size < _DENSE_BELOW:
        values, vectors = scipy.linalg.eigh((noisy + noisy.T) / 2, check_finite=False)
    else:  # a fixed start, so that the same release gives the same model
        values, vectors = eigsh(noisy, k=_LARGEST_RANK, which="LA", v0=np.ones(size))
    clear = values > edge
    outer = values[clear]
    factors: np.ndarray = vectors[:, clear] * np.sqrt((outer + np.sqrt(outer**2 - edge**2)) / 2)
    return factors
