"""A kind of model: a name, a sentence, and how its weights follow from a de-noised release."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from recommender.denoise import Denoised, denoise
from recommender.errors import MissingSignal
from recommender.features import CatalogueFeatures
from recommender.linear_model import LinearModel
from recommender.release import Release


def counted(denoised: Denoised) -> np.ndarray:
    """Popularity by the noisy counts: float64, not negative, shape (m,)."""
    counts: np.ndarray = np.maximum(denoised.release.counts, 0.0)
    return counts


@dataclass(frozen=True, slots=True)
class ModelKind:
    """One entry of ``MODELS``.

    Attributes:
        slug: names it in artefacts, policies and commands.
        summary: what it does, for a reviewer.
        weigh: weights of shape (m, m) from a de-noised release, or None where everybody gets the same list.
        needs: the signals of a release that it follows from, beside counts and Gram matrix.
        popularity: the list for whoever has no history the model knows: not negative, shape (m,).
        personal: whether its list depends on the history; without, ``weigh`` gives None.
        lifts: what the time of day and of the week multiplies scores by: positive, shape (m, 8); or None.
    """

    slug: str
    summary: str
    weigh: Callable[[Denoised], np.ndarray | None]
    needs: tuple[str, ...] = ()
    popularity: Callable[[Denoised], np.ndarray] = counted
    personal: bool = True
    lifts: Callable[[Denoised], np.ndarray] | None = None

    def can_fit(self, signals: Collection[str]) -> bool:
        """Whether these signals, of a release or of what is planned to be measured, are all that it needs."""
        return set(self.needs) <= set(signals)

    def fit(self, release: Release, features: CatalogueFeatures | None = None) -> LinearModel:
        """De-noise and fit. For several kinds on one release, de-noise once and call ``fit_from``."""
        return self.fit_from(denoise(release, features))

    def fit_from(self, denoised: Denoised) -> LinearModel:
        """Fit. Post-processing of the release: it costs no privacy, however often it is done.

        Raises:
            MissingSignal: the release lacks one that this kind needs (see ``can_fit``).
        """
        release = denoised.release
        if not self.can_fit(release.signals):
            missing = sorted(set(self.needs) - set(release.signals))
            msg = f"{self.slug} needs {', '.join(missing)}, which the release did not measure: give it a share of μ²"
            raise MissingSignal(msg)
        weights = self.weigh(denoised)
        return LinearModel(
            kind=self.slug,
            items=release.items,
            weights=None if weights is None else weights.astype(np.float32),
            popularity=self.popularity(denoised),
            history_weights=release.history_weights,
            release_digest=release.digest,
            guarantee=release.guarantee,
            slot_lifts=None if self.lifts is None else self.lifts(denoised).astype(np.float32),
        )
