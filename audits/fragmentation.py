"""How different what two subjects see is: means over pairs of subjects, without visiting all of a large audience's."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audits.divergence import entropy_bits
from audits.labels import row_sums

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]

_ALL_PAIRS_UP_TO = 1_000_000
_FEWEST_SHIFTS = 8
_SEED = 20_220_918
_PAIR, _TRIPLE = 2, 3
_ROWS = 8_192


def mean_divergence_to_others(mix: Floats) -> Floats:
    """Mean Jensen-Shannon divergence (bits) of each subject's category shares to those of others, shape (n,).

    Its mean is that of all pairs, its values are symmetric in pairs; NaN for a subject alone. Up to 1 million pairs all
    are used. Beyond that the subjects are put on a ring in an order drawn by a fixed seed and each is compared with
    those at a few distances, the same for all and drawn too: 8 or more on either side, about 1 million pairs in all.
    The mean then misses that of all pairs by a standard deviation of at most 0.5 / sqrt(1 million) = 0.0005.
    """
    n = mix.shape[0]
    if n < _PAIR:
        return np.full(n, np.nan)
    order = np.random.default_rng(_SEED).permutation(n)
    mix = mix[order]
    entropy = entropy_bits(mix)
    total, others = np.zeros(n), 0
    for shift in _shifts(n):
        apart = _divergence(mix, entropy, shift)
        total += apart
        others += 1
        if 2 * shift != n:  # half-way round, the partner's partner is oneself
            total += np.roll(apart, -shift)
            others += 1
    found = np.empty(n)
    found[order] = total / others
    return found


def without_each_of_pairs(to_others: Floats) -> Floats:
    """Mean over pairs less the mean over the pairs without each subject; from each one's mean to others, (n, c).

    F_-u = (n F - 2 h_u) / (n - 2), h_u the mean over pairs with u; 0 for fewer than three subjects.
    """
    n = to_others.shape[0]
    if n < _TRIPLE:
        return np.zeros_like(to_others)
    return np.asarray(2.0 * (to_others - to_others.mean(axis=0)) / (n - 2), dtype=np.float64)


def mean_distance_to_others(exposure: "sparse.csr_array") -> Floats:
    """Mean cosine distance of each subject's attention by item to that of others, shape (n,); NaN for a subject alone.

    Exact in one pass: with v_u = e_u / |e_u|, the cosines of u and all others sum to v_u . sum_w v_w - 1.
    """
    n = exposure.shape[0]
    if n < _PAIR:
        return np.full(n, np.nan)
    sizes = np.sqrt(row_sums(exposure, exposure.data**2))
    scale = np.divide(1.0, sizes, out=np.zeros_like(sizes), where=sizes > 0)
    together = np.asarray(exposure.T @ scale, dtype=np.float64)
    to_all = np.asarray(exposure @ together, dtype=np.float64) * scale
    return np.clip(1.0 - (to_all - (scale > 0)) / (n - 1), 0.0, 1.0)


def _shifts(n: int) -> Iterator[int]:
    """Distances on the ring whose pairs are compared: all, or as many as 1 million pairs allow."""
    if n * (n - 1) // 2 <= _ALL_PAIRS_UP_TO:
        return iter(range(1, n // 2 + 1))
    few = max(_FEWEST_SHIFTS, _ALL_PAIRS_UP_TO // n)
    drawn = np.random.default_rng(_SEED + 1).choice((n - 1) // 2, size=few, replace=False)
    return iter((1 + np.sort(drawn)).tolist())


def _divergence(mix: Floats, entropy: Floats, shift: int) -> Floats:
    """Divergence of each subject and the one ``shift`` places before it on the ring."""
    n = mix.shape[0]
    found = np.empty(n)
    for at in range(0, n, _ROWS):
        here = slice(at, min(at + _ROWS, n))
        there = np.arange(here.start - shift, here.stop - shift)
        mixed = entropy_bits((mix[here] + mix[there]) / 2.0)
        found[here] = mixed - (entropy[here] + entropy[there]) / 2.0
    return np.clip(found, 0.0, 1.0)
