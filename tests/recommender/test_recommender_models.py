"""What holds for every entry of ``MODELS``, and one example by hand for each kind."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import scipy.linalg

from recommender.denoise import denoise, metadata_part, shrunk
from recommender.errors import UnknownModel
from recommender.features import CatalogueFeatures, features_from
from recommender.interactions import Interactions
from recommender.measurement import measure
from recommender.mechanism import plan
from recommender.models import MODELS, get_kind
from recommender.models.kind import ModelKind
from recommender.noise import NoiseSource, OpenDPNoise
from recommender.release import NoiseLevels, Release
from recommender.serving import Recommender
from recommender.split import fold_in

every_kind = pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.slug)
every_personal_kind = pytest.mark.parametrize("kind", MODELS[1:], ids=lambda kind: kind.slug)


@pytest.fixture
def two_titles(release: Release) -> Release:
    """G = [[4, 2], [2, 4]], without noise and with equal weights: eigenvalues 6 and 2, mean 4, ridge 12."""
    return replace(
        release,
        items=("x", "y"),
        counts=np.array([5.0, 3.0]),
        gram=np.array([[4.0, 2.0], [2.0, 4.0]]),
        history_weights=np.ones(2),
        noise=NoiseLevels(count=0.0, gram=0.0),
    )


BY_HAND = {
    "item_cf": [[0, 1 / 2], [1 / 2, 0]],  # 2/√(4·4)
    # The leading eigenvector is (1, 1)/√2 with eigenvalue 6, so 0.95 · 3 is taken off each entry.
    "user_cf": [[4 - 2.85, 2 - 2.85], [2 - 2.85, 4 - 2.85]],
    # 6/18 = 1/3 along (1, 1)/√2 and 2/14 = 1/7 along (1, -1)/√2.
    "svd": [[(1 / 3 + 1 / 7) / 2, (1 / 3 - 1 / 7) / 2], [(1 / 3 - 1 / 7) / 2, (1 / 3 + 1 / 7) / 2]],
    # (G + 12)⁻¹ ∝ [[16, -2], [-2, 16]], so B = 2/16 off the diagonal.
    "ease": [[0, 1 / 8], [1 / 8, 0]],
}


@pytest.mark.parametrize("slug", BY_HAND)
def test_weights_are_those_worked_by_hand(two_titles: Release, slug: str) -> None:
    model = get_kind(slug).fit(two_titles)

    assert model.weights == pytest.approx(np.array(BY_HAND[slug]), abs=1e-6)


def test_popularity_orders_titles_by_their_noisy_counts(two_titles: Release) -> None:
    model = get_kind("popularity").fit(two_titles)

    assert model.weights is None
    assert model.popularity.tolist() == [5.0, 3.0]


def test_slugs_are_unique_and_summaries_are_sentences() -> None:
    assert len({kind.slug for kind in MODELS}) == len(MODELS) == 5
    assert all(kind.summary.endswith(".") for kind in MODELS)


def test_an_unknown_model_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(UnknownModel, match="popularity, item_cf, user_cf, svd, ease"):
        get_kind("oracle")


@every_kind
def test_a_model_carries_the_guarantee_and_digest_of_its_release(kind: ModelKind, release: Release) -> None:
    model = kind.fit(release)

    assert model.guarantee == release.guarantee
    assert model.release_digest == release.digest
    assert model.items == release.items


@every_kind
def test_fitting_twice_gives_the_same_artefact(kind: ModelKind, release: Release, features: CatalogueFeatures) -> None:
    assert kind.fit(release, features).digest == kind.fit(release, features).digest


@every_kind
def test_weights_are_finite_and_fit_the_items(kind: ModelKind, release: Release, features: CatalogueFeatures) -> None:
    model = kind.fit(release, features)

    width = len(release.items)
    assert model.weights is None or (model.weights.shape == (width, width) and np.isfinite(model.weights).all())


@every_kind
def test_a_release_of_pure_noise_still_gives_a_finite_model(kind: ModelKind, release: Release) -> None:
    noise = np.random.default_rng(0).normal(size=release.gram.shape) * release.noise.gram
    model = kind.fit(replace(release, gram=noise + noise.T, counts=-np.ones(len(release.items))))

    assert model.weights is None or np.isfinite(model.weights).all()


@every_personal_kind
def test_learns_which_half_a_subject_prefers(
    kind: ModelKind, release: Release, features: CatalogueFeatures, population: Interactions
) -> None:
    shown, _ = fold_in(population, 0.7, rng=np.random.default_rng(0))
    table = Recommender(kind.fit(release, features)).recommend(shown, 3)

    even = np.array([int(subject, 16) % 2 == 0 for subject in table["subject"].to_pylist()])
    first_half = np.array([item < "item-20" for item in table["item"].to_pylist()])
    assert (even == first_half).mean() > 0.75  # popularity alone: one half


@every_personal_kind
def test_scores_approach_those_without_noise_as_epsilon_grows(
    kind: ModelKind, population: Interactions, silence: NoiseSource
) -> None:
    def scores(epsilon: float, source: NoiseSource) -> np.ndarray:
        mechanism = plan(epsilon, 1e-6, kept_at_most=30, kept_at_least=30)
        release = measure(population, mechanism, noise=source)
        if not source.exact:
            release = replace(release, noise=NoiseLevels(count=0.0, gram=0.0))
        model = kind.fit(release)
        return Recommender(model).scores(population.on_items(population.items[:30]))

    clean = _ranks(scores(50.0, silence))
    near, far = (np.abs(_ranks(scores(epsilon, OpenDPNoise())) - clean).mean() for epsilon in (50.0, 0.3))

    assert near < far / 2


def _ranks(scores: np.ndarray) -> np.ndarray:
    ranks: np.ndarray = np.argsort(np.argsort(scores, axis=1), axis=1)
    return ranks


def test_without_noise_denoising_returns_the_matrix_unchanged(release: Release, features: CatalogueFeatures) -> None:
    exact = replace(release, noise=NoiseLevels(count=0.0, gram=0.0))

    assert denoise(exact, features).gram == pytest.approx(release.gram, abs=1e-9)


def test_shrinking_takes_off_what_noise_added_to_an_eigenvalue() -> None:
    # At τ = 1 and n = 16 the edge is 8: 10 becomes (10 + 6)/2 = 8, -10 becomes -8, and 7.9 is lost in the noise.
    noisy = scipy.linalg.block_diag(np.diag([10.0, -10.0, 7.9]), np.zeros((13, 13)))

    assert np.diag(shrunk(noisy, 1.0)) == pytest.approx([8.0, -8.0, *[0.0] * 14])


def test_pure_noise_is_shrunk_to_nearly_nothing() -> None:
    rng = np.random.default_rng(3)
    noise = np.triu(rng.normal(size=(200, 200)), 1)
    noise = noise + noise.T + np.diag(rng.normal(size=200) * np.sqrt(2))

    assert np.linalg.norm(shrunk(noise, 1.0)) < 0.15 * np.linalg.norm(noise)


def test_each_step_of_denoising_brings_the_matrix_nearer_to_the_truth(
    release: Release, features: CatalogueFeatures
) -> None:
    rng = np.random.default_rng(5)
    tau = 6.0
    noise = np.triu(rng.normal(size=release.gram.shape) * tau, 1)
    noisy = replace(release, gram=release.gram + noise + noise.T, noise=NoiseLevels(count=1.0, gram=tau))

    before, shrunken, informed = (
        np.linalg.norm(estimate - release.gram)
        for estimate in (noisy.gram, denoise(noisy).gram, denoise(noisy, features).gram)
    )

    assert informed < shrunken < before


def test_titles_without_metadata_take_part_with_the_constant_only(release: Release) -> None:
    none = CatalogueFeatures((), (), np.zeros((0, 0)))

    part = metadata_part(release, none)

    assert np.linalg.matrix_rank(part) == 1


def test_features_leave_out_the_attributes_with_few_titles_each() -> None:
    table = pa.table(
        {
            "item": ["x", "x", "y", "y"],
            "attribute": ["genre", "person", "genre", "decade"],
            "category": ["drama", "cast:A", "comedy", "1990s"],
        }
    )

    features = features_from(table)

    assert features.names == ("decade:1990s", "genre:comedy", "genre:drama")
    assert features.of(["y", "unknown", "x"]).tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]
