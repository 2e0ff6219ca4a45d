"""What a metric hands to the bootstrap: figures as functions of per-subject numbers.

Two kinds. ``Smooth``: a smooth function of subject means; a resample is one matrix product and the standard error
follows by the delta method. ``Stepped``: a function of the whole set of lists (Gini, coverage) that no subject mean
determines; its change when one subject leaves gives the standard error by the Efron-Stein inequality (Efron & Stein
1981: Var f <= E sum_u (f - f_without_u)^2), an upper bound.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Values of every cell from channel means, (..., channels) -> (..., cells). Called with complex numbers too, for exact
# derivatives.
ValueOf = Callable[[NDArray[np.inexact]], NDArray[np.inexact]]

_STEP = 1e-30


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One figure of a metric: for a category of an attribute, for a group of subjects, or for all (None).

    Attributes:
        n: subjects the figure rests on.
        target: the value that means parity, where there is one.
        span: by how much the figure could differ were every subject different; used where resampling sees no variation
            at all.
    """

    n: int
    span: float
    attribute: str | None = None
    category: str | None = None
    group: str | None = None
    target: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Smooth:
    """Cells whose values are an analytic function of ``channels.mean(axis=0)``; channels (n, c), finite."""

    cells: tuple[Cell, ...]
    channels: Floats
    value_of: ValueOf

    def values(self) -> Floats:
        """Value of every cell; not finite where a denominator is 0."""
        return self._real(self.channels.mean(axis=0))

    def influence(self) -> Floats:
        """First-order change that each subject causes, shape (n, cells), column means 0.

        The derivative is taken by a complex step (Squire & Trapp 1998), exact to rounding.
        """
        mean = self.channels.mean(axis=0)
        steps = mean + 1j * _STEP * np.eye(mean.size)
        with np.errstate(divide="ignore", invalid="ignore"):
            jacobian = self.value_of(steps).imag / _STEP
            return np.asarray((self.channels - mean) @ jacobian, dtype=np.float64)

    def variance(self) -> Floats:
        """Variance of each cell by the delta method."""
        return np.asarray((self.influence() ** 2).sum(axis=0) / self.channels.shape[0] ** 2, dtype=np.float64)

    def resampled(self, counts: Floats) -> Floats:
        """Values under resamples: ``counts`` (b, n) says how often each subject was drawn; result (b, cells)."""
        return self._real(counts @ self.channels / counts.sum(axis=1, keepdims=True))

    def _real(self, means: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.value_of(means), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stepped:
    """Cells that are not functions of subject means.

    ``figures`` (cells,) and ``leave_one_out`` (n, cells) = figure minus the figure without that subject. They describe
    *an audience of n subjects*: coverage grows with n, so two reports compare only at equal n.
    """

    cells: tuple[Cell, ...]
    figures: Floats
    leave_one_out: Floats

    def values(self) -> Floats:
        """Value of every cell."""
        return self.figures

    def variance(self) -> Floats:
        """Upper bound on each cell's variance (Efron-Stein)."""
        return np.asarray((self.leave_one_out**2).sum(axis=0), dtype=np.float64)

    def resampled(self, counts: Floats) -> Floats:
        """Linearised resamples: the figure plus the changes of subjects drawn more or less than once; (b, cells)."""
        centred = self.leave_one_out - self.leave_one_out.mean(axis=0)
        return np.asarray(self.figures + (counts - 1.0) @ centred, dtype=np.float64)


Statistics = Smooth | Stepped


def ratios(
    cells: Sequence[Cell], numerator: Floats, denominator: Floats, *, scale: Floats | float = 1.0, offset: float = 0.0
) -> Smooth:
    """Cells of the form ``scale * mean(numerator) / mean(denominator) + offset``.

    ``numerator`` is (n, cells); ``denominator`` is the same, or (n, 1) where all cells share it.
    """
    width = numerator.shape[1]

    def value_of(means: NDArray[np.inexact]) -> NDArray[np.inexact]:
        return scale * means[..., :width] / means[..., width:] + offset

    return Smooth(cells=tuple(cells), channels=np.hstack([numerator, denominator]), value_of=value_of)
