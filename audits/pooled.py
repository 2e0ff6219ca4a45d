"""Figures of pooled shares that have kinks or flat places: distances, smallest and largest ratios.

At parity a distance is flat (divergences) or has a corner (total variation, minimum over categories). There the delta
method sees no variation where there is some, and a studentised resample divides by nearly nothing: one such cell would
make every interval of the family useless. So the standard error is that of the delta method *or* the root mean square
change of the figure when the means move by one draw of their own error, whichever is larger, and resamples are linear.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from audits.evidence import Evidence
from audits.exposure import Labelled, attention, labelled
from audits.statistics import Cell, Floats, Smooth, Stepped, ValueOf

Numbers = NDArray[np.inexact]

_DRAWS = 256
_FLAT = 1e-12


def pooled(cells: Sequence[Cell], channels: Floats, value_of: ValueOf, *, low: float, high: float) -> Stepped:
    """Cells ``value_of(channels.mean(axis=0))``, kept within [low, high].

    ``channels`` (n, c), none negative; ``value_of`` as in ``Smooth``, with a derivative from one side at least.

    Guarantees:
      - the variance is never below that of the delta method, and equals it for a linear figure
      - at parity the standard error has the size of the figure's own sampling error, not 0
    """
    smooth = Smooth(cells=tuple(cells), channels=channels, value_of=value_of)
    figures = np.clip(smooth.values(), low, high)
    first = smooth.influence() / channels.shape[0]
    mean = channels.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(channels, rowvar=False, bias=True).reshape(mean.size, mean.size))
    root = vectors * np.sqrt(np.maximum(values, 0.0) / channels.shape[0])
    wanted = np.maximum((first**2).sum(axis=0), _mean_square_change(smooth, figures, root))
    # Where the figure is flat, subjects are told apart by the direction in which they differ most.
    widest = (channels - mean) @ vectors[:, -1:] if mean.size else first
    return Stepped(cells=tuple(cells), figures=figures, leave_one_out=_stretched(first, widest, wanted))


def _mean_square_change(smooth: Smooth, figures: Floats, root: Floats) -> Floats:
    """Mean square change of each figure when the channel means move by draws of their own error."""
    mean = smooth.channels.mean(axis=0)
    moved = np.maximum(mean + _design(mean.size) @ root.T, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        change: Floats = (np.asarray(smooth.value_of(moved), dtype=np.float64) - figures) ** 2
    fine = np.isfinite(change)
    return np.asarray(np.where(fine, change, 0.0).sum(axis=0) / np.maximum(fine.sum(axis=0), 1), dtype=np.float64)


@cache
def _design(width: int) -> Floats:
    """Points like draws of ``width`` independent normals, whose second moments are exactly 1 and 0; always the same."""
    half = max(_DRAWS, 4 * width) // 2
    drawn = np.random.default_rng(0).standard_normal((half, width))
    both = np.vstack([drawn, -drawn])
    factor = np.linalg.cholesky(both.T @ both / both.shape[0]) if width else np.zeros((0, 0))
    return np.asarray(np.linalg.solve(factor, both.T).T, dtype=np.float64)


def _stretched(first: Floats, widest: Floats, wanted: Floats) -> Floats:
    """First-order changes stretched to the wanted sum of squares, or ``widest`` where there are none."""
    flat = (first**2).sum(axis=0) <= _FLAT * wanted
    chosen = np.where(flat, widest, first)
    sums = (chosen**2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        stretched: Floats = chosen * np.where(sums > 0, np.sqrt(wanted / sums), 0.0)
    return stretched


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
    from scipy.special import xlogy

    middle = (shares + target) / 2.0
    both = xlogy(shares, shares / middle) + xlogy(target + 0.0 * shares, target / middle)
    divergence: Numbers = both.sum(axis=-1) / 2.0
    return divergence


def chosen(values: Numbers, position: NDArray[np.intp]) -> Numbers:
    """One value along the last axis, by position."""
    picked: Numbers = np.take_along_axis(values, position[..., None], axis=-1)[..., 0]
    return picked
