"""Metrics of the protocol, computed by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from benchmarks.protocol.ranking import hits, listed, ndcg, recall


def test_a_list_has_the_best_items_outside_the_history() -> None:
    shown = csr_matrix([[1, 0, 0, 0]])

    assert listed(np.array([[0.9, 0.6, 0.8, 0.7]]), shown, 2).tolist() == [[2, 3]]


def test_a_place_that_nothing_can_fill_is_no_hit() -> None:
    shown = csr_matrix([[0, 0, 1]])
    lists = listed(np.array([[-np.inf, 0.5, 0.9]]), shown, 4)

    assert lists.tolist() == [[1, -1, -1, -1]]
    assert hits(lists, csr_matrix([[1, 1, 0]])).tolist() == [[1, 0, 0, 0]]


def test_recall_divides_by_the_targets_where_they_are_few_and_by_the_places_where_they_are_many() -> None:
    lists = np.array([[1, 2, 3]])

    assert recall(lists, csr_matrix([[0, 1, 0, 1, 0]]), 2).tolist() == [0.5]
    assert recall(lists, csr_matrix([[1, 1, 1, 1, 1]]), 2).tolist() == [1.0]


def test_ndcg_discounts_by_the_logarithm_of_the_rank() -> None:
    lists = np.array([[1, 2, 3]])

    # Hits at ranks 1 and 3: 1 + 1/log2(4) = 1.5; the best would be 1 + 1/log2(3) = 1.6309298.
    assert ndcg(lists, csr_matrix([[0, 1, 0, 1]])).tolist() == pytest.approx([0.9197208])


@given(st.integers(0, 2**32 - 1))
def test_a_perfect_order_has_everything(seed: int) -> None:
    rng = np.random.default_rng(seed)
    wanted = rng.random((4, 40)) < 0.3
    wanted[:, 0] = True
    targets = csr_matrix(wanted.astype(np.int8))
    lists = listed(wanted + rng.random(wanted.shape) / 2, csr_matrix(wanted.shape), 40)

    assert recall(lists, targets).tolist() == [1.0] * 4
    assert ndcg(lists, targets).tolist() == pytest.approx([1.0] * 4)
