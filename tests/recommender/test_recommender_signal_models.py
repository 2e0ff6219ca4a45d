"""Models of further signals: what trends, what is watched when, what is watched next."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recommender.denoise import denoise
from recommender.features import CatalogueFeatures
from recommender.interactions import Interactions
from recommender.measurement import measure
from recommender.mechanism import plan
from recommender.models import MODELS, get_kind, kinds_for
from recommender.models.shrinkage import shrunk_towards
from recommender.models.temporal import slot_lifts
from recommender.noise import NoiseSource
from recommender.release import NoiseLevels, Release, Signal
from recommender.serving import Recommender
from tests.recommender.signal_sums import EVENING


@pytest.fixture
def three(release: Release) -> Release:
    """Three titles, without noise: counts 60, 30 and 10."""
    return replace(
        release,
        items=("x", "y", "z"),
        counts=np.array([60.0, 30.0, 10.0]),
        gram=np.array([[30.0, 6.0, 2.0], [6.0, 15.0, 1.0], [2.0, 1.0, 5.0]]),
        history_weights=np.ones(3),
        noise=NoiseLevels(count=0.0, gram=0.0),
        signals={},
    )


def _with(release: Release, slug: str, values: list[object], noise: float) -> Release:
    return replace(release, signals={slug: Signal(np.array(values, dtype=np.float64), noise)})


def test_half_of_the_scatter_that_is_no_noise_moves_a_value_by_as_much() -> None:
    # Squares are 4, noise explains 1 of each: 6 over the guesses' sum of 8 is a spread of 3/4, so 3 of 4 are no noise.
    estimate = shrunk_towards(np.array([4.0, 4.0]), np.array([6.0, 2.0]), 1.0)

    assert estimate == pytest.approx([5.5, 2.5])


def test_one_exception_beyond_doubt_survives_among_thousands_that_obey() -> None:
    observed = np.random.default_rng(1).normal(1.0, 1.0, 10_000)
    observed[7] = 30.0

    estimate = shrunk_towards(np.ones(10_000), observed, 1.0)

    assert estimate[7] == pytest.approx(30 - 4.292, abs=1e-3)  # √(2 ln 10,000)
    assert np.delete(estimate, 7) == pytest.approx(1.0, abs=0.4)


_VALUES = arrays(np.float64, 12, elements=st.floats(-50, 50))


@given(guess=arrays(np.float64, 12, elements=st.floats(0, 50)), observed=_VALUES, noise=st.floats(0, 20))
def test_estimates_lie_between_guess_and_observation_and_are_not_negative(
    guess: np.ndarray, observed: np.ndarray, noise: float
) -> None:
    estimate = shrunk_towards(guess, observed, noise)

    assert (estimate >= 0).all()
    assert (estimate <= np.maximum(np.maximum(guess, observed), 0.0) + 1e-9).all()
    assert (estimate >= np.minimum(guess, np.maximum(observed, 0.0)) - 1e-9).all()


@given(guess=arrays(np.float64, 12, elements=st.floats(0, 50)), observed=_VALUES)
def test_without_noise_what_was_observed_stands(guess: np.ndarray, observed: np.ndarray) -> None:
    assert shrunk_towards(guess, observed, 0.0) == pytest.approx(np.maximum(observed, 0.0))


def test_shrinking_by_the_true_noise_beats_guess_and_observation_and_a_wrong_noise() -> None:
    rng = np.random.default_rng(4)
    guess = rng.gamma(2.0, 5.0, 2_000)
    true = np.maximum(guess + rng.normal(size=2_000) * np.sqrt(2 * guess), 0.0)
    observed = true + rng.normal(size=2_000) * 4.0

    right, too_small, too_large = (
        np.square(shrunk_towards(guess, observed, noise) - true).mean() for noise in (4.0, 1.0, 8.0)
    )

    assert right < 0.8 * min(np.square(guess - true).mean(), np.square(np.maximum(observed, 0) - true).mean())
    assert right < 0.9 * min(too_small, too_large)


def test_what_trends_is_the_last_window_where_it_is_known(three: Release) -> None:
    model = get_kind("trending").fit(_with(three, "trending", [1.0, 2.0, 9.0], 0.0))

    assert model.weights is None
    assert model.popularity == pytest.approx([1.0, 2.0, 9.0])


def test_what_trends_is_popularity_where_noise_drowns_the_window(release: Release) -> None:
    noise = np.random.default_rng(2).normal(0.0, 100.0, len(release.items))
    drowned = replace(release, signals={"trending": Signal(noise + 20.0, 100.0)})

    trending = get_kind("trending").fit(drowned).popularity

    counts = np.maximum(release.counts, release.noise.count)
    assert trending / trending.sum() == pytest.approx(counts / counts.sum())


def test_a_new_hit_trends_in_spite_of_noise(release: Release) -> None:
    values = release.counts / 5 + np.random.default_rng(3).normal(0.0, 2.0, len(release.items))
    least = int(np.argmin(release.counts))
    values[least] = 60.0

    trending = get_kind("trending").fit(replace(release, signals={"trending": Signal(values, 2.0)}))

    assert int(np.argmax(trending.popularity)) == least


def test_a_lift_is_a_titles_share_of_watching_in_a_slot_over_everybodys(three: Release) -> None:
    # Slot 0 has 40 of 100 and slot 1 has 60; of the first title's 60, it has 36 and 24.
    slots = [[36, 24, *[0] * 6], [3, 27, *[0] * 6], [1, 9, *[0] * 6]]

    model = get_kind("temporal").fit(_with(three, "time_slots", slots, 0.0))

    assert model.slot_lifts is not None
    assert model.slot_lifts[:, :2] == pytest.approx(np.array([[1.5, 2 / 3], [0.25, 1.5], [0.25, 1.5]]), rel=1e-6)


def test_titles_of_a_category_watched_in_the_evening_are_lifted_then(
    release: Release, features: CatalogueFeatures
) -> None:
    lifts = slot_lifts(denoise(release, features))

    drama = features.of(release.items)[:, features.names.index("genre:drama")] > 0
    assert (lifts[drama, EVENING] > 1.1).all()
    assert (lifts[~drama, EVENING] < 0.9).all()


def test_a_title_that_hardly_anybody_watched_is_lifted_as_its_category_is(
    release: Release, features: CatalogueFeatures
) -> None:
    signal = release.signals["time_slots"]
    drama = features.of(release.items)[:, features.names.index("genre:drama")] > 0
    rare = int(np.flatnonzero(drama)[-1])
    counts, values = release.counts.copy(), signal.values.copy()
    counts[rare], values[rare] = 0.5, 0.0
    told = replace(release, counts=counts, signals={"time_slots": Signal(values, 1.0)})

    with_genres, without = (slot_lifts(denoise(told, known))[rare, EVENING] for known in (features, None))

    assert with_genres > 1.1 > without


def test_without_a_clear_signal_the_time_makes_no_difference(release: Release, features: CatalogueFeatures) -> None:
    noise = np.random.default_rng(5).normal(0.0, 50.0, (len(release.items), 8))
    drowned = replace(release, signals={"time_slots": Signal(10.0 + noise, 50.0)})

    lifts = slot_lifts(denoise(drowned, features))

    assert lifts == pytest.approx(np.ones_like(lifts), abs=1e-6)


def test_a_list_in_the_evening_is_ordered_by_the_lifted_scores(release: Release, population: Interactions) -> None:
    model = get_kind("temporal").fit(release)
    plain, evening = (Recommender(model).scores(population, context=slot) for slot in (None, EVENING))

    assert model.slot_lifts is not None
    assert evening == pytest.approx(plain * model.slot_lifts[:, EVENING], rel=1e-4, abs=1e-6)


def test_rows_say_what_follows_and_hand_over_to_popularity_where_nothing_did(three: Release) -> None:
    model = get_kind("next_title").fit(_with(three, "transitions", [[0, 3, 1], [0, 0, 0], [2, 2, 0]], 0.0))

    assert model.weights == pytest.approx(np.array([[0, 3 / 4, 1 / 4], [6 / 7, 0, 1 / 7], [1 / 2, 1 / 2, 0]]), abs=1e-6)


def test_what_follows_is_what_goes_together_where_noise_drowns_the_order(release: Release) -> None:
    clean = replace(release, noise=NoiseLevels(count=0.0, gram=0.0))
    noise = np.random.default_rng(6).normal(0.0, 100.0, release.gram.shape)
    together = release.gram / np.outer(release.history_weights, release.history_weights)
    np.fill_diagonal(together, 0.0)

    weights = get_kind("next_title").fit(replace(clean, signals={"transitions": Signal(noise, 100.0)})).weights

    assert weights == pytest.approx(together / together.sum(axis=1, keepdims=True), abs=1e-6)


def test_a_title_lost_in_noise_is_followed_by_what_is_popular(three: Release) -> None:
    lost = replace(three, gram=np.zeros((3, 3)), noise=NoiseLevels(count=5.0, gram=0.0))

    weights = get_kind("next_title").fit(_with(lost, "transitions", [[0] * 3] * 3, 1.0)).weights

    assert weights == pytest.approx(np.array([[0, 3 / 4, 1 / 4], [6 / 7, 0, 1 / 7], [2 / 3, 1 / 3, 0]]))


def test_the_next_part_of_a_series_follows_it_in_spite_of_noise_and_not_the_other_way_round(release: Release) -> None:
    signal = release.signals["transitions"]
    values = signal.values + np.random.default_rng(8).normal(0.0, 0.5, signal.values.shape)
    values[20, 25] = 40.0

    model = get_kind("next_title").fit(replace(release, signals={"transitions": Signal(values, 0.5)}))

    assert model.weights is not None
    assert int(np.argmax(model.weights[20])) == 25
    assert int(np.argmax(model.weights[25])) != 20


def test_a_release_that_measured_all_signals_gives_all_kinds(population: Interactions, silence: NoiseSource) -> None:
    rng = np.random.default_rng(9)
    timed = replace(population, times=rng.integers(1_700_000_000, 1_702_000_000, population.matrix.nnz))
    shares = (("trending", 0.1), ("time_slots", 0.1), ("transitions", 0.1))

    release = measure(timed, plan(5.0, 1e-6, kept_at_most=30, shares=shares), noise=silence, as_of=1_702_000_000)

    assert kinds_for(release.signals) == MODELS
    assert {kind.fit(release).kind for kind in MODELS} == {kind.slug for kind in MODELS}
