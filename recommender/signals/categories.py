"""Which categories go together: Σ_u p_u p_uᵀ of the subjects' category profiles p_u, each of norm 1.

A profile counts how many of a subject's titles are in each category, over the whole catalogue and not only over the
kept items, so that titles too rare to be kept still say something. As a history in the Gram matrix it is rounded to a
grid of 2^-b and its norm is checked in integers.
"""

from typing import TYPE_CHECKING

import numpy as np

from recommender.fixed_point import scaled_rows
from recommender.signals.kind import Observed, SignalKind, given

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def _rows(observed: Observed) -> "csr_matrix":
    from scipy.sparse import csr_matrix

    features = given(observed.features, "public features of the titles")
    membership = csr_matrix(features.of(observed.whole.items) > 0).astype(np.int64)
    profiles = csr_matrix(observed.whole.matrix.astype(np.int64) @ membership)
    profiles.sort_indices()
    return scaled_rows(profiles, profiles.data.astype(np.float64), bits=observed.bits)


CATEGORIES = SignalKind(
    "categories",
    "Which genres, decades and other categories the same subjects watch.",
    _rows,
    lambda _, features: (features, features),
    outer=True,
)
