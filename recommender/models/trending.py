"""The titles most watched in the last window, the same for everybody.

The window holds few events, so its noise is large beside it. The first guess is that nothing trends: the window's
whole, divided as popularity is. What was observed moves a title from there as far as it stands out of the noise
(``shrinkage``).
"""

import numpy as np

from recommender.denoise import Denoised
from recommender.models.kind import ModelKind
from recommender.models.shrinkage import shrunk_towards

TRENDING_SIGNAL = "trending"


def _weigh(_: Denoised) -> None:
    return None


def trending_counts(denoised: Denoised) -> np.ndarray:
    """How much each title was watched in the last window: float64, not negative, shape (m,).

    The noise of the counts makes the guess noisy too; scaled to the window, it adds to the window's own.
    """
    release, signal = denoised.release, denoised.release.signals[TRENDING_SIGNAL]
    counts = np.maximum(release.counts, release.noise.count)
    scale = max(float(signal.values.sum()), signal.noise) / max(float(counts.sum()), 1e-12)
    return shrunk_towards(scale * counts, signal.values, float(np.hypot(signal.noise, scale * release.noise.count)))


TRENDING = ModelKind(
    "trending",
    "The most watched titles of the last days, the same for everybody; uses no one's history.",
    _weigh,
    needs=(TRENDING_SIGNAL,),
    popularity=trending_counts,
    personal=False,
)
