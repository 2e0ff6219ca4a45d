"""Limits kept while serving: against the dual optimum, whatever order subjects arrive in."""

from dataclasses import replace
from functools import lru_cache
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audits.errors import CorruptReport, InvalidConfig
from audits.mitigation.online import (
    CONTROLLERS,
    ServedExposure,
    Serving,
    correction_of,
    largest_violation,
    owed,
    penalty,
    serve_all,
    serve_next,
    shares_of,
)
from audits.mitigation.prices import PriceFit, fit_prices
from recommender.price_file import ControllerName

Floats = NDArray[np.float64]
NAMES = tuple(("genre", name) for name in "abcd")
WEIGHTS = 1.0 / np.log2(np.arange(2, 7))
NOTHING = np.zeros(4)


@lru_cache
def population() -> tuple[Floats, Floats, PriceFit]:
    """1,200 subjects whose lists would hardly show category d, and the offline optimum with limits around parity."""
    rng = np.random.default_rng(21)
    groups = np.eye(4)[np.repeat(np.arange(4), [40, 25, 20, 15])]
    scores = rng.uniform(size=(1200, 100)) + groups @ np.array([0.3, 0.1, 0.0, -0.1])
    target = groups.mean(axis=0)
    fit = fit_prices(scores, groups, NAMES, WEIGHTS, 0.9 * target, 1.1 * target)
    return scores, groups, fit


def serving(prices: Floats = NOTHING) -> Serving:
    _, groups, fit = population()
    lower, upper = np.array(fit.lower), np.array(fit.upper)
    return Serving(names=NAMES, groups=groups, weights=WEIGHTS, lower=lower, upper=upper, prices=prices)


def utility(scores: Floats, lists: NDArray[np.int64]) -> float:
    return float((np.take_along_axis(scores, lists, axis=1) @ WEIGHTS).mean() / WEIGHTS.sum())


def shuffled(seed: int) -> Floats:
    scores, _, _ = population()
    return scores[np.random.default_rng(seed).permutation(len(scores))]


def test_a_list_and_the_attention_it_gives_are_those_computed_by_hand() -> None:
    # Two categories, ranks of weight 2 and 1. Before: no correction, so items 0 and 1, both of a. Then b is owed half
    # of the one list served (3 of attention): 0.5 lists, at a gain of 0.4 a price of 0.2 for item 2.
    machine = Serving(
        names=(("genre", "a"), ("genre", "b")),
        groups=np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
        weights=np.array([2.0, 1.0]),
        lower=np.array([0.0, 0.5]),
        upper=np.array([1.0, 1.0]),
        prices=np.zeros(2),
    )
    scores = np.array([0.9, 0.8, 0.75])
    first, state = serve_next(machine, machine.start(), scores, owed(0.4))
    second, state = serve_next(machine, state, scores, owed(0.4))

    assert first.tolist() == [0, 1]
    assert second.tolist() == [2, 0]
    assert state == ServedExposure(lists=2, attention=(4.0, 2.0), categories=("genre=a", "genre=b"))


def test_what_is_owed_bounds_the_violation_by_a_constant_over_lists_served() -> None:
    machine, state = serving(), serving().start()
    violations = []
    for seed in range(4):
        _, state = serve_all(machine, state, shuffled(seed), owed(0.05))
        violations.append(largest_violation(machine, state) * state.lists)

    assert state.lists == 4800
    # In lists' worth of attention: what the lag of the controller needs, and no more with four times the lists.
    assert max(violations) < 15
    assert violations[3] < 1.5 * violations[0]


def test_without_correction_the_limits_are_missed_and_stay_missed() -> None:
    machine = serving()
    _, state = serve_all(machine, machine.start(), shuffled(0), owed(1e-9))

    assert largest_violation(machine, state) > 0.03


@pytest.mark.parametrize(
    ("correction", "slack"), [(owed(0.02), 0.004), (penalty(50.0), 0.008)], ids=["owed", "penalty"]
)
def test_online_serving_comes_to_the_utility_of_the_dual_optimum(correction: object, slack: float) -> None:
    _, _, fit = population()
    machine, state = serving(), serving().start()
    for seed in range(2):
        _, state = serve_all(machine, state, shuffled(seed), correction)  # type: ignore[arg-type]
    scores = shuffled(9)
    lists, state = serve_all(machine, state, scores, correction)  # type: ignore[arg-type]

    assert largest_violation(machine, state) < slack
    assert utility(scores, lists) == pytest.approx(fit.bound, rel=slack)
    assert utility(scores, lists) < fit.unconstrained_utility - 0.005


def test_prices_fitted_offline_leave_the_correction_little_to_do() -> None:
    _, _, fit = population()
    machine = serving(np.array(fit.prices))
    cold, state = serving().start(), machine.start()
    _, cold = serve_all(serving(), cold, shuffled(3)[:150], penalty(2.0))
    _, state = serve_all(machine, state, shuffled(3)[:150], penalty(2.0))

    assert largest_violation(machine, state) < 0.5 * largest_violation(machine, cold)


def test_frank_wolfe_maximises_the_penalised_objective_as_its_own_gap_proves() -> None:
    # The gap max over lists of <gradient, lists - average> bounds the distance to the optimum, however it was made.
    scores, groups, _ = population()
    machine, strength = serving(), 5.0

    def gap(lists: NDArray[np.int64], state: ServedExposure) -> float:
        prices = penalty(strength)(machine, state)
        best = np.argsort(-(scores + groups @ prices), axis=1)[:, :5]
        best_shares = np.einsum("r,urg->g", WEIGHTS, groups[best]) / (len(scores) * WEIGHTS.sum())
        return (
            utility(scores, best) - utility(scores, lists) + float((best_shares - shares_of(machine, state)) @ prices)
        )

    lists, state = serve_all(machine, machine.start(), scores, penalty(strength))
    _, wrong = serve_all(machine, machine.start(), scores, owed(1e-9))
    top = np.argsort(-scores, axis=1)[:, :5]

    assert -1e-9 <= gap(lists, state) < 0.004
    assert gap(top, wrong) > 0.02


@pytest.mark.parametrize("correction", [owed(0.02), penalty(20.0)], ids=["owed", "penalty"])
def test_no_place_in_the_order_of_arrival_pays_for_the_others(correction: object) -> None:
    _, _, fit = population()
    machine, by_place = serving(np.array(fit.prices)), np.zeros(4)
    for seed in range(6):
        scores = shuffled(100 + seed)
        lists, _ = serve_all(machine, machine.start(), scores, correction)  # type: ignore[arg-type]
        each = np.take_along_axis(scores, lists, axis=1) @ WEIGHTS / WEIGHTS.sum()
        by_place += each.reshape(4, 300).mean(axis=1) / 6
    # 1,800 subjects a quarter with a spread of 0.15 or so: a standard error of 0.004.
    assert np.ptp(by_place) < 0.015


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1199), st.integers(0, 3))
def test_serving_resumes_from_its_json_as_if_nothing_had_happened(cut: int, seed: int) -> None:
    machine, scores = serving(), shuffled(seed)[:200]
    cut %= 200
    whole, end = serve_all(machine, machine.start(), scores, owed(0.02))
    before, state = serve_all(machine, machine.start(), scores[:cut], owed(0.02))
    after, resumed = serve_all(machine, ServedExposure.from_json(state.to_json()), scores[cut:], owed(0.02))

    assert np.array_equal(np.concatenate([before, after]), whole)
    assert resumed == end


def test_a_state_goes_on_only_where_it_is_of_the_same_categories() -> None:
    machine, scores = serving(), shuffled(0)[:5]
    _, state = serve_all(machine, machine.start(), scores, owed(0.02))
    other = replace(machine, names=tuple(("genre", name) for name in "abdc"))
    fewer = replace(
        machine,
        names=NAMES[:2],
        groups=np.eye(2),
        weights=np.ones(1),
        lower=NOTHING[:2],
        upper=np.ones(2),
        prices=NOTHING[:2],
    )

    assert machine.resume(state.to_json()) == state
    for wrong in (other, fewer):
        with pytest.raises(InvalidConfig, match="got that of other categories"):
            wrong.resume(state.to_json())


def test_a_state_that_was_written_before_categories_were_named_goes_on() -> None:
    state = serving().resume(b'{"attention":[1.0,0.0,0.5,1.0],"lists":1}\n')

    assert (state.lists, state.categories) == (1, ("genre=a", "genre=b", "genre=c", "genre=d"))


def test_everybody_in_a_row_is_barred_from_what_they_must_not_get() -> None:
    machine, scores, told = serving(), shuffled(0)[:150], []
    excluded = np.zeros((150, 100), dtype=bool)
    excluded[::2, :60] = True
    lists, _ = serve_all(
        machine, machine.start(), scores, owed(0.1), excluded=excluded, progress=lambda *done: told.append(done)
    )

    assert lists[::2].min() >= 60
    assert lists[1::2].min() < 60
    assert told == [(0, 150), (100, 150)]


def test_controllers_are_found_by_the_names_that_price_files_have() -> None:
    assert tuple(name for name, _ in CONTROLLERS) == get_args(ControllerName)
    assert np.array_equal(
        correction_of("penalty", 3.0)(serving(), serving().start()), penalty(3.0)(serving(), serving().start())
    )
    with pytest.raises(InvalidConfig, match="expected one of owed, penalty, got none"):
        correction_of("none", 1.0)


def test_what_a_subject_must_not_get_is_not_served() -> None:
    machine = serving()
    excluded = np.zeros(100, dtype=bool)
    excluded[:60] = True
    items, _ = serve_next(machine, machine.start(), shuffled(0)[0], owed(0.1), excluded=excluded)

    assert items.min() >= 60


@pytest.mark.parametrize(
    ("unverified", "error"),
    [
        (b"", CorruptReport),
        (b"[]\n", CorruptReport),
        (b'{"attention":[1.0],"lists":1}', CorruptReport),
        (b'{"attention":[1.0],"lists":true}\n', CorruptReport),
        (b'{"attention":[1.0],"lists":1,"more":1}\n', CorruptReport),
        (b'{"attention":[-1.0],"lists":1}\n', InvalidConfig),
        (b'{"attention":[1.0],"lists":-1}\n', InvalidConfig),
        (b'{"attention":[NaN],"lists":1}\n', CorruptReport),
    ],
)
def test_a_state_that_no_serving_leads_to_is_refused(unverified: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        ServedExposure.from_json(unverified)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"lower": np.full(4, 0.9), "upper": np.full(4, 0.1)}, "floor <= ceiling"),
        ({"prices": np.full(4, np.nan)}, "finite prices"),
        ({"prices": np.zeros(3)}, "a price per category"),
        ({"weights": np.array([1.0, 2.0])}, "falls with rank"),
        ({"weights": np.ones(101)}, "as many items as ranks"),
        ({"groups": np.ones((100, 3))}, "category shares of 4 categories"),
    ],
)
def test_a_serving_that_does_not_fit_together_is_refused(changes: dict[str, Floats], says: str) -> None:
    _, groups, _ = population()
    parts = {
        "groups": groups,
        "weights": WEIGHTS,
        "lower": np.zeros(4),
        "upper": np.ones(4),
        "prices": np.zeros(4),
    }
    with pytest.raises(InvalidConfig, match=says):
        Serving(names=NAMES, **(parts | changes))


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_gain_that_corrects_nothing_or_without_bound_is_refused(value: float) -> None:
    for controller in (owed, penalty):
        with pytest.raises(InvalidConfig, match="positive number"):
            controller(value)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_refused_and_not_shown_first(wrong: float) -> None:
    machine, scores = serving(), shuffled(0)[0].copy()
    scores[17] = wrong
    with pytest.raises(InvalidConfig, match="expected finite scores"):
        serve_next(machine, machine.start(), scores, owed(0.1))


def test_where_too_few_items_are_left_nothing_that_is_excluded_fills_the_list() -> None:
    machine, excluded = serving(), np.ones(100, dtype=bool)
    excluded[:4] = False
    with pytest.raises(InvalidConfig, match="at least 5 items left to show, got 4"):
        serve_next(machine, machine.start(), shuffled(0)[0], owed(0.1), excluded=excluded)
    excluded[4] = False
    items, _ = serve_next(machine, machine.start(), shuffled(0)[0], owed(0.1), excluded=excluded)

    assert sorted(items.tolist()) == [0, 1, 2, 3, 4]


def test_a_state_of_longer_lists_does_not_go_on_with_shorter_ones() -> None:
    machine = serving()
    _, state = serve_all(machine, machine.start(), np.tile(machine.groups[:, 0] * 10.0, (3, 1)), owed(0.02))
    shorter = replace(machine, weights=machine.weights[:2])

    assert machine.resume(state.to_json()) == state
    with pytest.raises(InvalidConfig, match="expected at most"):
        shorter.resume(state.to_json())
