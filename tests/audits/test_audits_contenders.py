"""The items that can enter a list stand for the whole catalogue: against every list made by sorting everything."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audits.mitigation.contenders import contenders_of, top
from audits.mitigation.prices import fit_prices
from audits.mitigation.problem import Problem, _reached

Floats = NDArray[np.float64]
W = 1.0 / np.log2(np.arange(2, 6))


def problem(seed: int, *, soft: bool, masked: bool, precision: Any = np.float64) -> Problem:  # noqa: ANN401 - a dtype
    rng = np.random.default_rng(seed)
    groups = rng.dirichlet(np.ones(3), 60) if soft else np.eye(3)[rng.integers(0, 3, 60)]
    if soft:
        groups[:40] = groups[rng.integers(0, 4, 40)]
    excluded = rng.random((12, 60)) < 0.5 if masked else None
    return Problem(
        scores=rng.uniform(-1, 1, size=(12, 60)).astype(precision),
        groups=groups,
        names=tuple(("genre", name) for name in "abc"),
        weights=W,
        lower=np.zeros(3),
        upper=np.ones(3),
        excluded=excluded,
    )


def by_sorting(given_problem: Problem, prices: Floats) -> tuple[float, Floats]:
    """Utility and shares of the best lists, every list sorted whole in double precision."""
    scores = given_problem.scores.astype(np.float64)
    priced = scores + given_problem.groups @ prices
    if given_problem.excluded is not None:
        priced[given_problem.excluded] = -np.inf
    lists = np.argsort(-priced, axis=1)[:, :4]
    total = 12 * W.sum()
    utility = float((np.take_along_axis(scores, lists, axis=1) * W).sum() / total)
    return utility, np.einsum("r,urg->g", W, given_problem.groups[lists]) / total


prices3 = st.lists(st.floats(-2, 2), min_size=3, max_size=3).map(np.array)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 1000), st.tuples(st.booleans(), st.booleans()), prices3)
def test_lists_of_contenders_are_as_good_as_lists_of_everything(
    seed: int, shape: tuple[bool, bool], prices: Floats
) -> None:
    whole = problem(seed, soft=shape[0], masked=shape[1])
    found = contenders_of(whole).respond(prices)
    utility, shares = by_sorting(whole, prices)

    assert found.utility + found.shares @ prices == pytest.approx(utility + shares @ prices, abs=1e-12)
    assert found.value == pytest.approx(utility + shares @ prices, abs=1e-12)
    assert found.shares.sum() == pytest.approx(1.0)


def test_few_contenders_stand_for_many_items_of_few_kinds() -> None:
    assert contenders_of(problem(1, soft=False, masked=False)).scores.shape == (12, 12)
    assert contenders_of(problem(1, soft=False, masked=True)).scores.shape == (12, 12)
    assert contenders_of(problem(1, soft=True, masked=False)).scores.shape[1] <= 60


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1000), st.floats(-3, 3), st.floats(0, 6))
def test_single_precision_never_hides_a_better_list(seed: int, price: float, magnitude: float) -> None:
    # Scores so close together that single precision mixes their order up once a price is added.
    rng = np.random.default_rng(seed)
    scores = (1.0 + 1e-7 * rng.integers(0, 4, size=(5, 8))).astype(np.float32)
    prices = np.array([price * 10.0**-magnitude, price])
    whole = Problem(
        scores=scores,
        groups=np.eye(2)[rng.permutation([0, 1] * 4)],
        names=(("genre", "a"), ("genre", "b")),
        weights=W,
        lower=np.zeros(2),
        upper=np.ones(2),
        excluded=None,
    )
    exact = np.sort(scores.astype(np.float64) + whole.groups @ prices, axis=1)[:, :-5:-1]

    assert contenders_of(whole).respond(prices).value >= (exact @ W).mean() / W.sum() - 1e-15


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 0.9))
def test_the_most_that_a_category_can_be_given_is_that_of_lists_that_favour_it_above_all(
    seed: int, barred: float
) -> None:
    rng = np.random.default_rng(seed)
    column, excluded = rng.uniform(size=80), rng.random((9, 80)) < barred
    excluded[:, :4] = False
    best = [np.sort(column[~row])[::-1][:4] @ W for row in excluded]

    assert _reached(excluded, column, W) == pytest.approx(np.array(best))


def test_the_largest_come_first() -> None:
    assert top(np.array([[3.0, 9.0, -np.inf, 5.0], [0.0, 1.0, 2.0, 3.0]]), 2).tolist() == [[1, 3], [3, 2]]


def test_a_fit_on_soft_memberships_with_exclusions_is_bounded_by_its_own_bound() -> None:
    whole = problem(5, soft=True, masked=True)
    start = by_sorting(whole, np.zeros(3))[1]
    lower = np.where(np.arange(3) == start.argmin(), start + 0.03, 0.0)
    fit = fit_prices(whole.scores, whole.groups, whole.names, W, lower, np.ones(3), excluded=whole.excluded)
    utility, shares = by_sorting(whole, np.array(fit.prices))

    assert fit.converged
    assert (fit.utility, fit.shares) == (pytest.approx(utility), pytest.approx(shares))
    assert fit.relaxed_utility <= fit.bound <= fit.unconstrained_utility


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_plain_serving_of_many_subjects_meets_exact_shares_to_half_a_percent_of_each(precision: Any) -> None:  # noqa: ANN401
    rng = np.random.default_rng(6)
    groups = np.eye(5)[np.repeat(np.arange(5), [60, 30, 20, 8, 2])]
    logit = rng.normal(0, 0.7, (1500, 120)) - 0.25 * groups @ np.arange(5)
    scores = (1 / (1 + np.exp(-logit))).astype(precision)
    target = groups.mean(axis=0)
    names = [("genre", name) for name in "abcde"]
    fit = fit_prices(scores, groups, names, 1.0 / np.log2(np.arange(2, 12)), target, target)
    ratio = np.array(fit.shares) / target

    assert ratio.min() / ratio.max() > 0.99
    assert abs(fit.gap) < 1e-4
    assert fit.evaluations < 80
