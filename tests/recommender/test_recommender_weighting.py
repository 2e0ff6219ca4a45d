"""How much an interaction counts, and that one subject's weights are nobody else's business."""

import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.context import DAY_SECONDS
from recommender.errors import BadInteractions, BadMechanism
from recommender.fixed_point import unit_rows
from recommender.interactions import Interactions, capped, digest_of, interactions_from
from recommender.weighting import Weighting

RULE = Weighting(completion_floor=0.2, half_life_days=90, recency_floor=0.25, rating_floor=0.5)


def _importance(rule: Weighting, completion: float, age_days: float, stars: float) -> float:
    places = (np.array([completion]), np.array([age_days * DAY_SECONDS]), np.array([stars]))
    found = rule.importance(completion=places[0], ages_s=places[1], stars=places[2])
    return float(found[0])


def test_the_rule_by_hand() -> None:
    # 0.2 + 0.8 · ½ for the half that was watched, ½ for one half-life, 0.5 + 0.5 · 4/5 for four stars.
    assert _importance(RULE, 0.5, 90, 4.0) == pytest.approx(0.6 * 0.5 * 0.9, abs=2**-16)


@pytest.mark.parametrize(
    ("completion", "age_days", "stars", "expected"),
    [
        (math.nan, 0, math.nan, 1.0),
        (1.0, -5, 5.0, 1.0),
        (3.0, 0, 9.0, 1.0),
        (0.0, 0, math.nan, 0.2),
        (math.nan, 10_000, math.nan, 0.25),
        (math.nan, 0, 0.0, 0.5),
    ],
)
def test_unknown_counts_full_and_every_factor_stops_at_its_floor(
    completion: float, age_days: float, stars: float, expected: float
) -> None:
    assert _importance(RULE, completion, age_days, stars) == pytest.approx(expected, abs=2**-16)


@given(st.floats(-1, 2), st.floats(-1e4, 1e7), st.floats(-5, 10), st.floats(2**-16, 1), st.floats(0.01, 1e4))
def test_importance_is_positive_and_at_most_one(
    completion: float, age: float, stars: float, floor: float, half_life: float
) -> None:
    rule = Weighting(completion_floor=floor, half_life_days=half_life, recency_floor=floor, rating_floor=floor)

    assert 0 < _importance(rule, completion, age, stars) <= 1


def test_the_default_rule_is_no_rule() -> None:
    assert Weighting().neutral
    assert not RULE.neutral
    assert _importance(Weighting(), 0.1, 1000, 1.0) == 1.0


@pytest.mark.parametrize(
    "wrong", [{"completion_floor": 0.0}, {"recency_floor": 1.1}, {"rating_floor": -1.0}, {"half_life_days": 0.0}]
)
def test_refuses_a_rule_under_which_something_would_count_nothing_or_more_than_once(wrong: dict[str, float]) -> None:
    with pytest.raises(BadMechanism):
        Weighting(**wrong)  # type: ignore[arg-type]


def _table() -> pa.Table:
    return pa.table({
        "subject": ["b", "a", "b", "b"],
        "item": ["z", "x", "z", "x"],
        "time": [30, 20, 10, 40],
        "importance": [0.25, 1.0, 0.5, 0.125],
    })  # fmt: skip


def test_reads_the_latest_time_and_the_largest_importance_of_each_pair() -> None:
    read = interactions_from(_table(), ("z", "y", "x"))

    assert read.times is not None
    assert read.times.tolist() == [20, 30, 40]  # a·x, b·z, b·x
    assert read.importance is not None
    assert read.importance.tolist() == [1.0, 0.5, 0.125]


def test_what_stands_beside_interactions_moves_with_them() -> None:
    moved = interactions_from(_table(), ("z", "y", "x")).on_items(("x", "z")).rows(np.array([1, 0]))

    assert moved.subjects == ("b", "a")
    assert (moved.times.tolist(), moved.importance.tolist()) == ([40, 30, 20], [0.125, 0.5, 1.0])  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "wrong",
    [
        {"times": np.zeros(2, np.int64)},
        {"times": np.zeros(3)},
        {"importance": np.array([1.0, 0.5, 0.0])},
        {"importance": np.array([1.0, 0.5, 1e-162])},
        {"importance": np.array([1.0, 0.5, 1.5])},
        {"utc_offsets": np.zeros(3, np.int64)},
    ],
)
def test_refuses_what_does_not_fit_beside_the_matrix(wrong: dict[str, np.ndarray]) -> None:
    with pytest.raises(BadInteractions):
        replace(interactions_from(_table(), ("z", "y", "x")), **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("column", [pa.array([1, 2, None, 4]), pa.array(["1", "x", "2", "3"])])
def test_refuses_times_that_are_none(column: pa.Array) -> None:
    table = _table().set_column(2, "time", column)

    with pytest.raises(BadInteractions, match="interactions need a column time"):
        interactions_from(table, ("z", "y", "x"))


def test_a_weighted_history_has_norm_one_and_its_own_proportions() -> None:
    read = interactions_from(_table(), ("z", "y", "x"))

    rows = unit_rows(read.matrix, np.array([1.0, 1.0, 2.0]), bits=16, importance=read.importance).toarray() / 2**16

    # b: 0.5 · 1 for z and 0.125 · 2 for x.
    assert rows[1] == pytest.approx(np.array([0.5, 0, 0.25]) / np.hypot(0.5, 0.25), abs=1e-4)
    assert rows[0] == pytest.approx([0, 0, 1], abs=1e-4)


def test_a_long_weighted_history_keeps_what_counts_most_whoever_else_is_there(population: Interactions) -> None:
    rng = np.random.default_rng(3)
    weighted = replace(population, importance=rng.choice([0.25, 0.5, 1.0], population.matrix.nnz))
    together = capped(weighted, 3)

    for row in (0, 17, 599):
        alone = weighted.rows(np.array([row]))
        cut = capped(alone, 3)
        assert alone.importance is not None
        assert cut.importance is not None
        assert sorted(cut.importance) == sorted(alone.importance)[-3:]
        assert (cut.matrix != together.matrix[row]).nnz == 0


def test_the_digest_sees_times_and_importance_and_no_order(population: Interactions) -> None:
    rng = np.random.default_rng(4)
    times = rng.integers(0, 1000, population.matrix.nnz)
    timed = replace(population, times=times)
    other = replace(population, times=times + 1)
    turned = timed.rows(rng.permutation(len(population.subjects))).on_items(tuple(reversed(population.items)))

    assert digest_of(turned) == digest_of(timed)
    assert len({digest_of(timed), digest_of(other), digest_of(population)}) == 3
