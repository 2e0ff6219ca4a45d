"""Item-based collaborative filtering: titles like those watched, by the cosine between two titles' audiences."""

import numpy as np

from recommender.denoise import Denoised
from recommender.models.kind import ModelKind


def _weigh(denoised: Denoised) -> np.ndarray:
    """D^(-½) G D^(-½) without its diagonal. The diagonal's noise is added to D, so titles lost in it stay small."""
    strength = np.diag(denoised.gram) + np.sqrt(2) * denoised.release.noise.gram
    root = np.sqrt(np.maximum(strength, 1e-12))
    likeness: np.ndarray = denoised.gram / root / root[:, None]
    np.fill_diagonal(likeness, 0.0)
    return likeness


ITEM_CF = ModelKind("item_cf", "Titles whose audiences overlap most with the audiences of the titles watched.", _weigh)
