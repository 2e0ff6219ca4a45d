"""Sums by category are those of the whole table of shares."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import sparse

from audits.configuration import AuditConfig
from audits.evidence import ABSENT, evidence_from
from audits.exposure import labelled
from audits.labels import counts, labels_of, mass, row_sums
from audits.tables import AuditInput

Build = Callable[..., AuditInput]

CONFIG = AuditConfig(seed=1, model_digest="m", min_subjects=1)
# Items: all x; half y, half z; a quarter x, three quarters z; without any label.
SHARES = np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.25, 0.0, 0.75], [0.0, 0.0, 0.0]])


def test_labels_name_the_largest_share_first() -> None:
    found = labels_of(SHARES)

    assert found.shares.tolist() == [[1.0, 0.0], [0.5, 0.5], [0.75, 0.25], [0.0, 0.0]]
    assert found.categories[:3].tolist() == [[0, 1], [1, 2], [2, 0]]
    assert not found.whole
    assert labels_of(np.array([[1.0, 0.0], [0.0, 0.0]])).whole


def test_rows_weigh_what_their_entries_give_each_category() -> None:
    rows = sparse.csr_array(np.array([[2.0, 4.0, 0.0, 8.0], [0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 4.0, 0.0]]))

    assert mass(rows, labels_of(SHARES)).tolist() == [[2.0, 2.0, 2.0], [0.0, 0.0, 0.0], [1.0, 0.5, 3.5]]
    assert counts(rows, labels_of(SHARES)).tolist() == [[1.0, 0.5, 0.5], [0.0, 0.0, 0.0], [0.25, 0.5, 1.25]]
    assert row_sums(rows, rows.data).tolist() == [14.0, 0.0, 5.0]


def test_no_category_and_no_row_are_no_special_case() -> None:
    rows = sparse.csr_array(np.ones((2, 4)))

    assert mass(rows, labels_of(np.zeros((4, 0)))).shape == (2, 0)
    assert counts(sparse.csr_array((0, 4)), labels_of(SHARES)).shape == (0, 3)


@pytest.mark.parametrize("most", [1, 3])
def test_sums_are_those_of_the_product_to_the_last_bit_over_many_rows(most: int) -> None:
    rng = np.random.default_rng(most)
    shares = np.zeros((40, 7))
    for item in range(39):
        shares[item, rng.permutation(7)[: rng.integers(1, most + 1)]] = rng.random()
    rows = sparse.random_array((9_001, 40), density=0.1, rng=rng, format="csr")

    found = mass(rows, labels_of(shares))

    assert np.array_equal(found, rows @ shares)
    # Nobody's sums hang on who else is there.
    assert np.array_equal(mass(rows[5000:5003], labels_of(shares)), found[5000:5003])


def test_a_list_gives_each_category_the_same_at_whatever_ranks_its_items_stand(build: Build) -> None:
    genres = {"a": ["x", "y", "z"], "b": ["x", "y"], "c": ["x"], "d": ["x", "y", "z"], "e": ["z"]}
    lists = {"s": list("abcde"), "t": list("edcba"), "u": list("cad")}
    (each,) = labelled(evidence_from(build(lists, items=list("abcde"), genres=genres), CONFIG))

    assert each.slots[0].tolist() == each.slots[1].tolist()


def test_attention_stands_by_item_and_no_method_of_sparse_arrays_moves_it(build: Build) -> None:
    evidence = evidence_from(build({"s": list("cab"), "t": list("b")}, items=list("abcd")), CONFIG)
    weights = 1.0 / np.log2([2.0, 3.0, 4.0])
    indices, data = evidence.exposure.indices, evidence.exposure.data.copy()

    assert evidence.lists[1].tolist() == [1, ABSENT, ABSENT]
    assert indices.tolist() == [0, 1, 2, 1]
    assert data.tolist() == [weights[1], weights[2], weights[0], weights[0]]
    squares, signs = evidence.exposure.power(2), evidence.exposure.sign()
    assert squares.nnz == signs.nnz == 4
    assert evidence.exposure.indices is indices
    assert evidence.exposure.data.tolist() == data.tolist()
