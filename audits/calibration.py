"""Whether a list holds the categories in the mix that its subject chose (Steck, RecSys 2018), and what chance gives.

Even a list drawn from the subject's own mix differs from it, because k titles cannot hold every mix: at k = 10 chance
alone explains much of a raw figure. The null says how much.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from audits.divergence import jensen_shannon, smoothed_kullback_leibler
from audits.evidence import ABSENT, Evidence
from audits.profiles import category_mix

Floats = NDArray[np.float64]

SMOOTHING = 0.01
"""a of the smoothed list mix (1 - a) q + a p, as in Steck."""

_GRID = 256
_LATTICE = 2048
_ROWS = 65_536
Compare = Callable[[Floats, Floats], Floats]


def kullback_leibler(evidence: Evidence) -> Floats:
    """C_KL of each subject and attribute, shape (n, attributes), in [0, log 100]; 0 for subjects without history."""
    return _compared(evidence, lambda p, q: smoothed_kullback_leibler(p, q, SMOOTHING))


def jensen_shannon_bits(evidence: Evidence) -> Floats:
    """Jensen-Shannon divergence of history and list, shape (n, attributes), in [0, 1]."""
    return _compared(evidence, jensen_shannon)


def has_history(evidence: Evidence) -> NDArray[np.bool_]:
    """Whether a subject chose anything before, shape (n,).

    Raises:
        ValueError: no histories were given.
    """
    if evidence.history is None:
        msg = "calibration needs the histories of subjects"
        raise ValueError(msg)
    return np.asarray(np.diff(evidence.history.indptr) > 0)


def expected_by_chance(evidence: Evidence) -> Floats:
    """C_KL that a list drawn from the subject's own mix has on average, shape (n, attributes).

    k categories are drawn from p, one for each rank of the subject's list, and weighted by the attention at that rank.
    C_KL is a sum over categories and each term depends on one weighted sum of k Bernoulli draws, so its mean is one
    function of p_g, tabulated for each distinct set of attention weights. Where more than one set occurs among lists of
    one length, their mean stands for all of them.

    An item in several categories varies less than a draw of one, so for such items this is an upper bound.
    """
    if evidence.history is None:
        msg = "calibration needs the histories of subjects"
        raise ValueError(msg)
    expected = np.zeros((evidence.subjects, len(evidence.attributes)))
    length = (evidence.lists != ABSENT).sum(axis=1)
    for size in np.unique(length):
        rows = np.flatnonzero(length == size)
        term = expected_term(evidence.looks[rows, :size].mean(axis=0))
        for at in range(0, rows.size, _ROWS):
            block = rows[at : at + _ROWS]
            for column, attribute in enumerate(evidence.attributes):
                expected[block, column] = term(category_mix(evidence.history[block], attribute.shares)).sum(axis=1)
    return expected


def expected_term(looks: Floats, smoothing: float = SMOOTHING) -> Callable[[Floats], Floats]:
    """The mean of p log(p / ((1 - a) B + a p)) as a function of p.

    B is the share of attention on ranks whose draw hits, each with chance p, and a the smoothing. The distribution of B
    is computed on a lattice of 2,048 steps for 257 values of p; between these the mean is interpolated. Both errors
    together stay below 0.001.
    """
    chance = np.sin(np.linspace(0.0, np.pi / 2.0, _GRID + 1))[:, None] ** 2
    steps = looks / looks.sum() * _LATTICE
    whole = np.floor(steps).astype(np.int64)
    width = int(whole.sum()) + looks.size + 1
    mass = np.zeros((chance.size, width))
    mass[:, 0] = 1.0
    for step, rest in zip(whole, steps - whole, strict=True):
        hit = mass * chance
        mass = mass - hit
        # A weight between two points of the lattice goes to both, so that its mean is exact.
        mass[:, step:] += (1.0 - rest) * hit[:, : width - step]
        mass[:, step + 1 :] += rest * hit[:, : width - step - 1]
    inside = chance[1:-1]
    log = np.log((1.0 - smoothing) * (np.arange(width) / _LATTICE) / inside + smoothing)
    means = np.zeros(chance.size)
    means[1:-1] = -inside[:, 0] * (mass[1:-1] * log).sum(axis=1)
    return lambda p: np.interp(p, chance[:, 0], means)


def _compared(evidence: Evidence, compare: Compare) -> Floats:
    if evidence.history is None:
        msg = "calibration needs the histories of subjects"
        raise ValueError(msg)
    found = np.zeros((evidence.subjects, len(evidence.attributes)))
    for at in range(0, evidence.subjects, _ROWS):
        rows = slice(at, at + _ROWS)
        for column, attribute in enumerate(evidence.attributes):
            wanted = category_mix(evidence.history[rows], attribute.shares)
            found[rows, column] = compare(wanted, category_mix(evidence.exposure[rows], attribute.shares))
    return found
