"""Numbers crossed with groups are the table that they stand for, without its zeros."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from audits.channels import Crossed, crossed, divisions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def crossed_by(values: Floats, ways: list[Ints]) -> Crossed:
    return crossed(values, divisions(ways, [int(each.max()) + 1 for each in ways], values.shape[0]))


@st.composite
def crossings(draw: st.DrawFn) -> tuple[Floats, list[Ints]]:
    n, seed = draw(st.integers(1, 40)), draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    ways = [rng.integers(-1, size, size=n) for size in draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))]
    # Somebody is in the last group, so that the number of groups follows from the codes.
    for way in ways:
        way[rng.integers(n)] = max(int(way.max()), 0)
    return rng.integers(-3, 4, size=(n, draw(st.integers(1, 3)))).astype(np.float64), ways


def by_hand(values: Floats, ways: list[Ints]) -> Floats:
    members = [(way == group).astype(np.float64) for way in ways for group in range(int(way.max()) + 1)]
    return np.stack([column * member for column in values.T for member in members], axis=1)


def test_two_numbers_crossed_with_two_groups_are_four_columns() -> None:
    found = crossed_by(np.array([[5.0, 1.0], [7.0, 1.0], [9.0, 0.0]]), [np.array([1, 0, 1])])

    assert found.dense().tolist() == [[0.0, 5.0, 0.0, 1.0], [7.0, 0.0, 1.0, 0.0], [0.0, 9.0, 0.0, 0.0]]
    assert found.sums().tolist() == [7.0, 14.0, 1.0, 1.0]


@given(crossings())
def test_numbers_crossed_with_groups_are_the_table_that_they_stand_for(case: tuple[Floats, list[Ints]]) -> None:
    values, ways = case
    found, table = crossed_by(values, ways), by_hand(values, ways)
    slopes = np.arange(table.shape[1] * 2, dtype=np.float64).reshape(-1, 2) % 3
    offset = np.array([2.0, -1.0])
    squares = np.zeros(2)
    for which, change in found.changes(slopes, offset):
        squares[which] += (change**2).sum(axis=1)

    assert found.dense().tolist() == table.tolist()
    assert found.sums().tolist() == table.sum(axis=0).tolist()
    assert squares.tolist() == ((table @ slopes - offset) ** 2).sum(axis=0).tolist()
