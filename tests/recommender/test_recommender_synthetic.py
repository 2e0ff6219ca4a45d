import subprocess
import sys

import numpy as np
import pytest

from recommender.denoise import denoise
from recommender.features import CatalogueFeatures
from recommender.interactions import Interactions
from recommender.measurement import measure
from recommender.mechanism import plan
from recommender.models import MODELS
from recommender.models.kind import ModelKind
from recommender.noise import NoiseSource
from recommender.release import Release
from recommender.serving import Recommender
from recommender.synthetic import draw_histories, length_moments

every_personal_kind = pytest.mark.parametrize(
    "kind", [kind for kind in MODELS if kind.personal], ids=lambda kind: kind.slug
)


@pytest.fixture(scope="module")
def synthetic(release: Release, features: CatalogueFeatures) -> Interactions:
    return draw_histories(denoise(release, features), 800, rng=np.random.default_rng(11))


def test_the_same_release_and_seed_give_the_same_histories(release: Release) -> None:
    first, second = (draw_histories(denoise(release), 20, rng=np.random.default_rng(2)) for _ in range(2))

    assert (first.matrix != second.matrix).nnz == 0


def test_histories_are_neither_empty_nor_longer_than_the_cap(synthetic: Interactions, release: Release) -> None:
    assert synthetic.lengths.min() >= 1
    assert synthetic.lengths.max() < len(release.items)
    assert len(synthetic.subjects) == 800


def test_lengths_are_read_from_the_release(release: Release, population: Interactions) -> None:
    real = population.on_items(release.items).lengths

    root, mean = length_moments(denoise(release))

    assert root == pytest.approx(np.sqrt(real[real > 0]).mean(), rel=0.05)
    assert mean == pytest.approx(real[real > 0].mean(), rel=0.1)


def test_a_lens_leaves_the_usual_spread_of_lengths(population: Interactions, silence: NoiseSource) -> None:
    seen = measure(population, plan(0.5, 1e-6, kept_at_most=30), noise=silence)
    real = population.on_items(seen.items).lengths

    assert seen.lens is not None
    root, mean = length_moments(denoise(seen))
    assert root == pytest.approx(np.sqrt(real[real > 0]).mean(), rel=0.05)
    assert mean == pytest.approx(1.2 * root**2)
    drawn = draw_histories(denoise(seen), 2000, rng=np.random.default_rng(1))
    assert drawn.lengths.max() <= 15  # half of the items: there is a list left for everybody


def test_titles_are_watched_as_often_as_in_the_population(
    synthetic: Interactions, release: Release, population: Interactions
) -> None:
    real = np.asarray(population.on_items(release.items).matrix.mean(axis=0)).ravel()
    drawn = np.asarray(synthetic.matrix.mean(axis=0)).ravel()

    assert np.corrcoef(real, drawn)[0, 1] > 0.95


def test_tastes_go_together_as_in_the_population(synthetic: Interactions, population: Interactions) -> None:
    def same_half(people: Interactions) -> float:
        halves = np.array([item < "item-20" for item in people.items])
        first = np.asarray(people.matrix[:, halves].sum(axis=1)).ravel() / people.lengths
        return float(np.abs(2 * first - 1).mean())

    real = same_half(population.rows(np.arange(300)))
    unrelated = 0.35  # ten titles from either half by coin toss

    assert same_half(synthetic) > (real + unrelated) / 2


@every_personal_kind
def test_exposure_on_synthetic_histories_is_close_to_that_on_real_ones(
    kind: ModelKind, synthetic: Interactions, release: Release, population: Interactions, features: CatalogueFeatures
) -> None:
    recommender = Recommender(kind.fit(release, features))

    def exposure(people: Interactions) -> np.ndarray:
        member = features.of(recommender.recommend(people, 5)["item"].to_pylist())
        share: np.ndarray = member.mean(axis=0)
        return share

    assert exposure(synthetic) == pytest.approx(exposure(population), abs=0.06)


def test_everything_but_measuring_works_without_torch_and_opendp() -> None:
    modules = "serving models synthetic release linear_model split features accounting mechanism noise denoise"
    program = f"""
import importlib, sys
for name in {modules.split()!r}:
    importlib.import_module("recommender." + name)
assert not {{"torch", "opendp"}} & set(sys.modules), "a heavy library was loaded"
"""

    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)

    assert done.stderr == ""
    assert done.returncode == 0
