"""How far canaries stand out of a sum's noise: exact bounds on μ, which keep their power at every ε."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nct

from recommender.attacks.attack_report import AttackReport
from recommender.attacks.canary_audit import audit_mechanism
from recommender.attacks.likelihood import NoisySum, Reading
from recommender.attacks.power import best_guesses
from recommender.attacks.signal_to_noise import Standing, critical, exceeded, standing
from recommender.interactions import Interactions
from recommender.mechanism import plan
from tests.recommender.seeded import SeededNoise

MU = 2.0
"""Of the toy sum: contributions of length 1, noise of ½."""


@given(statistic=st.floats(-3, 30), noncentrality=st.floats(0, 30), freedom=st.sampled_from([20, 40, 200, 1000]))
def test_the_chance_of_a_statistic_is_that_of_students_noncentral_t(
    statistic: float, noncentrality: float, freedom: int
) -> None:
    assert exceeded(statistic, noncentrality, freedom) == pytest.approx(
        nct.sf(statistic, freedom, noncentrality), abs=1e-7
    )


def test_what_is_exceeded_with_the_error_allowed_is_found_again_far_out() -> None:
    assert exceeded(critical(500.0, 10_000, 0.95), 500.0, 10_000) == pytest.approx(0.05, abs=1e-8)
    # 1.6449 standard errors of 1 and of 500/√20,000 together: √(1 + 12.5) = 3.674.
    assert critical(500.0, 10_000, 0.95) == pytest.approx(500 + 1.6449 * 3.674, abs=0.1)


def _toy(rng: np.random.Generator, *, divided: float = 1.0, times: float = 1.0, canaries: int = 100) -> Standing:
    """A sum of 300 numbers, to which each canary adds a vector of length 1, and others a known one."""
    rows = rng.normal(size=(canaries, 300))
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    known, included = rng.normal(size=300) + 3, rng.random(canaries) < 0.5
    values = times * (known + rows[included].sum(axis=0)) + rng.normal(size=300) / MU / divided
    seen = Reading({"toy": NoisySum(values, 1 / MU, outer=False)}, {"toy": rows}, {"toy": known})
    return standing(seen, "toy", included)


def test_the_bound_lies_above_the_truth_as_seldom_as_it_says_and_close_below_it() -> None:
    rng = np.random.default_rng(0)
    bounds = np.array([_toy(rng).mu_lower(0.9) for _ in range(200)])

    # Of 200 with a chance of 0.1, 20 ± 8.5 are two standard deviations.
    assert 12 <= (bounds > MU).sum() <= 28
    assert np.median(bounds) > 0.8 * MU


@pytest.mark.parametrize("fault", [{"divided": 2.0}, {"times": 2.0}], ids=["half the noise", "counted twice"])
def test_a_doubled_leak_is_refuted_as_often_as_was_said(fault: dict[str, float]) -> None:
    rng = np.random.default_rng(1)
    found = [_toy(rng, canaries=12, **fault) for _ in range(150)]
    said = np.mean([each.chance(MU, 0.95) for each in found])

    assert 0.5 < said < 0.95
    assert np.mean([each.mu_lower(0.95) > MU for each in found]) == pytest.approx(said, abs=0.08)


def test_what_is_needed_is_where_the_bound_passes_the_claim() -> None:
    found = _toy(np.random.default_rng(2))
    needed = found.needed(MU, 0.95)
    just = Standing(statistic=needed, expected=found.expected, freedom=found.freedom, longest=found.longest)

    assert just.mu_lower(0.95) == pytest.approx(MU, rel=1e-6)


def test_canaries_that_add_nothing_show_nothing() -> None:
    nothing = Reading({"toy": NoisySum(np.ones(9), 1.0, outer=False)}, {"toy": np.zeros((4, 9))}, {"toy": np.ones(9)})
    found = standing(nothing, "toy", np.array([True, False, True, False]))

    assert (found.mu_lower(0.95), found.chance(1.0, 0.95), found.needed(1.0, 0.95)) == (0.0, 0.0, np.inf)


def _audit(population: Interactions, epsilon: float, *, divided: float = 1, **given: Any) -> AttackReport:  # noqa: ANN401 - the audit's arguments
    mechanism, settings = plan(epsilon, 1e-6), {"canaries": 200, "guesses": 100} | given
    noise, rng = SeededNoise(np.random.default_rng(1), divided), np.random.default_rng(0)  # type: ignore[arg-type]
    return audit_mechanism(population, mechanism, noise=noise, rng=rng, **settings)


@pytest.mark.parametrize("epsilon", [14.0, 20.0, 50.0])
def test_at_a_large_epsilon_half_of_the_noise_and_none_are_caught_and_the_truth_is_not_accused(
    population: Interactions, epsilon: float
) -> None:
    honest, half, none = (_audit(population, epsilon, divided=divided) for divided in (1, 2, 1e9))

    assert (honest.verdict, half.verdict, none.verdict) == ("not refuted", "refuted", "refuted")
    assert 0.6 * epsilon < honest.lower_bound < epsilon < half.lower_bound < none.lower_bound
    # Guesses alone would have found nothing, and the report says so.
    assert honest.needed is None
    assert max(none.epsilon_lower, none.gaussian_epsilon_lower) < epsilon
    assert "no number of right guesses would have refuted the claim" in honest.sentence


def test_an_audit_that_could_have_found_little_is_undecided_and_says_how_many_canaries_would_do(
    population: Interactions,
) -> None:
    report = _audit(population, 0.5)

    assert report.verdict == "undecided"
    assert 0.05 < report.chance < 0.3
    assert report.canaries_needed is not None
    assert 2000 < report.canaries_needed < 4500
    assert report.sentence.endswith(f"For a chance of 80% it takes {report.canaries_needed:,} canaries.")
    assert _audit(population, 3.0).chance > 0.9


def test_where_no_number_of_guesses_refutes_the_strongest_bound_is_chosen() -> None:
    # Of all right among 40, 400 and 4,000 guesses of 4,000 canaries, the last show most: mu of 0.75, 1.61 and 2.71.
    assert best_guesses(3.235, canaries=4000).guesses == 4000
