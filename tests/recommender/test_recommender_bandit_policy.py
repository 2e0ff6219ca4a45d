"""Propensities are true: what is logged is the probability with which a title was drawn."""

import numpy as np
import pytest
from scipy.stats import chisquare

from recommender.bandit.policy import (
    Belief,
    belief_from,
    contextual_features,
    eligible_rows,
    expected_rewards,
    explore,
    optimistic_rewards,
    thompson,
)
from recommender.errors import BadMechanism
from recommender.exploration import greedy, softmax, with_floor

BELIEF = Belief(np.array([0.4, 0.1]), np.diag([0.01, 0.09]))
FEATURES = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])


def test_optimism_adds_standard_deviations() -> None:
    assert expected_rewards(BELIEF, FEATURES) == pytest.approx([0.4, 0.1, 0.32])
    # φᵀΣφ of the last: 0.36·0.01 + 0.64·0.09 = 0.0612.
    assert optimistic_rewards(BELIEF, FEATURES, width=2.0) == pytest.approx([0.6, 0.7, 0.32 + 2 * 0.0612**0.5])


def test_thompson_prefers_a_title_as_often_as_it_is_believed_best() -> None:
    # Two independent beliefs: the second exceeds the first with probability Φ(-0.3/√0.1) = 0.1714.
    found = thompson(BELIEF, FEATURES[:2], draws=40_000, floor=0.0, rng=np.random.default_rng(1))

    assert found[1] == pytest.approx(0.1714, abs=0.006)


def test_a_belief_is_a_ridge_regression_that_leans_back_with_the_noise() -> None:
    exact = belief_from(np.diag([3.0, 1.0]), np.array([2.0, 1.0]), noise=0.0)
    noisy = belief_from(np.diag([3.0, 1.0]), np.array([2.0, 1.0]), noise=2**-0.5)  # the ridge is 1 + 2 · √½ · √2 = 3

    assert exact.mean == pytest.approx([0.5, 0.5])
    assert np.diag(exact.covariance) == pytest.approx([0.0625, 0.125])
    assert noisy.mean == pytest.approx([2 / 6, 1 / 4])


def test_features_say_what_a_title_is_and_whether_the_subject_likes_that() -> None:
    found = contextual_features(np.array([4.0, 2.0]), np.array([[1.0, 0.0], [3.0, 4.0], [0.0, 0.0]]))

    root = 2**-0.5
    assert found == pytest.approx(
        np.array([[root, 0, root, 0], [0.6 * root, 0.8 * root, 0.6 * root, 0.4 * root], [0, 0, 0, 0]])
    )
    assert contextual_features(np.zeros(2), np.eye(2))[:, 2:].tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("rule", ["softmax", "greedy", "thompson"])
def test_titles_are_drawn_with_the_logged_propensity_and_no_other(rule: str) -> None:
    rng = np.random.default_rng(3)
    values = expected_rewards(BELIEF, FEATURES)
    propensities = {
        "softmax": softmax(values, temperature=0.2, floor=0.05),
        "greedy": greedy(values, floor=0.1),
        "thompson": thompson(BELIEF, FEATURES, draws=200, floor=0.05, rng=rng),
    }[rule]
    shown = [explore(["a", "b"], ["x", "y", "z"], propensities, slot=1, rng=rng) for _ in range(4000)]
    found = np.array([sum(e.item == name for e in shown) for name in "xyz"])
    wrong = with_floor(propensities, 0.05)  # the floor applied twice

    assert chisquare(found, 4000 * propensities).pvalue > 0.01
    assert chisquare(found, 4000 * wrong).pvalue < 0.01
    assert all(e.propensity == e.propensities[e.candidates.index(e.item)] for e in shown)


def test_the_title_stands_in_its_slot_once_and_the_list_keeps_its_length() -> None:
    certain = np.array([0.0, 1.0])
    rng = np.random.default_rng(0)

    assert explore(list("abc"), ["x", "y"], certain, slot=1, rng=rng).items == ("a", "y", "b")
    assert explore(list("abc"), ["x", "c"], certain, slot=0, rng=rng).items == ("c", "a", "b")
    assert explore([], ["x", "y"], certain, slot=0, rng=rng).items == ("y",)


def test_neither_the_watched_nor_the_ineligible_are_candidates() -> None:
    assert eligible_rows(list("abcd"), eligible={"a", "b", "d"}, history={"b"}).tolist() == [0, 3]
    assert eligible_rows(list("abcd"), eligible=None, history={"b"}).tolist() == [0, 2, 3]


def test_refuses_what_cannot_be_drawn() -> None:
    rng = np.random.default_rng(0)

    with pytest.raises(BadMechanism, match="together they are 1"):
        explore(["a"], ["x", "y"], np.array([0.5, 0.6]), slot=0, rng=rng)
    with pytest.raises(BadMechanism, match="has no slot 1"):
        explore(["a"], ["x"], np.array([1.0]), slot=1, rng=rng)
