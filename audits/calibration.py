"""Whether a list holds the categories in the mix that its subject chose (Steck, RecSys 2018), and what chance gives.

Even a list drawn from the subject's own mix differs from it, because k titles cannot hold every mix: at k = 10 chance
alone explains much of a raw figure. The null says how much.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audits.categories import Attribute
from audits.divergence import jensen_shannon, smoothed_kullback_leibler
from audits.evidence import ABSENT, Evidence
from audits.profiles import category_mix
from audits.remembered import remembered

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]

SMOOTHING = 0.01
"""a of the smoothed list mix (1 - a) q + a p, as in Steck."""

LARGEST = 4.605170186
"""Largest C_KL, log(1 / a), to the ten digits of a report and rounded up."""

_GRID = 128
_LATTICE = 1024
_ROWS = 8_192
_SEED = 20_181_002
_DRAWN_LISTS, _MOST_DRAWS = 400_000, 8


def kullback_leibler(evidence: Evidence) -> Floats:
    """C_KL of each subject and attribute, shape (n, attributes), in [0, log 100]; 0 for subjects without history."""
    return _compared(evidence)[0]


def jensen_shannon_bits(evidence: Evidence) -> Floats:
    """Jensen-Shannon divergence of history and list, shape (n, attributes), in [0, 1]."""
    return _compared(evidence)[1]


def has_history(evidence: Evidence) -> NDArray[np.bool_]:
    """Whether a subject chose anything before, shape (n,).

    Raises:
        ValueError: no histories were given.
    """
    return np.asarray(np.diff(_history(evidence).indptr) > 0)


def expected_by_chance(evidence: Evidence) -> Floats:
    """C_KL that a list drawn from the subject's own history has on average, shape (n, attributes).

    As many items as the list has are drawn from the history by weight, and weighted by the attention at their ranks.
    Where every item has one category the mean is exact (``expected_term``). Items in several vary less than a coin of
    their own, so there it is the mean of lists drawn by a fixed seed: up to 8 for each subject of a small audience,
    one for each of 400,000 and more, whose noise averages out over subjects and is inside their interval. Two audits
    of the same histories share the draws.
    """
    exact = [bool((attribute.shares.max(axis=1) == 1.0).all()) for attribute in evidence.attributes]
    expected = np.empty((evidence.subjects, len(exact)))
    expected[:, exact] = _by_term(evidence, [a for a, one in zip(evidence.attributes, exact, strict=True) if one])
    drawn = [a for a, one in zip(evidence.attributes, exact, strict=True) if not one]
    expected[:, [not one for one in exact]] = _by_drawing(evidence, drawn)
    return expected


def _by_term(evidence: Evidence, attributes: Sequence[Attribute]) -> Floats:
    """Exact means for items of one category each.

    Where subjects with lists of one length look at ranks differently, their mean attention stands for all of them.
    """
    history = _history(evidence)
    expected = np.zeros((evidence.subjects, len(attributes)))
    length = (evidence.lists != ABSENT).sum(axis=1)
    for size in np.unique(length) if attributes else ():
        rows = np.flatnonzero(length == size)
        term = expected_term(evidence.looks[rows, :size].mean(axis=0))
        for at in range(0, rows.size, _ROWS):
            block = rows[at : at + _ROWS]
            theirs = history[block]
            for column, attribute in enumerate(attributes):
                expected[block, column] = term(category_mix(theirs, attribute.labels)).sum(axis=1)
    return expected


def _by_drawing(evidence: Evidence, attributes: Sequence[Attribute]) -> Floats:
    """Means over lists of items drawn from each subject's history with replacement."""
    history, n = _history(evidence), evidence.subjects
    found = np.zeros((n, len(attributes)))
    rng = np.random.default_rng(_SEED)
    draws = min(max(_DRAWN_LISTS // n, 1), _MOST_DRAWS) if attributes else 0
    for at in range(0, n if draws else 0, _ROWS):
        rows = slice(at, at + _ROWS)
        wanted = [category_mix(history[rows], attribute.labels) for attribute in attributes]
        looks = np.where(evidence.lists[rows] != ABSENT, evidence.looks[rows], 0.0)
        draw = _drawing_from(history[rows])
        for _ in range(draws):
            lists = draw(looks, rng)
            for column, attribute in enumerate(attributes):
                mix = category_mix(lists, attribute.labels)
                found[rows, column] += smoothed_kullback_leibler(wanted[column], mix, SMOOTHING) / draws
    return found


def _drawing_from(history: "sparse.csr_array") -> Callable[[Floats, np.random.Generator], "sparse.csr_array"]:
    """Lists whose places are each drawn from the subject's history by weight, with the attention of their place."""
    from scipy import sparse

    first, last = history.indptr[:-1, None].astype(np.int64), history.indptr[1:, None].astype(np.int64)
    sums = np.r_[0.0, np.cumsum(history.data)]
    alike = history.nnz == 0 or history.data.min() == history.data.max()

    def draw(looks: Floats, rng: np.random.Generator) -> "sparse.csr_array":
        chance = rng.random(looks.shape)
        if alike:
            at = first + (chance * (last - first)).astype(np.int64)
        else:
            at = np.searchsorted(sums, sums[first] + chance * (sums[last] - sums[first]), side="right") - 1
        # Rounding may step over a row's end, and a row without history has nothing to draw from.
        at = np.minimum(np.maximum(np.minimum(at, last - 1), first), max(history.nnz - 1, 0))
        weights = np.where(last > first, looks, 0.0)
        items = history.indices[at] if history.nnz else np.zeros_like(at)
        ends = np.arange(0, looks.size + 1, looks.shape[1])
        return sparse.csr_array((weights.ravel(), items.ravel(), ends), shape=history.shape)

    return draw


def expected_term(looks: Floats, smoothing: float = SMOOTHING) -> Callable[[Floats], Floats]:
    """The mean of p log(p / ((1 - a) B + a p)) as a function of p.

    B is the share of attention on ranks whose draw hits, each with chance p, and a the smoothing. The distribution of B
    is computed on a lattice of 1,024 steps for 129 values of p; between these the mean is interpolated. Both errors
    together stay below 0.001.
    """
    chance, means = _table(tuple((looks / looks.sum()).tolist()), smoothing)
    return lambda p: np.interp(p, chance, means)


@lru_cache(maxsize=256)
def _table(attention: tuple[float, ...], smoothing: float) -> tuple[Floats, Floats]:
    """Chances p and the mean term at each, for shares of attention by rank."""
    chance = np.sin(np.linspace(0.0, np.pi / 2.0, _GRID + 1))[:, None] ** 2
    steps = np.array(attention) * _LATTICE
    whole = np.floor(steps).astype(np.int64)
    width = int(whole.sum()) + whole.size + 1
    mass = np.zeros((chance.size, width))
    mass[:, 0] = 1.0
    for step, rest in zip(whole, steps - whole, strict=True):
        hit = mass * chance
        mass -= hit
        # A weight between two points of the lattice goes to both, so that its mean is exact.
        mass[:, step:] += (1.0 - rest) * hit[:, : width - step]
        mass[:, step + 1 :] += rest * hit[:, : width - step - 1]
    inside = chance[1:-1]
    log = np.log((1.0 - smoothing) * (np.arange(width) / _LATTICE) / inside + smoothing)
    means = np.zeros(chance.size)
    means[1:-1] = -inside[:, 0] * (mass[1:-1] * log).sum(axis=1)
    return chance[:, 0], means


@remembered
def _compared(evidence: Evidence) -> tuple[Floats, Floats]:
    """Both divergences of history and list: the mixes that they compare take longer than either."""
    history = _history(evidence)
    first, second = np.zeros((2, evidence.subjects, len(evidence.attributes)))
    for at in range(0, evidence.subjects, _ROWS):
        rows = slice(at, at + _ROWS)
        theirs, shown = history[rows], evidence.exposure[rows]
        for column, attribute in enumerate(evidence.attributes):
            wanted, given = category_mix(theirs, attribute.labels), category_mix(shown, attribute.labels)
            first[rows, column] = smoothed_kullback_leibler(wanted, given, SMOOTHING)
            second[rows, column] = jensen_shannon(wanted, given)
    return first, second


def _history(evidence: Evidence) -> "sparse.csr_array":
    if evidence.history is None:
        msg = "calibration needs the histories of subjects"
        raise ValueError(msg)
    return evidence.history
