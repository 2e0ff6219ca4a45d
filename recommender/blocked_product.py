"""Many sparse histories times one large dense matrix, so cut up that a processor's cache holds what is added to.

A sparse product adds a title's row of weights to the scores of everybody who watched it. The more subjects share a row
that was read from memory, the better, but 500 subjects' scores for 5,000 titles are 10 MB: between one title and the
next they leave the caches that are near. For 1,000 titles they are 2 MB. So weights are cut into blocks of columns,
each copied out once so that its rows stand side by side, and the product is made block by block.

Which numbers are added to a score, and in which order, is as in the whole product: it is the same to the last bit.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

WIDTH = 1000
"""Columns of a block. Half as many or twice as many make little difference; one block for all, a fifth."""


def blocks_of(matrix: np.ndarray) -> tuple[np.ndarray, ...]:
    """Columns in groups of at most ``WIDTH``, each contiguous: copies, but for a matrix that is one group itself."""
    return tuple(np.ascontiguousarray(matrix[:, start : start + WIDTH]) for start in range(0, matrix.shape[1], WIDTH))


def product(rows: csr_matrix, blocks: Sequence[np.ndarray]) -> np.ndarray:
    """``rows`` times the matrix that the blocks are of: float32, shape (n, columns).

    Args:
        rows: float32 in canonical form.
        blocks: float32.

    Guarantees:
        - every sum is made in the order of the row's columns, whatever other rows there are
    """
    # A column's weights are read from memory once for all rows that have it; one row has none to share with.
    shared = rows if rows.shape[0] == 1 else rows.tocsc()
    result = np.empty((rows.shape[0], sum(block.shape[1] for block in blocks)), dtype=np.float32)
    start = 0
    for block in blocks:
        result[:, start : start + block.shape[1]] = shared @ block
        start += block.shape[1]
    return result
