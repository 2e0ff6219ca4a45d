"""Chances are a distribution above the floor, the best before the rest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recommender.errors import BadMechanism, EmptyInteractions
from recommender.exploration import greedy, softmax, with_floor

scores = arrays(np.float64, st.integers(1, 8), elements=st.floats(-50, 50))


@given(scores, st.floats(0.01, 10), st.floats(0, 1))
def test_every_candidate_has_at_least_the_floor_and_all_sum_to_one(
    values: np.ndarray, temperature: float, part: float
) -> None:
    floor = part / len(values)

    for found in (softmax(values, temperature=temperature, floor=floor), greedy(values, floor=floor)):
        assert found.sum() == pytest.approx(1)
        assert (found >= floor).all()


def test_probabilities_follow_the_formula() -> None:
    assert greedy(np.array([1.0, 3.0, 2.0, 3.0]), floor=0.1) == pytest.approx([0.1, 0.4, 0.1, 0.4])
    assert softmax(np.log([1.0, 3.0]), temperature=1.0, floor=0.1) == pytest.approx([0.3, 0.7])
    assert softmax(np.log([1.0, 3.0]), temperature=0.5, floor=0.0) == pytest.approx([0.1, 0.9])


def test_a_score_far_below_the_best_has_the_floor_and_no_more() -> None:
    assert softmax(np.array([0.0, -1e300]), temperature=1e-3, floor=0.1).tolist() == [0.9, 0.1]


def test_refuses_chances_that_cannot_be() -> None:
    nobody = np.array([])

    with pytest.raises(EmptyInteractions, match="nothing is eligible"):
        greedy(nobody, floor=0.1)
    with pytest.raises(EmptyInteractions, match="nothing is eligible"):
        softmax(nobody, temperature=1.0, floor=0.1)
    with pytest.raises(BadMechanism, match=r"4 candidates cannot each have a propensity of 0\.3"):
        with_floor(np.full(4, 0.25), 0.3)
    with pytest.raises(BadMechanism, match="temperature is positive"):
        softmax(np.zeros(2), temperature=0.0, floor=0.0)
