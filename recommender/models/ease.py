"""EASE: the linear model that best predicts each title of a history from all the others.

With P = (G + ridge)⁻¹, the weights are B_ij = -P_ij/P_jj off the diagonal and 0 on it. Source: Steck, "Embarrassingly
Shallow Autoencoders for Sparse Data", WWW 2019, equation 8.

Columns are divided by the root of the history weights: half way between predicting a history as it is weighted, which
ranks obscure titles too high, and watching itself.
"""

import numpy as np

from recommender.denoise import Denoised
from recommender.models.kind import ModelKind


def _weigh(denoised: Denoised) -> np.ndarray:
    precision = denoised.spectral(1 / (denoised.values + denoised.ridge))
    weights: np.ndarray = -precision / np.diag(precision)
    np.fill_diagonal(weights, 0.0)
    unweighted: np.ndarray = weights / np.sqrt(denoised.release.history_weights)
    return unweighted


EASE = ModelKind(
    "ease", "Each title predicted from all others at once, so that no title speaks for another twice.", _weigh
)
