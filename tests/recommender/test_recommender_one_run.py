"""The two bounds of a one-run audit: closed forms, an independent computation, and the worst mechanisms there are."""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from recommender.attacks.one_run import epsilon_lower_bound, mu_lower_bound, p_value, refutes_mu
from recommender.attacks.power import accuracy, best_guesses, fewest_for_epsilon, power_of
from recommender.errors import BadAttack


@pytest.mark.parametrize(("guesses", "ceiling"), [(100, 3.49), (1000, 5.81)])
def test_no_more_can_be_shown_than_by_guessing_all_right(guesses: int, ceiling: float) -> None:
    found = epsilon_lower_bound(canaries=guesses, guesses=guesses, correct=guesses, delta=0.0)

    right = 0.05 ** (1 / guesses)
    assert found == pytest.approx(ceiling, abs=0.005)
    assert found == pytest.approx(math.log(right / (1 - right)), abs=1e-6)


def test_a_coin_shows_nothing_and_no_guess_is_no_evidence() -> None:
    assert epsilon_lower_bound(canaries=1000, guesses=200, correct=100, delta=1e-6) == 0.0
    assert epsilon_lower_bound(canaries=1000, guesses=0, correct=0, delta=1e-6) == 0.0
    assert mu_lower_bound(canaries=1000, guesses=200, correct=100) == 0.0
    assert mu_lower_bound(canaries=1000, guesses=0, correct=0) == 0.0


def _tails(guesses: int, chance: float) -> list[float]:
    """Pr[Bin ≥ x] for x = 0 … guesses, by adding up terms."""
    terms = [math.comb(guesses, x) * chance**x * (1 - chance) ** (guesses - x) for x in range(guesses + 1)]
    return [math.fsum(terms[x:]) for x in range(guesses + 1)]


@given(st.integers(1, 60), st.data(), st.floats(0, 6), st.floats(0, 1e-3))
def test_the_p_value_is_the_theorems_added_up_by_hand(
    guesses: int, data: st.DataObject, epsilon: float, delta: float
) -> None:
    correct, canaries = data.draw(st.integers(1, guesses)), data.draw(st.integers(guesses, 500))
    tails = _tails(guesses, math.exp(epsilon) / (1 + math.exp(epsilon)))
    # The theorem's maximum runs to m; f is 1 below zero.
    rises = ((tails[max(correct - i, 0)] - tails[correct]) / i for i in range(1, canaries + 1))
    expected = min(1.0, tails[correct] + 2 * canaries * delta * max(rises))

    found = p_value(canaries=canaries, guesses=guesses, correct=correct, epsilon=epsilon, delta=delta)

    assert found == pytest.approx(expected, rel=1e-6, abs=1e-12)


@settings(max_examples=40)
@given(st.integers(2, 80), st.data(), st.floats(0, 1e-4))
def test_the_bound_is_refuted_and_hardly_more_would_be(guesses: int, data: st.DataObject, delta: float) -> None:
    correct = data.draw(st.integers(0, guesses))
    bound = epsilon_lower_bound(canaries=200, guesses=guesses, correct=correct, delta=delta)

    def p(epsilon: float) -> float:
        return p_value(canaries=200, guesses=guesses, correct=correct, epsilon=epsilon, delta=delta)

    assert bound == 0.0 or p(bound) <= 0.05
    assert p(bound + 1e-6) > 0.05


def test_delta_and_abstaining_cost_evidence_and_right_guesses_add_some() -> None:
    def bound(canaries: int, correct: int, delta: float) -> float:
        return epsilon_lower_bound(canaries=canaries, guesses=100, correct=correct, delta=delta)

    assert bound(1000, 100, 0.0) == bound(100, 100, 0.0)
    assert bound(100, 100, 1e-5) < bound(100, 100, 0.0)
    assert bound(10_000, 100, 1e-5) < bound(1000, 100, 1e-5) < bound(100, 100, 1e-5)
    assert bound(1000, 80, 1e-5) < bound(1000, 90, 1e-5)


def _exceeded(play: Callable[[np.random.Generator], int], bound: Callable[[int], float], truth: float) -> float:
    """How often the bound claims more than the truth, over 400 runs."""
    rng = np.random.default_rng(20261126)
    return float(np.mean([bound(play(rng)) > truth for _ in range(400)]))


def test_the_epsilon_bound_holds_for_the_worst_mechanism_and_not_for_one_that_leaks_more() -> None:
    """Randomised response, which is (ε, 0)-DP and no better, and one that with probability δ tells all the truth."""

    def play(rng: np.random.Generator) -> int:
        told = rng.random(200) < 1e-3
        return int((told | (rng.random(200) < 1 / (1 + math.exp(-1.0)))).sum())

    @cache
    def bound(correct: int) -> float:
        return epsilon_lower_bound(canaries=200, guesses=200, correct=correct, delta=1e-3)

    assert _exceeded(play, bound, 1.0) <= 0.05
    assert _exceeded(play, bound, 0.5) > 0.5


def _surest(mu: float, canaries: int, guesses: int, rng: np.random.Generator) -> int:
    """Right guesses of the best attacker on a Gaussian mechanism."""
    member = rng.random(canaries) < 0.5
    order = np.argsort(rng.normal(size=canaries) + mu * (member - 0.5))
    half = guesses // 2
    return int((~member[order[:half]]).sum() + member[order[canaries - guesses + half :]].sum())


def test_the_mu_bound_holds_for_gaussian_noise_and_not_for_half_of_it() -> None:
    @cache
    def bound(correct: int) -> float:
        return mu_lower_bound(canaries=1000, guesses=200, correct=correct)

    assert _exceeded(lambda rng: _surest(0.65, 1000, 200, rng), bound, 0.65) <= 0.05
    assert _exceeded(lambda rng: _surest(0.65, 1000, 200, rng), bound, 0.325) > 0.6


@given(st.integers(1, 60), st.floats(0.05, 3), st.data())
def test_where_nobody_abstains_no_probable_number_of_right_guesses_refutes_mu(
    canaries: int, mu: float, data: st.DataObject
) -> None:
    """Independent canaries are then guessed right with probability Φ(μ/2) each, which is exactly binomial."""
    correct = data.draw(st.integers(0, canaries))

    if stats.binom.sf(correct - 1, canaries, stats.norm.cdf(mu / 2)) > 0.05:
        assert not refutes_mu(mu, canaries=canaries, guesses=canaries, correct=correct)


def test_the_attackers_accuracy_is_the_one_played() -> None:
    rng = np.random.default_rng(5)
    played = np.mean([_surest(1.0, 2000, 200, rng) / 200 for _ in range(200)])

    assert accuracy(1.0, 0.1) == pytest.approx(played, abs=0.005)
    assert accuracy(1.0, 1.0) == pytest.approx(0.6915, abs=1e-4)  # Φ(½)
    assert accuracy(0.9, 0.1) < played - 0.01


def test_guesses_are_chosen_so_that_twice_the_leak_is_found() -> None:
    best = best_guesses(0.648, canaries=4000)  # (3, 1e-6)

    assert 100 <= best.guesses <= 1000
    assert best.needed < best.expected
    assert best.sigmas > 4
    assert best_guesses(0.648, canaries=4000, times=1.0).sigmas < 0
    assert all(best.sigmas >= power_of(0.648, 4000, r).sigmas for r in (100, 400, 2000, 4000))


def test_the_fewest_guesses_that_refute_epsilon_are_those_whose_bound_exceeds_it() -> None:
    fewest = fewest_for_epsilon(1.0, 1e-6, 1000, 200)

    bounds = [epsilon_lower_bound(canaries=1000, guesses=200, correct=v, delta=1e-6) for v in (fewest - 1, fewest)]
    assert bounds[0] < 1.0 <= bounds[1]
    assert fewest_for_epsilon(6.0, 1e-6, 1000, 100) == 101


@pytest.mark.parametrize(
    "broken",
    [{"correct": 11}, {"guesses": 21}, {"correct": -1}, {"canaries": 0}, {"confidence": 1.0}, {"delta": 1.0}],
)
def test_numbers_that_do_not_fit_each_other_are_refused(broken: dict[str, float]) -> None:
    with pytest.raises(BadAttack):
        epsilon_lower_bound(**{"canaries": 20, "guesses": 10, "correct": 5, "delta": 0.0} | broken)  # type: ignore[arg-type]


def test_a_leak_below_zero_is_refused() -> None:
    with pytest.raises(BadAttack, match="mu of at least 0"):
        refutes_mu(-0.1, canaries=10, guesses=5, correct=3)
    with pytest.raises(BadAttack, match="positive mu"):
        best_guesses(0.0, canaries=10)
