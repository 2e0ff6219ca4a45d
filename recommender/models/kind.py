"""A kind of model: a name, a sentence, and how its weights follow from a de-noised release."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recommender.denoise import Denoised, denoise
from recommender.features import CatalogueFeatures
from recommender.linear_model import LinearModel
from recommender.release import Release


@dataclass(frozen=True, slots=True)
class ModelKind:
    """One entry of ``MODELS``.

    Attributes:
        slug: names it in artefacts, policies and commands.
        summary: what it does, for a reviewer.
        weigh: weights of shape (m, m) from a de-noised release, or None where everybody gets the same list.
    """

    slug: str
    summary: str
    weigh: Callable[[Denoised], np.ndarray | None]

    def fit(self, release: Release, features: CatalogueFeatures | None = None) -> LinearModel:
        """De-noise and fit. For several kinds on one release, de-noise once and call ``fit_from``."""
        return self.fit_from(denoise(release, features))

    def fit_from(self, denoised: Denoised) -> LinearModel:
        """Fit. Post-processing of the release: it costs no privacy, however often it is done."""
        release = denoised.release
        weights = self.weigh(denoised)
        return LinearModel(
            kind=self.slug,
            items=release.items,
            weights=None if weights is None else weights.astype(np.float32),
            popularity=np.maximum(release.counts, 0.0),
            history_weights=release.history_weights,
            release_digest=release.digest,
            guarantee=release.guarantee,
        )
