"""Our models on one division: releases, de-noised once, and every entry of ``MODELS`` that they allow."""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.protocol.data import Dataset
from benchmarks.protocol.ranking import LIST, Listed
from benchmarks.protocol.stopwatch import Stopwatch, Times
from recommender.denoise import Denoised, denoise
from recommender.features import CatalogueFeatures
from recommender.interactions import Interactions
from recommender.measurement import measure
from recommender.mechanism import Mechanism, Performance, plan
from recommender.models import MODELS
from recommender.models.kind import ModelKind
from recommender.noise import NoiseSource, OpenDPNoise
from recommender.release import NoiseLevels, Release
from recommender.serving import Recommender

Progress = Callable[[int, int], None]

SILENT_EPSILON = 50.0
"""What is planned where no noise is drawn: the largest ε there is, since the plan also says which items stand out."""

SIGNAL_SHARES = (("trending", 0.05), ("time_slots", 0.05), ("transitions", 0.1))
"""Shares of μ² in the release that kinds with further signals follow from."""


@dataclass(frozen=True)
class NoNoise:
    """For the column without privacy. Not exact, so its releases state no guarantee."""

    exact: bool = False
    name: str = "none: benchmark without privacy"

    def draw(self, count: int, scale: int, *, progress: Progress | None = None) -> np.ndarray:  # noqa: ARG002 - the protocol's
        """Zeros."""
        return np.zeros(count, dtype=np.int64)


@dataclass(frozen=True)
class RoundedNoise:
    """Rounded floating-point Gaussians from a seed: figures that can be repeated, and no guarantee."""

    rng: np.random.Generator
    exact: bool = False
    name: str = "rounded floating-point Gaussian: benchmark only"

    def draw(self, count: int, scale: int, *, progress: Progress | None = None) -> np.ndarray:  # noqa: ARG002 - the protocol's
        """Within half a unit of N(0, scale²)."""
        return np.rint(self.rng.normal(0.0, float(scale), count)).astype(np.int64)


def noise_source(name: str, seed: int, threads: int) -> NoiseSource:
    """``opendp``, as in every real release, or ``numpy``, which needs nothing installed and repeats itself."""
    if name == "opendp":
        return OpenDPNoise(threads=threads)
    return RoundedNoise(np.random.default_rng(seed))


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Under what a release is measured; only the first three move what it says."""

    epsilon: float
    delta: float
    noise: NoiseSource
    threads: int = 2
    device: Literal["cpu", "cuda"] = "cpu"
    progress: Progress | None = None


def measured(
    train: Interactions,
    terms: Terms,
    mechanism: Mechanism | None = None,
    *,
    features: CatalogueFeatures | None = None,
) -> Release:
    """A release with every default; with an infinite ε it holds the exact sums and says that it has no noise.

    Args:
        train: the population.
        terms: see ``Terms``.
        mechanism: in place of the defaults at this ε.
        features: public metadata.
    """
    silent = math.isinf(terms.epsilon)
    chosen = mechanism or plan(SILENT_EPSILON if silent else terms.epsilon, terms.delta)
    release = measure(
        train,
        chosen,
        noise=NoNoise() if silent else terms.noise,
        features=features,
        # The moment after the data set ends, which its publication says.
        as_of=None if train.times is None else int(train.times.max()) + 1,
        performance=Performance(threads=terms.threads, device=terms.device),
        progress=terms.progress,
    )
    if not silent:
        return release
    signals = {slug: replace(signal, noise=0.0) for slug, signal in release.signals.items()}
    return replace(release, noise=NoiseLevels(count=0.0, gram=0.0), signals=signals)


def kinds(dataset: Dataset, chosen: Collection[str] | None = None) -> tuple[ModelKind, ...]:
    """What this data set allows of the registry, or of the chosen part of it: no times, no signals of time."""
    timed = dataset.interactions.times is not None
    able = (kind for kind in MODELS if timed or not kind.needs)
    return tuple(kind for kind in able if chosen is None or kind.slug in chosen)


def our_lists(
    dataset: Dataset, train: Interactions, shown: Interactions, chosen: Sequence[ModelKind], terms: Terms
) -> Iterator[Listed]:
    """Measure once, de-noise once, then fit and serve each kind; those that need signals from a release with them.

    A release that measures signals has less left for everything else, so the others are not fitted on it.
    """
    with_signals = plan(min(terms.epsilon, SILENT_EPSILON), terms.delta, shares=SIGNAL_SHARES)
    for mechanism, fitted in (
        (None, [kind for kind in chosen if not kind.needs]),
        (with_signals, [kind for kind in chosen if kind.needs]),
    ):
        if fitted:
            watch = Stopwatch()
            release = measured(train, terms, mechanism, features=dataset.features)
            times = watch.lap("measure")
            denoised = denoise(release, dataset.features)
            yield from _fitted(denoised, times | watch.lap("denoise"), fitted, shown)


def _fitted(denoised: Denoised, shared: Times, chosen: Sequence[ModelKind], shown: Interactions) -> Iterator[Listed]:
    release = denoised.release
    facts = {"items": float(len(release.items)), "gram_noise": release.noise.gram}
    for kind in chosen:
        watch = Stopwatch()
        model = kind.fit_from(denoised)
        fitting = watch.lap("fit")
        lists = recommended(Recommender(model), shown)
        yield Listed(method=kind.slug, lists=lists, times=shared | fitting | watch.lap("serve"), facts=facts)


def recommended(recommender: Recommender, shown: Interactions) -> np.ndarray:
    """The served lists as column numbers of ``shown.items``: int64, shape (subjects, LIST), -1 where empty."""
    table = recommender.recommend(shown, LIST)
    lists = np.full((len(shown.subjects), LIST), -1, dtype=np.int64)
    rows, columns = _places(table["subject"], shown.subjects), _places(table["item"], shown.items)
    lists[rows, table["rank"].to_numpy() - 1] = columns
    return lists


def _places(values: pa.ChunkedArray, axis: Sequence[str]) -> np.ndarray:
    return np.asarray(pc.index_in(values, value_set=pa.array(axis, pa.string())).to_numpy())
