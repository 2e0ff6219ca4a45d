"""The autoencoder on one division: a release and private steps on it that spend the ε of the others together."""

import math
from importlib.util import find_spec

from benchmarks.protocol.data import Dataset
from benchmarks.protocol.ours import Terms, measured, recommended
from benchmarks.protocol.ranking import Listed
from benchmarks.protocol.stopwatch import Stopwatch
from recommender.denoise import denoise
from recommender.interactions import Interactions
from recommender.mechanism import Performance
from recommender.serving import Recommender

SLUG = "autoencoder"


def is_here(epsilon: float = 1.0) -> bool:
    """Whether it can be trained: it needs a finite ε, and Opacus."""
    return math.isfinite(epsilon) and all(find_spec(name) for name in ("opacus", "recommender.autoencoder"))


def autoencoder_lists(dataset: Dataset, train: Interactions, shown: Interactions, terms: Terms) -> Listed:
    """Plan, measure, de-noise, train, serve."""
    from recommender.autoencoder.mechanism import plan_autoencoder
    from recommender.autoencoder.training import train_autoencoder

    watch = Stopwatch()
    planned = plan_autoencoder(terms.epsilon, terms.delta)
    times = watch.lap("plan")
    release = measured(train, terms, planned.release, features=dataset.features)
    times |= watch.lap("measure")
    denoised = denoise(release, dataset.features)
    times |= watch.lap("denoise")
    model = train_autoencoder(
        train, denoised, planned.training, noise=terms.noise, performance=Performance(threads=terms.threads)
    )
    times |= watch.lap("fit")
    lists = recommended(Recommender(model), shown)
    facts = {"items": float(len(release.items)), "gram_noise": release.noise.gram}
    return Listed(method=SLUG, lists=lists, times=times | watch.lap("serve"), facts=facts)
