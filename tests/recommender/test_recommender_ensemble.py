"""Several models as one: how much each counts, and what is left where noise drowns all pairs of titles."""

from dataclasses import replace

import numpy as np
import pytest

from recommender.denoise import denoise
from recommender.features import CatalogueFeatures
from recommender.interactions import Interactions
from recommender.models import get_kind
from recommender.models.ensemble import doubt, typical_score, voices
from recommender.release import NoiseLevels, Release
from recommender.serving import Recommender


@pytest.fixture
def four(release: Release) -> Release:
    """Eigenvalues 30, 6, 4 and 2, which need no shrinking as they are set by hand in each test."""
    return replace(
        release,
        items=("w", "x", "y", "z"),
        counts=np.array([4.0, 3.0, 2.0, 1.0]),
        gram=np.diag([30.0, 6.0, 4.0, 2.0]),
        history_weights=np.ones(4),
        noise=NoiseLevels(count=0.0, gram=0.0),
    )


def test_without_noise_svd_and_ease_speak_alone(four: Release) -> None:
    assert [(kind.slug, voice) for kind, voice in voices(denoise(four))] == [("svd", 1.0), ("ease", 1.0)]


def test_noise_gives_a_voice_to_neighbours_and_content(four: Release) -> None:
    # Noise of 1 an entry gives an eigenvalue of √4 = 2 among 4 titles, beside a second eigenvalue of 6: 2/8.
    told = denoise(four)
    noisy = replace(told, release=replace(four, noise=NoiseLevels(count=0.0, gram=1.0)))

    assert doubt(noisy) == pytest.approx(0.25)
    assert {kind.slug: voice for kind, voice in voices(noisy)} == pytest.approx(
        {"svd": 1.0, "ease": 1.0, "item_cf": 0.5, "user_cf": 0.5, "content": 0.5}
    )


def test_where_no_measured_difference_of_taste_is_left_doubt_is_nearly_whole(four: Release) -> None:
    nothing = replace(four, gram=np.zeros((4, 4)), noise=NoiseLevels(count=1.0, gram=1.0))

    assert 0.9 < doubt(denoise(nothing)) <= 1.0


def test_the_typical_score_is_the_root_mean_square_over_subjects_and_titles(four: Release) -> None:
    # Weights of 2 on the diagonal: each of the 42 subjects' norm of 1 becomes 2, over 4 titles.
    assert typical_score(denoise(four), 2 * np.eye(4)) == pytest.approx(1.0)


def test_the_blend_is_of_equal_sizes(four: Release) -> None:
    clean = denoise(four)
    parts = [get_kind(slug).weigh(clean) for slug in ("svd", "ease")]
    scaled = [part / (typical_score(clean, part) or 1.0) for part in parts if part is not None]

    assert get_kind("ensemble").fit_from(clean).weights == pytest.approx(sum(scaled), abs=1e-6)


def test_where_pairs_drown_in_noise_the_ensemble_is_popular_titles_of_the_genres_watched(
    release: Release, features: CatalogueFeatures, population: Interactions
) -> None:
    noise = np.triu(np.random.default_rng(1).normal(size=release.gram.shape) * 500, 1)
    drowned = replace(release, gram=noise + noise.T, noise=NoiseLevels(count=1.0, gram=1000.0))
    fan = population.on_items(release.items).rows(population.lengths == population.matrix[:, :20].sum(axis=1).A1)

    informed = Recommender(get_kind("ensemble").fit(drowned, features)).recommend(fan.rows(np.arange(20)), 3)
    blind = Recommender(get_kind("ensemble").fit(drowned)).recommend(fan.rows(np.arange(1)), 3)

    assert all(item < "item-20" for item in informed["item"].to_pylist())
    watched = {fan.items[column] for column in fan.rows(np.arange(1)).matrix.indices}
    by_count = [release.items[n] for n in np.argsort(-release.counts) if release.items[n] not in watched]
    assert blind["item"].to_pylist() == by_count[:3]
