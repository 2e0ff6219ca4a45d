"""Looking as often as one likes: bets that nobody wins under the null, and sequences that hold at all times."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.errors import InvalidConfig
from audits.experiments.monitoring import asymptotic_sequence, bernstein_sequence, evidence, monitor
from audits.verdict import Outcome

Floats = np.ndarray


def test_wealth_is_the_product_of_the_docstring() -> None:
    found = evidence(np.array([0.5, -0.2, 0.4]), largest_loss=1.0, bets=np.full(3, 0.5))

    assert found == pytest.approx([1.25, 1.125, 1.35])


def paths(up: float, down: float, chance: float, length: int) -> tuple[Floats, Floats]:
    """Every sequence of gains, (length, paths), and how likely each is."""
    steps = np.array(list(itertools.product([1, 0], repeat=length))).T
    return np.where(steps == 1, up, down), np.prod(np.where(steps == 1, chance, 1 - chance), axis=0)


def test_a_bet_against_a_true_null_keeps_its_expectation_exactly_whatever_came_before() -> None:
    # Mean gain 0.4 * 0.75 - 0.6 * 0.5 = 0, over all 2^12 sequences.
    gains, chances = paths(0.75, -0.5, 0.4, 12)
    wealth = evidence(gains, largest_loss=0.5)

    assert wealth @ chances == pytest.approx(np.ones(12), abs=1e-12)
    # Ville: the chance ever to reach 1 / alpha is alpha at most.
    for alpha in (0.5, 0.2, 0.1, 0.05):
        assert chances[wealth.max(axis=0) >= 1 / alpha].sum() <= alpha
    # A bet that peeks at its own gain would make money from nothing.
    peeking = evidence(gains, largest_loss=0.5, bets=(gains > 0).astype(float))
    assert peeking[-1] @ chances > 10


def test_wealth_grows_where_the_null_is_false() -> None:
    gains, chances = paths(0.75, -0.5, 0.7, 12)

    assert evidence(gains, largest_loss=0.5)[-1] @ chances > 3.0


def arms(seed: int, effect: float, *, pairs: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    return (rng.random(pairs) < 0.3).astype(float), (rng.random(pairs) < 0.3 + effect).astype(float)


def verdicts(effect: float, *, trials: int, pairs: int = 2000) -> dict[Outcome, float]:
    found = [monitor(*arms(seed, effect, pairs=pairs), margin=0.05).verdict for seed in range(trials)]
    return {outcome: found.count(outcome) / trials for outcome in Outcome}


def test_looking_after_every_subject_errs_at_the_nominal_rate_where_a_p_value_does_not() -> None:
    trials = 300
    at_margin = verdicts(-0.05, trials=trials)

    # Nominal 5 % each, Monte-Carlo standard error 1.3 points.
    assert at_margin[Outcome.PASS] <= 0.089
    assert at_margin[Outcome.FAIL] <= 0.089
    looked = 0
    for seed in range(trials):
        control, treatment = arms(seed, -0.05, pairs=2000)
        room = treatment - control + 0.05
        t = np.arange(1, 2001)
        z = np.cumsum(room)[50:] / (np.sqrt(t[50:]) * room.std())
        looked += bool((z > 1.645).any())
    assert looked / trials > 0.2


def test_power_grows_with_the_effect_on_either_side() -> None:
    passes = [verdicts(effect, trials=60)[Outcome.PASS] for effect in (-0.05, 0.0, 0.05)]
    fails = [verdicts(effect, trials=60)[Outcome.FAIL] for effect in (-0.05, -0.1, -0.2)]

    assert passes == sorted(passes)
    assert passes[-1] > 0.9
    assert fails == sorted(fails)
    assert fails[-1] > 0.9


def test_a_verdict_says_after_how_many_pairs_it_was_reached() -> None:
    found = monitor(np.zeros(100), np.ones(100), margin=0.1)

    assert found.verdict is Outcome.PASS
    assert found.not_worse[found.decided_at - 1] >= 20 > found.not_worse[found.decided_at - 2]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=60), st.floats(0, 0.9))
def test_later_subjects_never_change_what_was_known_before(pairs: list[tuple[float, float]], margin: float) -> None:
    control, treatment = (np.array(arm) for arm in zip(*pairs, strict=True))
    whole = monitor(control, treatment, margin=margin)
    half = monitor(control[: len(pairs) // 2 + 1], treatment[: len(pairs) // 2 + 1], margin=margin)

    assert whole.not_worse[: half.not_worse.size] == pytest.approx(half.not_worse)
    assert (whole.worse > 0).all()


@pytest.mark.parametrize(
    ("control", "treatment", "settings", "says"),
    [
        ([0.0], [1.0, 0.0], {}, "two arms of equal length"),
        ([], [], {}, "two arms of equal length"),
        ([0.0], [1.5], {}, "outcomes: expected between 0 and 1"),
        ([float("nan")], [0.5], {}, "outcomes: expected between 0 and 1"),
        ([0.0], [1.0], {"margin": 1.0}, "margin: expected at least 0"),
        ([0.0], [1.0], {"margin": -0.1}, "margin: expected at least 0"),
        ([0.0], [1.0], {"alpha": 0.0}, "alpha: expected between 0 and 1"),
    ],
)
def test_refuses_what_cannot_be_bet_on(
    control: list[float], treatment: list[float], settings: dict[str, float], says: str
) -> None:
    with pytest.raises(InvalidConfig, match=says):
        monitor(np.array(control), np.array(treatment), **{"margin": 0.1, **settings})


def test_the_bernstein_sequence_as_computed_by_hand() -> None:
    low, high = bernstein_sequence(np.array([1.0, 0.0]), low=0.0, high=1.0, alpha=0.05)
    # Both weights are cut to 1/2; means before are 1/2 and (1/2 + 1) / 2 = 3/4.
    psi = -math.log(0.5) - 0.5
    first, second = math.log(40) + 0.25 * psi, math.log(40) + (0.25 + 0.5625) * psi

    assert first / 0.5 > 1
    assert second / 1.0 > 0.5
    assert low.tolist() == [0.0, 0.0]
    assert high.tolist() == [1.0, 1.0]
    many = np.tile([1.0, 0.0], 2000)
    low, high = bernstein_sequence(many, low=0.0, high=1.0)
    again = slow_bernstein(many, 0.05)
    assert (low[-1], high[-1]) == (pytest.approx(again[0]), pytest.approx(again[1]))


def slow_bernstein(values: Floats, alpha: float) -> tuple[float, float]:
    """The recursion written out."""
    mean, variance, total, weighted, penalty = 0.5, 0.25, 0.0, 0.0, 0.0
    seen, squares, best = 0.5, 0.25, (0.0, 1.0)
    for i, x in enumerate(values, start=1):
        weight = min(math.sqrt(2 * math.log(2 / alpha) / (variance * i * math.log(i + 1))), 0.5)
        penalty += 4 * (x - mean) ** 2 * (-math.log(1 - weight) - weight) / 4
        total, weighted = total + weight, weighted + weight * x
        half = (math.log(2 / alpha) + penalty) / total
        best = max(best[0], weighted / total - half), min(best[1], weighted / total + half)
        seen += x
        mean = seen / (i + 1)
        squares += (x - mean) ** 2
        variance = squares / (i + 1)
    return best


def test_the_asymptotic_sequence_has_its_closed_form_and_is_tightest_where_asked() -> None:
    values = np.random.default_rng(1).normal(0.0, 2.0, 400)
    low, high = asymptotic_sequence(values, tightest_at=400, alpha=0.05)
    # u = ln(u + 1) - 2 ln 0.05 has the solution 8.21197; (u + 1) / u * (ln(u + 1) - 2 ln 0.05) = u + 1 = 9.21197.
    assert (high[-1] - low[-1]) / 2 == pytest.approx(values.std() * math.sqrt(9.21197 / 400), rel=1e-6)
    for other in (100, 1600):
        wide = asymptotic_sequence(values, tightest_at=other)
        assert wide[1][-1] - wide[0][-1] > high[-1] - low[-1]
    assert math.isinf(high[0])


def test_sequences_hold_at_all_times_where_intervals_do_not() -> None:
    rng = np.random.default_rng(2)
    trials, bernstein, asymptotic, fixed = 200, 0, 0, 0
    for _ in range(trials):
        values = rng.beta(2.0, 6.0, size=1000)
        low, high = bernstein_sequence(values, low=0.0, high=1.0)
        bernstein += bool(((low > 0.25) | (high < 0.25)).any())
        low, high = asymptotic_sequence(values, tightest_at=500)
        asymptotic += bool(((low > 0.25) | (high < 0.25))[100:].any())
        t = np.arange(1, 1001)
        mean = np.cumsum(values) / t
        fixed += bool((np.abs(mean - 0.25) > 1.96 * values.std() / np.sqrt(t))[100:].any())

    # Nominal 5 %, Monte-Carlo standard error 1.5 points.
    assert bernstein / trials <= 0.08
    assert asymptotic / trials <= 0.095
    assert fixed / trials > 0.2


def test_refuses_numbers_out_of_range() -> None:
    with pytest.raises(InvalidConfig, match="values: expected between 0"):
        bernstein_sequence(np.array([2.0]), low=0.0, high=1.0)
    with pytest.raises(InvalidConfig, match="expected numbers"):
        asymptotic_sequence(np.array([]), tightest_at=10)
    with pytest.raises(InvalidConfig, match="tightest_at: expected 1 or more"):
        asymptotic_sequence(np.array([1.0]), tightest_at=0)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, math.nan])
def test_refuses_a_sequence_at_no_level(alpha: float) -> None:
    with pytest.raises(InvalidConfig, match="alpha: expected between 0 and 1"):
        bernstein_sequence(np.array([0.5]), low=0.0, high=1.0, alpha=alpha)
    with pytest.raises(InvalidConfig, match="alpha: expected between 0 and 1"):
        asymptotic_sequence(np.array([0.5]), tightest_at=10, alpha=alpha)
