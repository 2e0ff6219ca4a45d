"""Matrix factorisation: the eigenvectors of G are the item factors, and folding a subject in is a ridge regression.

In closed form that is x V diag(λ/(λ + ridge)) Vᵀ, so weak factors count for little. Columns are divided by the
history weights to predict watching itself instead of its weighted form.
"""

import numpy as np

from recommender.denoise import Denoised
from recommender.models.kind import ModelKind


def _weigh(denoised: Denoised) -> np.ndarray:
    kept = denoised.values / (denoised.values + denoised.ridge)
    weights: np.ndarray = denoised.spectral(kept) / denoised.release.history_weights
    return weights


SVD = ModelKind(
    "svd", "Hidden tastes: how far each explains the history, and what else people who share it watch.", _weigh
)
