"""FA*IR (Zehlike et al., CIKM 2017): whether a list's prefixes could come from fair coin tosses."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from audits.evidence import ABSENT, Evidence
from audits.exposure import Labelled, category_cells, labelled
from audits.prefixes import over_prefixes
from audits.remembered import remembered
from audits.statistics import Floats, Smooth

Ints = NDArray[np.int64]

ALPHA = 0.1
"""Chance that a list of fair draws fails the test."""

_HALVINGS = 40
_NONE = 0.5


@cache
def chances_of_so_few(k: int, p: float) -> Floats:
    """F(t; i, p) for prefixes i = 1..k and t = 0..k, F the binomial distribution function, (k, k + 1)."""
    from scipy.special import bdtr  # loads in a tenth of the time of scipy.stats

    length = np.arange(1, k + 1)[:, None]
    return np.asarray(bdtr(np.minimum(np.arange(k + 1), length), length, p), dtype=np.float64)


def least_protected(k: int, p: float, alpha: float) -> Ints:
    """m(i), the fewest protected items that a prefix of i = 1..k may have at error ``alpha`` for *each* prefix, (k,).

    m(i) = smallest m with F(m; i, p) >= alpha.
    """
    return np.asarray((chances_of_so_few(k, p) < alpha).sum(axis=1), dtype=np.int64)


def chance_to_fail(least: Ints, p: float) -> float:
    """Chance that some prefix of a list of independent draws, protected with probability ``p``, has too few."""
    alive = np.zeros(least.size + 1)
    alive[0] = 1.0
    for fewest in least.tolist():
        alive[1:] = alive[1:] * (1.0 - p) + alive[:-1] * p
        alive[0] *= 1.0 - p
        alive[:fewest] = 0.0
    return float(1.0 - alive.sum())


@cache
def adjusted_alpha(k: int, p: float, alpha: float) -> float:
    """Error for each prefix that brings the error of the whole list nearest to ``alpha``, as published.

    The error moves in steps, so the nearest can lie above: k = 20, p = 0.25, alpha = 0.1 gives 0.1052 with eight zeros,
    seven ones and five twos, which is the published table.
    """
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if chance_to_fail(least_protected(k, p, middle), p) <= alpha:
            low = middle
        else:
            high = middle
    return min((low, high), key=lambda each: abs(chance_to_fail(least_protected(k, p, each), p) - alpha))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tested:
    """What the test says of every list and category, by attribute.

    Attributes:
        kind: the attribute.
        scores: mean over prefixes i of F(T_i; i, p), (n, c).
        passes: whether no prefix has fewer than m(i), (n, c).
    """

    kind: Labelled
    scores: Floats
    passes: NDArray[np.bool_]


@remembered
def tested(evidence: Evidence) -> tuple[Tested, ...]:
    """Every list against fair draws; an item of several categories has each of them whole."""
    return tuple(_tested(evidence, each) for each in labelled(evidence))


def _tested(evidence: Evidence, each: Labelled) -> Tested:
    has = each.shares > 0
    k, items = evidence.lists.shape[1], has.shape[0]
    part = has.sum(axis=0) / items
    chances = np.stack([chances_of_so_few(k, p) for p in part.tolist()], axis=2)
    least = np.stack([least_protected(k, p, adjusted_alpha(k, p, ALPHA)) for p in part.tolist()], axis=1)
    missing = (np.arange(k + 1)[None, :, None] < least[:, None, :]).astype(np.float64)
    length = (evidence.lists != ABSENT).sum(axis=1)[:, None]
    scores, misses = over_prefixes(evidence, each.labels, (chances, missing))
    scores /= length
    return Tested(kind=each, scores=scores, passes=misses < _NONE)


def columns(found: tuple[Tested, ...], which: Callable[[Tested], Floats | NDArray[np.bool_]], subjects: int) -> Smooth:
    """Means over all lists of one column of each category."""
    return Smooth(
        cells=tuple(cell for each in found for cell in category_cells(each.kind, subjects, span=1.0)),
        channels=np.hstack([np.zeros((subjects, 0)), *(which(each) for each in found)]),
        value_of=lambda means: means,
    )
