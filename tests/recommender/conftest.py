"""A small population with two tastes, and a noise source that is silent."""

from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pytest

from recommender.features import CatalogueFeatures, features_from
from recommender.interactions import Interactions, ones
from recommender.measurement import measure
from recommender.mechanism import Mechanism, plan
from recommender.release import Release
from tests.recommender.signal_sums import exact_signals

ITEMS = 40
SUBJECTS = 600


@dataclass
class SilentNoise:
    """Adds nothing and remembers what was asked of it."""

    exact: bool = False
    name: str = "silence, for tests"
    asked: list[tuple[int, int]] = field(default_factory=list)

    def draw(self, count: int, scale: int, *, progress: object = None) -> np.ndarray:
        del progress
        self.asked.append((count, scale))
        return np.zeros(count, dtype=np.int64)


@pytest.fixture
def silence() -> SilentNoise:
    return SilentNoise()


@pytest.fixture(scope="session")
def population() -> Interactions:
    """Even subjects prefer the first half of the items, odd ones the second; early items of each half are popular."""
    rng = np.random.default_rng(7)
    half = ITEMS // 2
    liking = 1 / np.arange(1, half + 1)
    rows, columns = [], []
    for subject in range(SUBJECTS):
        ours, other = (np.arange(half), np.arange(half, ITEMS))[:: 1 if subject % 2 == 0 else -1]
        weight = np.empty(ITEMS)
        weight[ours], weight[other] = liking, liking / 10
        held = rng.choice(ITEMS, size=rng.integers(3, 12), replace=False, p=weight / weight.sum())
        rows += [subject] * len(held)
        columns += held.tolist()
    subjects = tuple(f"{number:032x}" for number in range(SUBJECTS))
    items = tuple(f"item-{number:02d}" for number in range(ITEMS))
    return Interactions(subjects, items, ones(np.array(rows), np.array(columns), (SUBJECTS, ITEMS)))


@pytest.fixture(scope="session")
def features(population: Interactions) -> CatalogueFeatures:
    genres = ["drama" if number < ITEMS // 2 else "comedy" for number in range(ITEMS)]
    columns = {"item": list(population.items), "attribute": ["genre"] * ITEMS, "category": genres}
    return features_from(pa.table(columns))


@pytest.fixture(scope="session")
def mechanism() -> Mechanism:
    return plan(5.0, 1e-6, kept_at_most=30)


@pytest.fixture(scope="session")
def release(population: Interactions, mechanism: Mechanism) -> Release:
    """Without noise, but denoised as if there were the planned noise; with every further signal."""
    measured = measure(population, mechanism, noise=SilentNoise())
    signals = exact_signals(population.on_items(measured.items), rng=np.random.default_rng(13))
    return replace(measured, signals=signals)
