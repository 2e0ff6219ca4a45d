"""User-based collaborative filtering without a single user in it: the neighbours are summed out.

With the dot product as similarity, score_j = Σ_v ⟨x, x_v⟩ x_vj = (x G)_j. Most of ⟨x, x_v⟩ is what all subjects
share, and would return plain popularity; as with Pearson's correlation, similarity is therefore measured from the
average taste, which is the leading eigenvector. A little of it stays, or nothing would tell a popular title from an
obscure one among equally liked ones. On Anonymous Microsoft Web it is below popularity all the
same: 0.631 of Recall@20 without noise, against 0.698.
"""

import numpy as np

from recommender.denoise import Denoised
from recommender.models.kind import ModelKind

COMMON_TASTE_KEPT = 0.05


def _weigh(denoised: Denoised) -> np.ndarray:
    leading = denoised.vectors[:, -1]
    shared = denoised.values[-1] * np.outer(leading, leading)
    weights: np.ndarray = (denoised.gram - (1 - COMMON_TASTE_KEPT) * shared) / denoised.release.history_weights
    return weights


USER_CF = ModelKind(
    "user_cf", "Titles watched by the subjects whose taste deviates from the average in the same way.", _weigh
)
