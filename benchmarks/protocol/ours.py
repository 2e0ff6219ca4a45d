"""Our models on one division: one release, de-noised once, and every entry of ``MODELS`` that it allows."""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.protocol.data import Dataset
from benchmarks.protocol.ranking import LIST, Listed
from benchmarks.protocol.stopwatch import Stopwatch
from recommender.denoise import denoise
from recommender.interactions import Interactions
from recommender.measurement import measure
from recommender.mechanism import Performance, plan
from recommender.models import MODELS, ModelKind
from recommender.noise import NoiseSource, OpenDPNoise
from recommender.release import NoiseLevels, Release
from recommender.serving import Recommender

Progress = Callable[[int, int], None]

SILENT_EPSILON = 50.0
"""What is planned where no noise is drawn: the largest ε there is, since the plan also says which items stand out."""


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


def measured(
    train: Interactions,
    epsilon: float,
    delta: float,
    *,
    noise: NoiseSource,
    threads: int,
    progress: Progress | None = None,
) -> Release:
    """A release with every default; with an infinite ε it holds the exact sums and says that it has no noise."""
    performance = Performance(threads=threads)
    if math.isfinite(epsilon):
        return measure(train, plan(epsilon, delta), noise=noise, performance=performance, progress=progress)
    exact = measure(train, plan(SILENT_EPSILON, delta), noise=NoNoise(), performance=performance, progress=progress)
    signals = {slug: replace(signal, noise=0.0) for slug, signal in exact.signals.items()}
    return replace(exact, noise=NoiseLevels(count=0.0, gram=0.0), signals=signals)


def kinds(chosen: Collection[str] | None = None) -> tuple[ModelKind, ...]:
    """The registry, or the chosen part of it."""
    return tuple(kind for kind in MODELS if chosen is None or kind.slug in chosen)


def our_lists(
    dataset: Dataset,
    train: Interactions,
    shown: Interactions,
    chosen: tuple[ModelKind, ...],
    *,
    epsilon: float,
    delta: float,
    noise: NoiseSource,
    threads: int,
    progress: Progress | None = None,
) -> Iterator[Listed]:
    """Measure once, de-noise once, then fit and serve each kind. Kinds that lack a signal are left out."""
    watch = Stopwatch()
    release = measured(train, epsilon, delta, noise=noise, threads=threads, progress=progress)
    shared = watch.lap("measure")
    denoised = denoise(release, dataset.features)
    shared |= watch.lap("denoise")
    facts = {"items": float(len(release.items)), "gram_noise": release.noise.gram}
    for kind in chosen:
        if not kind.can_fit(release.signals):
            continue
        watch.lap("between")
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
