"""Prices against the full linear programme, and their certificate."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from audits.categories import categories_of
from audits.errors import InfeasibleLimits, InvalidConfig, PriceAtBox
from audits.mitigation.prices import PriceFit, fit_prices, serve
from audits.tables import Membership

Floats = NDArray[np.float64]
NAMES4 = tuple(("genre", name) for name in "abcd")


def weights(k: int) -> Floats:
    return 1.0 / np.log2(np.arange(2, k + 2))


def one_of(rng: np.random.Generator, items: int, categories: int) -> Floats:
    chosen = rng.choice(categories, size=items, p=np.arange(categories, 0, -1) / np.arange(1, categories + 1).sum())
    chosen[:categories] = np.arange(categories)
    return np.eye(categories)[chosen]


def full_programme(scores: Floats, groups: Floats, w: Floats, lower: Floats, upper: Floats) -> tuple[float, Floats]:
    """Best utility over all random lists, by the primal with every x[u, i, r], and the shares there."""
    n, m, k = *scores.shape, w.size
    total = n * w.sum()
    index = np.arange(n * m * k).reshape(n, m, k)
    slots, once = np.zeros((n * k, n * m * k)), np.zeros((n * m, n * m * k))
    for u in range(n):
        for r in range(k):
            slots[u * k + r, index[u, :, r]] = 1.0
        for i in range(m):
            once[u * m + i, index[u, i, :]] = 1.0
    share = (
        (np.broadcast_to(groups[None, :, None, :] * w[None, None, :, None], (n, m, k, groups.shape[1])) / total)
        .reshape(-1, groups.shape[1])
        .T
    )
    found = linprog(
        -(scores[:, :, None] * w / total).ravel(),
        A_ub=np.vstack([once, share, -share]),
        b_ub=np.r_[np.ones(n * m), upper, -lower],
        A_eq=slots,
        b_eq=np.ones(n * k),
        bounds=(0, 1),
        method="highs",
    )
    assert found.status == 0
    return -found.fun, share @ found.x


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_bound_meets_the_full_linear_programme(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, groups, w = rng.uniform(size=(8, 12)), one_of(rng, 12, 4), weights(3)
    lower, upper = groups.mean(axis=0) * 0.95, groups.mean(axis=0) * 1.05
    fit = fit_prices(scores, groups, NAMES4, w, lower, upper, tolerance=1e-9, max_evaluations=500)
    optimum, _ = full_programme(scores, groups, w, lower, upper)

    assert fit.converged
    assert fit.bound == pytest.approx(optimum, abs=1e-6)
    assert fit.relaxed_utility == pytest.approx(optimum, abs=1e-6)
    assert fit.bound < fit.unconstrained_utility


def mixed(fit: PriceFit, scores: Floats, groups: Floats, w: Floats) -> tuple[float, Floats]:
    """Utility and shares of serving each part with its probability."""
    total = scores.shape[0] * w.sum()
    utility, shares = 0.0, np.zeros(groups.shape[1])
    for part in fit.mixture:
        lists = serve(scores, groups @ np.array(part.prices), w.size)
        utility += part.weight * float((np.take_along_axis(scores, lists, axis=1) * w).sum() / total)
        shares += part.weight * np.einsum("r,urg->g", w, groups[lists]) / total
    return utility, shares


def test_serving_the_mixture_meets_every_limit_at_the_optimal_utility() -> None:
    rng = np.random.default_rng(5)
    scores, groups, w = rng.uniform(size=(60, 60)), one_of(rng, 60, 4), weights(5)
    lower, upper = groups.mean(axis=0) * 0.95, groups.mean(axis=0) * 1.05
    fit = fit_prices(scores, groups, NAMES4, w, lower, upper, tolerance=1e-7, max_evaluations=500)
    utility, shares = mixed(fit, scores, groups, w)

    assert sum(part.weight for part in fit.mixture) == pytest.approx(1.0)
    assert (shares >= lower - 1e-7).all()
    assert (shares <= upper + 1e-7).all()
    assert utility == pytest.approx(fit.bound, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.floats(-2, 2), min_size=4, max_size=4))
def test_no_prices_serve_lists_within_the_limits_that_beat_the_bound(seed: int, prices: list[float]) -> None:
    rng = np.random.default_rng(seed)
    scores, groups, w = rng.uniform(size=(15, 20)), one_of(rng, 20, 4), weights(4)
    lists = serve(scores, groups @ np.array(prices), 4)
    total = 15 * w.sum()
    shares = np.einsum("r,urg->g", w, groups[lists]) / total
    utility = float((np.take_along_axis(scores, lists, axis=1) * w).sum() / total)
    # Limits around what these lists give: they are within them, so the bound must lie above.
    lower, upper = np.maximum(shares - 0.02, 0), np.minimum(shares + 0.02, 1)
    fit = fit_prices(scores, groups, NAMES4, w, lower, upper, tolerance=1e-3, max_evaluations=40, box=50.0)

    assert fit.bound >= utility - 1e-9


def test_plain_serving_meets_the_limits_when_subjects_are_many_and_says_by_how_much_not() -> None:
    rng = np.random.default_rng(7)
    groups, w = one_of(rng, 300, 4), weights(10)
    appeal = rng.uniform(size=300) + groups @ np.array([0.4, 0.0, -0.2, -0.4])
    scores = (0.5 * rng.uniform(size=(1500, 300)) + appeal).astype(np.float32)
    target = groups.mean(axis=0)
    fit = fit_prices(scores, groups, NAMES4, w, 0.9 * target, np.ones(4))
    lists = serve(scores, fit.item_prices(groups), 10)
    shares = np.einsum("r,urg->g", w, groups[lists]) / (1500 * w.sum())
    before = np.einsum("r,urg->g", w, groups[serve(scores, np.zeros(300), 10)]) / (1500 * w.sum())

    assert before[3] < 0.1 * target[3]
    assert shares == pytest.approx(fit.shares, abs=1e-9)
    assert (shares >= 0.9 * target - 0.002).all()
    assert fit.largest_violation == pytest.approx(max(0.0, float((0.9 * target - shares).max())), abs=1e-12)
    assert abs(fit.gap) < 1e-3
    assert fit.price_of()["genre", "d"] > 0
    assert fit.price_of()["genre", "a"] == 0


def test_several_attributes_are_priced_together() -> None:
    rng = np.random.default_rng(8)
    groups = np.hstack([one_of(rng, 200, 4), one_of(rng, 200, 2)])
    names = (*NAMES4, ("origin", "eu"), ("origin", "us"))
    scores = rng.uniform(size=(400, 200)) - 0.5 * groups[:, 5] * rng.uniform(size=(400, 1)) - 0.5 * groups[:, 3]
    target = groups.mean(axis=0)
    fit = fit_prices(scores, groups, names, weights(10), 0.9 * target, np.ones(6))

    assert fit.converged
    assert fit.largest_violation < 0.01
    assert fit.price_of()["origin", "us"] > 0
    assert fit.price_of()["genre", "d"] > 0


def test_limits_that_pin_every_share_are_met_with_one_category_as_zero() -> None:
    rng = np.random.default_rng(9)
    groups = one_of(rng, 120, 4)
    scores = rng.uniform(size=(500, 120)) - 0.3 * groups[:, 3]
    target = groups.mean(axis=0)
    fit = fit_prices(scores, groups, NAMES4, weights(10), target, target)

    assert fit.price_of()["genre", "a"] == 0.0
    assert np.array(fit.shares) == pytest.approx(target, abs=0.01)


def test_category_columns_follow_the_order_of_the_items_and_leave_other_items_out() -> None:
    rows = [
        ("c", "genre", "doc"),
        ("a", "genre", "doc"),
        ("a", "genre", "war"),
        ("z", "genre", "noir"),
        ("b", "origin", "eu"),
    ]
    table = pa.table(
        {name: [row[index] for row in rows] for index, name in enumerate(("item", "attribute", "category"))}
    )
    found = categories_of(Membership(table), ["b", "a", "c"], ["genre", "origin"])

    assert found.names == (
        ("genre", "doc"),
        ("genre", "war"),
        ("genre", "unknown"),
        ("origin", "eu"),
        ("origin", "unknown"),
    )
    assert found.groups.tolist() == [[0, 0, 1, 1, 0], [0.5, 0.5, 0, 0, 1], [1, 0, 0, 0, 1]]
    assert found.catalogue_shares == pytest.approx([1 / 2, 1 / 6, 1 / 3, 1 / 3, 2 / 3])


def test_excluded_items_are_never_served() -> None:
    rng = np.random.default_rng(10)
    scores, excluded = rng.uniform(size=(300, 40)), rng.random((300, 40)) < 0.5
    lists = serve(scores, np.zeros(40), 5, excluded)

    assert not np.take_along_axis(excluded, lists, axis=1).any()
    left = np.where(excluded, -np.inf, scores)
    assert (np.take_along_axis(left, lists, axis=1) == -np.sort(-left, axis=1)[:, :5]).all()


def prices_for(**changes: Any) -> PriceFit:  # noqa: ANN401 - any part of the problem
    rng = np.random.default_rng(11)
    problem = {
        "scores": rng.uniform(size=(30, 20)),
        "groups": one_of(rng, 20, 4),
        "names": NAMES4,
        "attention": weights(5),
        "lower": np.zeros(4),
        "upper": np.ones(4),
    }
    return fit_prices(**(problem | changes))


def test_without_binding_limits_all_prices_are_zero() -> None:
    fit = prices_for()

    assert fit.prices == (0.0, 0.0, 0.0, 0.0)
    assert fit.bound == fit.utility == fit.unconstrained_utility
    assert fit.largest_violation == 0.0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"lower": np.array([0.5, 0.5, 0.2, 0.0])}, "floors that sum to at most 1"),
        ({"upper": np.array([0.2, 0.2, 0.2, 0.2])}, "ceilings to at least 1"),
        ({"lower": np.array([0.5, 0, 0, 0]), "upper": np.array([0.4, 1, 1, 1])}, "0 <= floor <= ceiling <= 1"),
    ],
)
def test_limits_that_contradict_each_other_are_refused(changes: dict[str, Floats], says: str) -> None:
    with pytest.raises(InfeasibleLimits, match=says):
        prices_for(**changes)


def test_a_floor_that_no_list_reaches_is_refused_with_what_could_be_reached() -> None:
    groups = np.zeros((20, 4))
    groups[0, 3] = groups[1:, 0] = 1.0
    lower = np.array([0.0, 0.0, 0.0, 0.5])
    with pytest.raises(InfeasibleLimits, match=r"genre d: expected a floor of at most 0\.3392"):
        prices_for(groups=groups, lower=lower)
    excluded = np.zeros((30, 20), dtype=bool)
    excluded[:15, 0] = True
    with pytest.raises(InfeasibleLimits, match=r"genre d: expected a floor of at most 0\.1696"):
        prices_for(groups=groups, lower=lower, excluded=excluded)


def test_floors_that_cannot_be_met_together_end_with_the_prices_at_their_bound() -> None:
    # Every European title is a drama: half Europe and no more than a tenth drama is impossible.
    groups = np.zeros((20, 4))
    groups[:10, 0] = groups[10:, 1] = 1.0
    groups[:10, 2] = groups[10:, 3] = 1.0
    names = (("genre", "drama"), ("genre", "other"), ("origin", "eu"), ("origin", "us"))
    with pytest.raises(PriceAtBox, match="cannot be met together"):
        prices_for(groups=groups, names=names, lower=np.array([0, 0, 0.5, 0]), upper=np.array([0.1, 1, 1, 1]))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"scores": np.full((30, 20), np.nan)}, "finite scores"),
        ({"groups": np.ones((19, 4))}, "category shares of shape"),
        ({"attention": np.array([0.5, 1.0])}, "attention that falls with rank"),
        ({"names": (("genre", "a"),) * 4}, "distinct category names"),
        ({"excluded": np.ones((30, 20), dtype=bool)}, "at least k items left"),
    ],
)
def test_a_problem_that_does_not_fit_together_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidConfig, match=says):
        prices_for(**changes)
