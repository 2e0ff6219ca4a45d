"""What no estimator could do better: the release's own titles and directions, and what pairs sum up to without noise.

Its gap to our models at the same ε is what noise takes, and its gap to them without noise is what looking at few titles
along few directions takes. It is no model: what it reads of the pairs is not private.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.protocol.data import Dataset
from benchmarks.protocol.ours import Terms, measured, recommended
from benchmarks.protocol.ranking import Listed
from benchmarks.protocol.stopwatch import Stopwatch
from recommender.denoise import denoise
from recommender.interactions import Interactions
from recommender.models import get_kind
from recommender.noise import NoiseSource, Progress
from recommender.serving import Recommender

SLUG = "exact_pairs"


@dataclass
class OnlyCounts:
    """The noise of another source for what is drawn first, the counts, and none for anything after."""

    source: NoiseSource
    exact: bool = False
    name: str = "of the counts only: benchmark without privacy"
    drawn: bool = False

    def draw(self, count: int, scale: int, *, progress: Progress | None = None) -> np.ndarray:
        """The source's once, then zeros."""
        if self.drawn:
            return np.zeros(count, dtype=np.int64)
        self.drawn = True
        return self.source.draw(count, scale, progress=progress)


def is_here(epsilon: float = 1.0) -> bool:
    """Where there is noise at all."""
    return math.isfinite(epsilon)


def bound_lists(dataset: Dataset, train: Interactions, shown: Interactions, terms: Terms) -> Listed:
    """Measure along the directions that noisy counts choose, then estimate as if there were no noise."""
    watch = Stopwatch()
    release = measured(train, replace(terms, noise=OnlyCounts(terms.noise)), features=dataset.features)
    times = watch.lap("measure")
    release = replace(release, noise=replace(release.noise, gram=0.0))
    denoised = denoise(release, dataset.features)
    times |= watch.lap("denoise")
    model = get_kind("ease").fit_from(denoised)
    times |= watch.lap("fit")
    lists = recommended(Recommender(model), shown)
    facts = {"items": float(len(release.items)), "directions": float(_directions(release.lens, len(release.items)))}
    return Listed(method=SLUG, lists=lists, times=times | watch.lap("serve"), facts=facts)


def _directions(lens: np.ndarray | None, width: int) -> int:
    return width if lens is None else lens.shape[1]
