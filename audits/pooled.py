"""Figures of pooled shares that have kinks or flat places: distances, smallest and largest ratios.

At parity a distance is flat (divergences) or has a corner (total variation, minimum over categories). There the delta
method sees no variation where there is some, and a studentised resample divides by nearly nothing: one such cell would
make every interval of the family useless. There, too, an estimate lies above the truth: lists drawn from the catalogue
are never exactly at parity. So the means are moved by draws of their own error; the standard error is that of the delta
method or of the moved figures, whichever is larger, together with their bias, and resamples are linear.

Measured, 400 subjects, 95 % intervals alone: exactly at parity they cover 93 to 100 % for distances and 85 to 93 % for
extremes over 20 and 4 categories; off parity 93 to 100 %.
"""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from audits.evidence import Evidence
from audits.exposure import Labelled, attention, labelled
from audits.statistics import Cell, Floats, Stepped, ValueOf, blocks

Numbers = NDArray[np.inexact]

_DRAWS = 256
_FLAT = 1e-12
_STEP = 1e-30
# At a corner a figure f grows in proportion to the distance from parity, so a second draw on top of a first shows
# E f(z + z') - E f(z) = (sqrt(2) - 1) E f(z) of the bias E f(z) that the first made; in a flat place it shows it all.
_BIAS_AT_A_CORNER = 1.0 + np.sqrt(2.0)


def pooled(cells: Sequence[Cell], channels: Floats, value_of: ValueOf, *, low: float, high: float) -> Stepped:
    """Cells ``value_of(channels.mean(axis=0))``, kept within [low, high].

    ``channels`` (n, c), none negative; ``value_of`` as in ``Smooth``, with a derivative from one side at least.

    Guarantees:
      - the variance is never below that of the delta method, and equals it for a linear figure
      - at parity the standard error has the size of the figure's own sampling error and bias, not 0
    """
    n, width = channels.shape
    moments = _moments_of(channels)
    mean, values, vectors = moments.mean, moments.values, moments.vectors
    with np.errstate(divide="ignore", invalid="ignore"):
        figures = np.clip(np.asarray(value_of(mean), dtype=np.float64), low, high)
        slopes = value_of(mean + 1j * _STEP * np.eye(width)).imag / _STEP
    # A figure without a derivative has no error either, so it does not exist; what resampling weighs stays finite.
    exists = np.isfinite(figures) & np.isfinite(slopes).all(axis=0)
    figures, slopes = np.where(exists, figures, np.nan), np.where(exists, slopes, 0.0)
    first, squares = _apart(channels, moments.centre, slopes / n)
    # The symmetric root: directions of nearly equal variance, which rounding turns, leave it as it is.
    spread, bias = _error(value_of, mean, (vectors * np.sqrt(values / n)) @ vectors.T, figures)
    wanted = np.maximum(squares, spread) + (_BIAS_AT_A_CORNER * bias) ** 2
    flat = squares <= _FLAT * wanted
    if flat.any():
        # Where the figure is flat, subjects are told apart by the direction in which they differ most.
        along, square = _apart(channels, moments.centre, vectors[:, -1:])
        first[:, flat], squares[flat] = along, square
    first *= np.where(squares > 0, np.sqrt(wanted / np.where(squares > 0, squares, 1.0)), 0.0)
    return Stepped(cells=tuple(cells), figures=figures, leave_one_out=first)


def _apart(channels: Floats, centre: Floats, slopes: Floats) -> tuple[Floats, Floats]:
    """How far each subject is from the mean along ``slopes`` (c, cells), (n, cells), and the sums of squares, (cells,).

    From one subject's own numbers, so that subjects who are all alike differ by exactly nothing.
    """
    found, squares, offset = np.empty((channels.shape[0], slopes.shape[1])), np.zeros(slopes.shape[1]), centre @ slopes
    # Some subjects at a time stay near the processor.
    for rows in blocks(channels.shape[0]):
        here = np.matmul(channels[rows] - channels[0], slopes, out=found[rows])
        here -= offset
        squares += np.einsum("uc,uc->c", here, here)
    return found, squares


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Moments:
    """Mean of (n, c) channels, their mean distance from the first subject's, and the variance around it by direction.

    ``values`` (c,) are the variances in the directions ``vectors`` (c, c), a column each.
    """

    mean: Floats
    centre: Floats
    values: Floats
    vectors: Floats


_KNOWN: dict[int, _Moments] = {}


def _moments_of(channels: Floats) -> _Moments:
    """Several figures are of the same channels: these are gone over once, and forgotten with the array."""
    found = _KNOWN.get(id(channels))
    if found is None:
        n, width = channels.shape
        total, products = np.zeros(width), np.zeros((width, width))
        for rows in blocks(n):
            apart = channels[rows] - channels[0]
            total += apart.sum(axis=0)
            products += apart.T @ apart
        centre = total / n
        values, vectors = np.linalg.eigh(products / n - np.outer(centre, centre))
        # The root of a rounding error would be a direction in which figures seem to vary.
        values = np.where(values > _FLAT * values.max(initial=0.0), values, 0.0)
        found = _Moments(mean=channels.mean(axis=0), centre=centre, values=values, vectors=vectors)
        _KNOWN[id(channels)] = found
        weakref.finalize(channels, _KNOWN.pop, id(channels), None)
    return found


def _error(value_of: ValueOf, mean: Floats, root: Floats, figures: Floats) -> tuple[Floats, Floats]:
    """Variance and bias of each figure when the channel means move by draws of their own error."""
    moved = np.maximum(mean + _design(mean.size) @ root.T, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        change: Floats = np.asarray(value_of(moved), dtype=np.float64) - figures
    fine = np.isfinite(change)
    drawn = np.maximum(fine.sum(axis=0), 1)
    bias = np.where(fine, change, 0.0).sum(axis=0) / drawn
    return np.asarray((np.where(fine, change - bias, 0.0) ** 2).sum(axis=0) / drawn, dtype=np.float64), bias


@cache
def _design(width: int) -> Floats:
    """Points like draws of ``width`` independent normals, whose second moments are exactly 1 and 0; always the same."""
    half = max(_DRAWS, 4 * width) // 2
    drawn = np.random.default_rng(0).standard_normal((half, width))
    both = np.vstack([drawn, -drawn])
    factor = np.linalg.cholesky(both.T @ both / both.shape[0]) if width else np.zeros((0, 0))
    return np.asarray(np.linalg.solve(factor, both.T).T, dtype=np.float64)


def joined(parts: Sequence[Stepped], subjects: int) -> Stepped:
    """The cells of several statistics over the same subjects, in order."""
    return Stepped(
        cells=tuple(cell for part in parts for cell in part.cells),
        figures=np.concatenate([np.zeros(0), *(part.figures for part in parts)]),
        leave_one_out=np.hstack([np.zeros((subjects, 0)), *(part.leave_one_out for part in parts)]),
    )


def one_figure_each(
    evidence: Evidence,
    figure: Callable[[Numbers, Floats], Numbers],
    *,
    low: float,
    high: float,
    span: float | None = None,
    of: Callable[[Labelled], Floats] = attention,
) -> Stepped:
    """One cell for every attribute: ``figure(shares, parity)`` of what all subjects together give each category.

    ``shares`` (..., c) are parts of the pooled ``of``, ``parity`` (c,) those of the catalogue.
    """
    parts = []
    for each in labelled(evidence):
        cell = Cell(n=evidence.subjects, span=high - low if span is None else span, attribute=each.attribute)

        def value_of(means: Numbers, parity: Floats = each.parity) -> Numbers:
            return figure(share(means), parity)[..., None]

        parts.append(pooled([cell], of(each), value_of, low=low, high=high))
    return joined(parts, evidence.subjects)


def share(part: Numbers) -> Numbers:
    """Parts of their sum along the last axis."""
    divided: Numbers = part / part.sum(axis=-1, keepdims=True)
    return divided


def size(difference: Numbers) -> Numbers:
    """Absolute value that keeps the derivative by a complex step (``np.abs`` of a complex number loses it)."""
    return np.where(difference.real < 0, -difference, difference)


def jensen_shannon(shares: Numbers, target: Floats) -> Numbers:
    """Jensen-Shannon divergence along the last axis, natural logarithm, in [0, ln 2]; ``target`` positive.

    JSD = (KL(s || m) + KL(t || m)) / 2, m = (s + t) / 2: the *squared* Jensen-Shannon distance. Lin (1991).
    """
    middle = (shares + target) / 2.0
    divergence: Numbers = (_times_log(shares, shares / middle) + target * np.log(target / middle)).sum(axis=-1) / 2.0
    return divergence


def _times_log(x: Numbers, y: Numbers) -> Numbers:
    """X ln y, and 0 where x is 0."""
    none = x == 0
    return np.where(none, 0.0, x * np.log(np.where(none, 1.0, y)))


def chosen(values: Numbers, position: NDArray[np.intp]) -> Numbers:
    """One value along the last axis, by position."""
    picked: Numbers = np.take_along_axis(values, position[..., None], axis=-1)[..., 0]
    return picked
