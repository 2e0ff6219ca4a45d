"""What is watched next: titles that tend to follow the titles watched, such as a series' next part.

Order is rare beside togetherness, so its noise is larger: the first guess is that titles follow each other as often as
they go together (the de-noised Gram matrix without its weights), in either order. Pairs are moved from there as far
as they stand out of the noise (``shrinkage``), and rows are scaled to sum to 1. A title hands over to popularity as
far as its own count is noise.
"""

import numpy as np

from recommender.denoise import Denoised
from recommender.models.kind import ModelKind, counted
from recommender.models.shrinkage import shrunk_towards

NEXT_SIGNAL = "transitions"


def _weigh(denoised: Denoised) -> np.ndarray:
    """How likely each title (column) is to follow each (row): positive rows of sum 1, the diagonal 0."""
    signal, unsure = denoised.release.signals[NEXT_SIGNAL], denoised.release.noise.count + 1e-9
    follows = shrunk_towards(together(denoised), signal.values, signal.noise)
    popular = np.maximum(counted(denoised), unsure)
    follows = follows + unsure * popular / popular.sum()
    np.fill_diagonal(follows, 0.0)
    likely: np.ndarray = follows / np.maximum(follows.sum(axis=1, keepdims=True), 1e-12)
    return likely


def together(denoised: Denoised) -> np.ndarray:
    """How often titles go together, in the unit of transitions: shape (m, m), not negative, the diagonal 0.

    A subject's n - 1 transitions weigh 1/√(n - 1) each, √(n - 1) in all; its counts are √n in all. So the sum of the
    transitions is nearly that of the counts, which is known far better than any single one.
    """
    weights = denoised.release.history_weights
    pairs: np.ndarray = denoised.gram / np.outer(weights, weights)
    np.fill_diagonal(pairs, 0.0)
    return pairs * (float(counted(denoised).sum()) / max(float(pairs.sum()), 1e-12))


NEXT_TITLE = ModelKind(
    "next_title", "Titles that tend to follow the titles watched, and go together with them.", _weigh, (NEXT_SIGNAL,)
)
