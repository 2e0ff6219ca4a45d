"""Entropy and divergences of category mixes, row by row."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TINY = 1e-300


def entropy_bits(shares: Floats) -> Floats:
    """Shannon entropy of each row, in bits; 0 for a row of zeros."""
    return np.asarray(np.maximum(-_p_log2_p(shares).sum(axis=-1), 0.0), dtype=np.float64)


def jensen_shannon(p: Floats, q: Floats) -> Floats:
    """Jensen-Shannon divergence of each pair of rows in bits, range [0, 1] (Lin 1991); not its square root."""
    mixed = _p_log2_p((p + q) / 2.0).sum(axis=-1)
    apart = (_p_log2_p(p).sum(axis=-1) + _p_log2_p(q).sum(axis=-1)) / 2.0
    return np.asarray(np.clip(apart - mixed, 0.0, 1.0), dtype=np.float64)


def smoothed_kullback_leibler(p: Floats, q: Floats, smoothing: float) -> Floats:
    """sum_g p log(p / ((1 - a) q + a p)) of each pair of rows, natural log, in [0, log(1 / a)]; a is ``smoothing``."""
    smooth = (1.0 - smoothing) * q + smoothing * p
    ratio = np.divide(p, smooth, out=np.ones_like(p), where=p > 0)
    return np.asarray(np.clip((p * np.log(ratio)).sum(axis=-1), 0.0, -np.log(smoothing)), dtype=np.float64)


def _p_log2_p(shares: Floats) -> Floats:
    # Next to 1, the tiny number that keeps log2 finite is lost; next to 0, the product is 0 whatever the logarithm.
    found = np.log2(np.maximum(shares, _TINY))
    found *= shares
    return np.asarray(found, dtype=np.float64)
