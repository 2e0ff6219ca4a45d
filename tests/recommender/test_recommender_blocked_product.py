"""That scores made in blocks of columns are those of the whole product, to the last bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from recommender.accounting import no_guarantee
from recommender.blocked_product import blocks_of, product
from recommender.linear_model import MANY, LinearModel

WIDTH = "recommender.blocked_product.WIDTH"


def test_a_product_of_blocks_is_the_product() -> None:
    rows = csr_matrix(np.array([[1, 0, 2], [0, 0, 0]], dtype=np.float32))
    matrix = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [10, 20, 30, 40]], dtype=np.float32)

    assert product(rows, (matrix[:, :3], matrix[:, 3:])).tolist() == [[21, 42, 63, 84], [0, 0, 0, 0]]


@given(columns=st.integers(0, 20), width=st.integers(1, 9))
def test_blocks_hold_every_column_once_and_side_by_side(columns: int, width: int) -> None:
    matrix = np.arange(3.0 * columns).reshape(3, columns)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(WIDTH, width)
        blocks = blocks_of(matrix)

    assert np.array_equal(np.concatenate([np.empty((3, 0)), *blocks], axis=1), matrix)
    assert all(block.flags.c_contiguous and 1 <= block.shape[1] <= width for block in blocks)


def test_a_matrix_of_one_block_is_not_copied() -> None:
    matrix = np.ones((3, 4), dtype=np.float32)

    assert np.shares_memory(blocks_of(matrix)[0], matrix)


@given(seed=st.integers(0, 2**32))
def test_scores_of_a_subject_are_the_same_bits_alone_among_few_and_among_many(seed: int) -> None:
    rng = np.random.default_rng(seed)
    held = csr_matrix((rng.random((MANY, 30)) < 0.3).astype(np.int8))
    model = LinearModel(
        kind="random",
        items=tuple(f"title-{number}" for number in range(30)),
        weights=rng.standard_normal((30, 30), dtype=np.float32),
        popularity=np.ones(30),
        history_weights=rng.uniform(0.5, 2.0, 30),
        release_digest="0" * 64,
        guarantee=no_guarantee("drawn"),
    )

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(WIDTH, 7)
        many = model.raw_scores(held)

    few = model.raw_scores(held[5:8])
    assert few.tobytes() == many[5:8].tobytes()
    assert b"".join(model.raw_scores(held[row]).tobytes() for row in range(MANY)) == many.tobytes()
