"""EASE without privacy: the strongest linear model of its size, as the ceiling.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019, equation 8, on the exact 0/1 Gram matrix.
"""

from collections.abc import Callable

import numpy as np
import scipy.linalg
from scipy.sparse import csr_matrix

RIDGES = (50.0, 150.0, 400.0, 1000.0, 2000.0)
"""Tried on held-out subjects: the published figures lie within these."""


def fit_ease(train: csr_matrix, quality: Callable[[Callable[[csr_matrix], np.ndarray]], float]) -> "Ease":
    """The model with the ridge that ``quality`` (of a scorer, on held-out subjects) finds best."""
    seen = np.flatnonzero(np.diff(train.tocsc().indptr))
    chosen = csr_matrix(train[:, seen], dtype=np.float64)
    gram = (chosen.T @ chosen).toarray()
    models = ((ridge, Ease(ease_weights(gram, ridge), seen, train.shape[1], ridge)) for ridge in RIDGES)
    best, reached = None, -np.inf
    for _, model in models:
        found = quality(model)
        if found <= reached:
            break  # one hill: beyond its top it only falls
        best, reached = model, found
    if best is None:
        msg = "no ridge gave a number"
        raise ValueError(msg)
    return best


def ease_weights(gram: np.ndarray, ridge: float) -> np.ndarray:
    """B_ij = -P_ij/P_jj with P = (G + ridge)⁻¹, and 0 on the diagonal: float32, shape of ``gram``."""
    factor = scipy.linalg.cho_factor(gram + ridge * np.eye(len(gram)), lower=True, check_finite=False)
    inverse, _ = scipy.linalg.lapack.dpotri(factor[0], lower=1)
    precision = np.tril(inverse) + np.tril(inverse, -1).T
    weights = -precision / np.diag(precision)
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights, dtype=np.float32)


class Ease:
    """Scores of the items that anybody had; the others get -inf."""

    def __init__(self, weights: np.ndarray, seen: np.ndarray, width: int, ridge: float) -> None:
        self.weights, self.seen, self.width, self.ridge = weights, seen, width, ridge

    def __call__(self, shown: csr_matrix) -> np.ndarray:
        """See ``Scorer``."""
        scores = np.full((shown.shape[0], self.width), -np.inf, dtype=np.float32)
        scores[:, self.seen] = csr_matrix(shown[:, self.seen], dtype=np.float32) @ self.weights
        return scores
