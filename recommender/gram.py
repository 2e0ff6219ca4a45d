"""The exact sum of outer products, by dense matrix products in float64. The only module here that imports torch.

Why floating point is exact here: every row holds non-negative integers with Σ x_i² ≤ 4^b, so every product x_i x_j is
at most 4^b and every partial sum over at most c rows, in any order and with or without fused multiply-add, is an
integer of at most c · 4^b. While that does not exceed 2^53 each such integer is a float64 and nothing is ever
rounded. Chunks are cut to keep to it, and their sums are added up in int64, which holds 2^63 / 4^b subjects.
"""

from collections.abc import Callable

import numpy as np
import torch
from scipy.sparse import csr_matrix

from recommender.errors import BadMechanism
from recommender.mechanism import Performance

Progress = Callable[[int, int], None]


def exact_gram(
    rows: csr_matrix, *, bits: int, performance: Performance, progress: Progress | None = None
) -> np.ndarray:
    """Σ_u x_u x_uᵀ: int64, shape (items, items), in units of 4^-bits.

    Args:
        rows: non-negative integers, Σ x² ≤ 4^bits in each row (``fixed_point.unit_rows``).
        bits: the grid of the rows.
        performance: cannot change the result, not even in the last bit.
        progress: told (subjects done, subjects in all) after each chunk.

    Raises:
        BadMechanism: more subjects than 64 bits hold.
    """
    count, width = rows.shape
    if count > (2**62 >> (2 * bits)):
        msg = f"a Gram matrix of {count} subjects at {bits} bits could overflow 64 bits: lower gram_bits"
        raise BadMechanism(msg)
    chunk = min(performance.chunk_rows, 2**53 >> (2 * bits))
    total = torch.zeros((width, width), dtype=torch.int64)
    threads_before = torch.get_num_threads()
    torch.set_num_threads(performance.threads)
    try:
        for start in range(0, count, chunk):
            dense = torch.from_numpy(rows[start : start + chunk].toarray().astype(np.float64))
            total += (dense.T @ dense).to(torch.int64)
            if progress is not None:
                progress(min(start + chunk, count), count)
    finally:
        torch.set_num_threads(threads_before)
    return total.numpy()
