"""The exact sum of outer products, by torch on a CPU or GPU or by a relational engine.

Measuring imports torch here and nowhere else; training an autoencoder imports it too.

Why floating point is exact in the dense layout: every row holds integers, of either sign, with Σ x_i² ≤ 4^b, so by
Cauchy and Schwarz Σ_u |x_ui x_uj| over c rows is at most c · 4^b, and every partial sum, in any order and with or
without fused multiply-add, is an integer no larger than that. While it does not exceed 2^53 each such integer is a
float64 and nothing is ever rounded. Chunks are cut to keep to it, and their sums are added up in int64, which holds
2^63 / 4^b subjects. A GPU changes none of that as long as its float64 products, tensor cores included, are IEEE 754
float64: TF32 and other shortened formats apply to float32 only. A library that emulates float64 products by shorter
ones, as some can be told to, would break this; that torch is not told to is an assumption.

The sparse layout lists the pairs of each history and adds up their products in int64, where order cannot matter
either. It is the faster one where histories are short beside the matrix.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch

from recommender.errors import BadMechanism
from recommender.fixed_point import require_room
from recommender.mechanism import Performance

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

PAIRS_AT_ONCE = 2**22
"""How many pairs the sparse layout holds in memory."""

PAIR_COST = {"cpu": 512, "cuda": 2**11}
"""What adding one pair costs, in multiply-adds of a dense product: a CPU's cache misses, a GPU's atomic additions.

On an H200 this chooses the faster layout of each of eight shapes: 50,000 to 300,000 histories of 10 to 300 titles among
1,000 to 8,000.
"""


def exact_gram(rows: "csr_matrix", *, bits: int, performance: Performance) -> np.ndarray:
    """Σ_u x_u x_uᵀ: int64, shape (items, items), in units of 4^-bits.

    Args:
        rows: integers of either sign, Σ x² ≤ 4^bits in each row (``fixed_point.unit_rows``, ``lens.seen_rows``).
        bits: the grid of the rows.
        performance: cannot change the result, not even in the last bit.

    Raises:
        BadMechanism: more subjects than 64 bits hold, or a device that is not there.
    """
    require_room(rows.shape[0], bits)
    if performance.engine is not None:
        from recommender.relational_sums import relational_gram  # Arrow and Ibis

        return relational_gram(rows, performance.engine)
    device = _device(performance)
    threads_before = torch.get_num_threads()
    torch.set_num_threads(performance.threads)
    try:
        if layout_for(rows, performance) == "sparse":
            total = _sparse(rows, device)
        else:
            total = _dense(rows, min(performance.chunk_rows, 2**53 >> (2 * bits)), device)
        return total.cpu().numpy()
    finally:
        torch.set_num_threads(threads_before)


def layout_for(rows: "csr_matrix", performance: Performance) -> str:
    """The layout asked for, or the one that should be faster: ``dense`` or ``sparse``."""
    if performance.layout != "auto":
        return performance.layout
    count, width = rows.shape
    sparse = int(_pairs_by_row(rows).sum()) * PAIR_COST[performance.device] < count * width**2
    return "sparse" if sparse else "dense"


def verify_device(performance: Performance) -> None:
    """Check that the device is there.

    Raises:
        BadMechanism: it is not.
    """
    if performance.device == "cuda" and not torch.cuda.is_available():
        msg = "there is no CUDA device here: add up on the CPU, the result is the same bit for bit"
        raise BadMechanism(msg)


def _device(performance: Performance) -> torch.device:
    verify_device(performance)
    return torch.device(performance.device)


def _pairs_by_row(rows: "csr_matrix") -> np.ndarray:
    lengths = np.diff(rows.indptr).astype(np.int64)
    pairs: np.ndarray = lengths * (lengths + 1) // 2
    return pairs


def _dense(rows: "csr_matrix", chunk: int, device: torch.device) -> torch.Tensor:
    count, width = rows.shape
    total = torch.zeros((width, width), dtype=torch.int64, device=device)
    for start in range(0, count, chunk):
        stop = min(start + chunk, count)
        held = slice(rows.indptr[start], rows.indptr[stop])
        number = np.repeat(np.arange(stop - start), np.diff(rows.indptr[start : stop + 1]))
        dense = torch.zeros((stop - start, width), dtype=torch.float64, device=device)
        places = (_moved(number, device), _moved(rows.indices[held], device))
        dense[places] = _moved(rows.data[held], device).to(torch.float64)
        total += (dense.T @ dense).to(torch.int64)
    return total


def _sparse(rows: "csr_matrix", device: torch.device) -> torch.Tensor:
    width = rows.shape[1]
    upper = torch.zeros(width * width, dtype=torch.int64, device=device)
    start = 0
    for stop in _cuts(_pairs_by_row(rows)):
        held = slice(rows.indptr[start], rows.indptr[stop])
        ends = np.repeat(rows.indptr[start + 1 : stop + 1], np.diff(rows.indptr[start : stop + 1])) - rows.indptr[start]
        _add_pairs(upper, width, *(_moved(part, device) for part in (rows.indices[held], rows.data[held], ends)))
        start = stop
    square = upper.view(width, width)
    return square + square.triu(1).T


def _add_pairs(
    upper: torch.Tensor, width: int, columns: torch.Tensor, values: torch.Tensor, ends: torch.Tensor
) -> None:
    """Add value · value of every pair of entries of one row; ``ends`` says of each entry where its row ends."""
    entries = torch.arange(len(columns), device=columns.device)
    partners = ends - entries
    first = torch.repeat_interleave(entries, partners)
    before = torch.cumsum(partners, 0) - partners
    second = first + torch.arange(len(first), device=columns.device) - torch.repeat_interleave(before, partners)
    upper.scatter_add_(0, columns[first] * width + columns[second], values[first] * values[second])


def _cuts(pairs: np.ndarray) -> list[int]:
    """Where chunks of whole rows end, such that each has some ``PAIRS_AT_ONCE`` pairs."""
    reached = np.cumsum(pairs) // PAIRS_AT_ONCE
    inner = np.flatnonzero(np.diff(reached)) + 1
    return [int(cut) for cut in np.append(inner, len(pairs))] if len(pairs) else []


def _moved(values: np.ndarray, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.int64)).to(device)
