"""Where noise on integers becomes too coarse for the guarantee, computed by hand, and that each measurement asks."""

import math
from dataclasses import replace

import numpy as np
import pytest

from recommender.bandit.statistics import StreamMechanism
from recommender.discreteness import verify_margin
from recommender.errors import BadMechanism
from recommender.interactions import Interactions, ones
from recommender.noise import NoiseSource
from recommender.ratings.measurement import measure_ratings
from recommender.ratings.mechanism import plan_ratings
from recommender.ratings.table import Ratings


# 920 numbers: η = 5000/(8s²). At ε = 1, 2η ≤ 10⁻⁶ wants s² ≥ 1.25 · 10⁹, so s ≥ 35355.3. At ε = 50, e^η - 1 ≤ 10⁻⁶
# wants η a little below 10⁻⁶, which it has at s = 25000.
@pytest.mark.parametrize(("epsilon", "fine", "coarse"), [(1.0, 35_356, 35_355), (50.0, 25_001, 25_000)])
def test_noise_is_fine_enough_just_above_the_limit_and_refused_just_below(
    epsilon: float, fine: int, coarse: int
) -> None:
    verify_margin(finest_scale=fine, coordinates=920, epsilon=epsilon, delta=1e-6)

    with pytest.raises(BadMechanism, match=f"noise of {coarse} grid steps is too coarse for 920 numbers at epsilon"):
        verify_margin(finest_scale=coarse, coordinates=920, epsilon=epsilon, delta=1e-6)


def test_the_limit_counts_numbers_one_by_one() -> None:
    verify_margin(finest_scale=35_356, coordinates=920, epsilon=1.0, delta=1e-6)

    # 8 · 35356² · ½ · 10⁻⁶ = 5000.19, so 5d + 400 may be 5000 and not 5005.
    with pytest.raises(BadMechanism, match="too coarse for 921 numbers"):
        verify_margin(finest_scale=35_356, coordinates=921, epsilon=1.0, delta=1e-6)


def test_no_noise_is_fine_enough_for_a_delta_that_the_rare_event_could_use_up() -> None:
    # (1 + e⁵⁰) e⁻¹⁰⁰ = 1.93 · 10⁻²², which a margin of 10⁻⁶ covers down to δ = 1.93 · 10⁻¹⁶.
    assert math.exp(-50) == pytest.approx(1.93e-22, rel=1e-3)
    verify_margin(finest_scale=10**12, coordinates=1, epsilon=50.0, delta=1.94e-16)

    with pytest.raises(BadMechanism, match="at epsilon 50"):
        verify_margin(finest_scale=10**12, coordinates=1, epsilon=50.0, delta=1.92e-16)


def test_ratings_are_not_measured_where_their_covariance_has_more_numbers_than_its_grid_allows(
    silence: NoiseSource,
) -> None:
    # The covariance's noise is 1,876,568 steps of 4⁻¹², so 5d + 400 ≤ 8 · 10⁻⁶ s² allows d = 5,634,331 numbers: 3,300
    # titles have 5,446,650 pairs, 3,400 have 5,781,700.
    width = 3400
    people = Interactions(
        ("a", "b"), tuple(map(str, range(width))), ones(np.array([0, 1]), np.array([3, 5]), (2, width))
    )
    ratings = Ratings(people, np.array([4.0, 2.0]), 1.0, 5.0)
    within = plan_ratings(50.0, 1e-6, gram_bits=12, first_share=0.01, second_share=0.01, kept_at_most=3300)
    assert within.gram_scale == 1_876_568

    assert len(measure_ratings(ratings, within, noise=silence).items) == width
    with pytest.raises(BadMechanism, match="too coarse for 5791905 numbers at epsilon 50"):
        measure_ratings(ratings, replace(within, kept_at_most=width), noise=silence)


def test_a_bandits_stream_is_not_planned_where_it_has_more_numbers_than_its_grid_allows() -> None:
    def planned(dimension: int) -> StreamMechanism:
        return StreamMechanism(epsilon=50.0, delta=1e-6, horizon=1, dimension=dimension)

    # Noise of 1.076 · 10¹⁰ steps allows 1.853 · 10¹⁴ numbers; d features have d(d + 3)/2.
    assert planned(19_000_000).gram_scale == pytest.approx(1.076e10, rel=1e-3)
    with pytest.raises(BadMechanism, match="too coarse for 200000030000000 numbers"):
        planned(20_000_000)
