"""What a metric hands to the bootstrap: figures as functions of per-subject numbers.

Two kinds. ``Smooth``: a smooth function of subject means; a resample is one matrix product and the standard error
follows by the delta method. ``Stepped``: a function of the whole set of lists (Gini, coverage) that no subject mean
determines; its change when one subject leaves gives the standard error by the Efron-Stein inequality (Efron & Stein
1981: Var f <= E sum_u (f - f_without_u)^2), an upper bound. ``Scattered`` is its thrifty form.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audits.channels import Crossed, means
from audits.groupings import divided_by

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# Values of every cell from channel means, (..., channels) -> (..., cells). Called with complex numbers too, for exact
# derivatives.
ValueOf = Callable[[NDArray[np.inexact]], NDArray[np.inexact]]
# The same for real means, (replicates, channels) -> (replicates, cells); not finite where a denominator is 0.
AtMeans = Callable[[Floats], Floats]

# From the error allowed to how far below and above a figure what it estimates can lie.
Reach = Callable[[float], tuple[float, float]]

_STEP = 1e-30
_ROWS = 4_096
_PRIOR_SUBJECTS = 10
_MOST = 0.5
"""(sum |change|)^2 / (n sum change^2) where tails are exponential; normal: 0.64, m alike changes among n: 4 m / n."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One figure of a metric: for a category of an attribute, for a group of subjects, or for all (None).

    Attributes:
        n: subjects the figure rests on.
        target: the value that means parity, where there is one.
        span: by how much the figure could differ were every subject different; it counts where few vary or none.
        ends: between which the figure lies whoever the subjects are, where it is a mean of figures of theirs and so can
            be carried no further than to an end by subjects of another kind.
        reach: how far below and above the figure what it estimates can lie with a given error, where more is known of
            that than resamples show.
    """

    n: int
    span: float
    attribute: str | None = None
    category: str | None = None
    group: str | None = None
    target: float | None = None
    ends: tuple[float, float] = (-math.inf, math.inf)
    reach: Reach | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """How precise figures are, (cells,) each.

    Attributes:
        variance: of the figure.
        freedom: degrees of freedom of that variance, infinite where it rests on very many subjects alike; small where a
            few subjects carry it.
        unmoved: 1 where no subject varies or a single one does, 0 where about a seventh do or more: then those who were
            seen show how far others go.
    """

    variance: Floats
    freedom: Floats
    unmoved: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Smooth:
    """Cells whose values are an analytic function of ``channels.mean(axis=0)``; channels (n, c), finite."""

    cells: tuple[Cell, ...]
    channels: Floats | Crossed
    value_of: ValueOf

    def values(self) -> Floats:
        """Value of every cell; not finite where a denominator is 0."""
        return self.at_means()(means(self.channels))

    def at_means(self) -> AtMeans:
        """Values as a function of channel means, keeping no array over subjects alive."""
        value_of = self.value_of

        def at(means: Floats) -> Floats:
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.asarray(value_of(means), dtype=np.float64)

        return at

    def spread(self) -> Spread:
        """Variance by the delta method, from blocks of subjects."""
        channels, n = self.channels, self.channels.shape[0]
        mean = means(channels)
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes = self._slopes(mean) / n
            if isinstance(channels, Crossed):
                return _spread(self.cells, n, channels.changes(slopes, mean @ slopes))
            every = np.arange(len(self.cells))
            return _spread(self.cells, n, ((every, ((channels[rows] - mean) @ slopes).T) for rows in blocks(n)))

    def variance(self) -> Floats:
        """Variance of each cell by the delta method."""
        return self.spread().variance

    def _slopes(self, mean: Floats) -> Floats:
        """Derivatives by a complex step (Squire & Trapp 1998), exact to rounding; (channels, cells)."""
        steps = mean + 1j * _STEP * np.eye(mean.size)
        return np.asarray(self.value_of(steps).imag / _STEP, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stepped:
    """Cells that are not functions of subject means.

    ``figures`` (cells,) and ``leave_one_out`` (n, cells) = figure minus the figure without that subject. They describe
    *an audience of n subjects*: coverage grows with n, so two reports compare only at equal n.
    """

    cells: tuple[Cell, ...]
    figures: Floats
    leave_one_out: Floats

    @property
    def channels(self) -> Floats:
        """What resampling weighs: the changes."""
        return self.leave_one_out

    def values(self) -> Floats:
        """Value of every cell."""
        return self.figures

    def at_means(self) -> AtMeans:
        """The figure plus the changes of subjects drawn more or less than once, linearised."""
        return _linear(self.figures, self.leave_one_out.shape[0], self.leave_one_out.mean(axis=0))

    def spread(self) -> Spread:
        """Upper bound on each cell's variance (Efron-Stein)."""
        n = self.leave_one_out.shape[0]
        every = np.arange(len(self.cells))
        return _spread(self.cells, n, ((every, self.leave_one_out[rows].T) for rows in blocks(n)))

    def variance(self) -> Floats:
        """Upper bound on each cell's variance (Efron-Stein)."""
        return self.spread().variance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scattered:
    """Cells as in ``Stepped`` whose changes are 0 for most subjects: figures of many groups and categories crossed.

    ``leave_one_out`` (n, cells) holds only the others, column by column.
    """

    cells: tuple[Cell, ...]
    figures: Floats
    leave_one_out: "sparse.csc_array"

    @property
    def channels(self) -> "sparse.csc_array":
        """What resampling weighs: the changes."""
        return self.leave_one_out

    def values(self) -> Floats:
        """Value of every cell."""
        return self.figures

    def at_means(self) -> AtMeans:
        """The figure plus the changes of subjects drawn more or less than once, linearised."""
        mean = np.asarray(self.leave_one_out.mean(axis=0), dtype=np.float64).ravel()
        return _linear(self.figures, self.leave_one_out.shape[0], mean)

    def spread(self) -> Spread:
        """Upper bound on each cell's variance (Efron-Stein)."""
        numbers = self.leave_one_out.data
        bounds = list(pairwise(self.leave_one_out.indptr.tolist()))
        squares = [numbers[start:stop] ** 2 for start, stop in bounds]
        first = np.array([np.abs(numbers[start:stop]).sum() for start, stop in bounds])
        second = np.array([square.sum() for square in squares])
        fourth = np.array([(square**2).sum() for square in squares])
        return _spread_of(self.cells, self.leave_one_out.shape[0], first, second, fourth)

    def variance(self) -> Floats:
        """Upper bound on each cell's variance (Efron-Stein)."""
        return self.spread().variance


Statistics = Smooth | Stepped | Scattered


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


def _linear(figures: Floats, n: int, mean: Floats) -> AtMeans:
    return lambda means: np.asarray(figures + n * (means - mean), dtype=np.float64)


def _spread(cells: Sequence[Cell], n: int, changes: Iterable[tuple[Ints, Floats]]) -> Spread:
    """From the changes that subjects cause, some cells and subjects at a time, (some, rows)."""
    first, second, fourth = np.zeros((3, len(cells)))
    for which, change in changes:
        square = change * change
        first[which] += np.abs(change).sum(axis=1)
        second[which] += square.sum(axis=1)
        fourth[which] += (square * square).sum(axis=1)
    return _spread_of(cells, n, first, second, fourth)


def _spread_of(cells: Sequence[Cell], n: int, first: Floats, second: Floats, fourth: Floats) -> Spread:
    """From the sums of sizes, of squares and of fourth powers of the changes that subjects cause.

    The variance of a sum of squares is estimated from fourth powers (Satterthwaite 1946): 2 n / (kurtosis - 1), which
    is n for normal changes and about twice the number of subjects concerned where few are. A cell's own n bounds it.
    Sizes tell whether most subjects vary, however unevenly: few who do have a small sum for their squares.
    """
    subjects = np.array([max(cell.n, 1) for cell in cells], dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = n * fourth / (second * second) - 1.0
        freedom = np.where(excess > 0.0, 2.0 * n / np.maximum(excess, 1e-9), np.inf)
        # One subject of n who differs changes the mean, and so all others by a little.
        alone = 4.0 * (1.0 - 1.0 / subjects)
        beyond = (first * first / second - alone) / np.maximum(_MOST * subjects - alone, 1e-9)
        unmoved = np.where(second > 0.0, 1.0 - beyond, 1.0)
    return Spread(
        variance=second,
        freedom=np.minimum(np.where(second > 0.0, freedom, np.inf), np.maximum(subjects - 1.0, 1.0)),
        unmoved=np.clip(np.nan_to_num(unmoved), 0.0, 1.0),
    )


def moderated(cells: Sequence[Cell], variance: Floats) -> Floats:
    """Variances that a small group's luck cannot make too small.

    Ten subjects who happen to agree have no variance of their own, and an interval from it would call their group
    different for certain. As in moderated t-tests (Smyth 2004), a group's variance per subject is weighed against that
    of all groups of the same metric, attribute and category, which counts like ten subjects; the larger of the two
    estimates is taken, so that no interval gets narrower.
    """
    found = variance.copy()
    subjects = np.array([cell.n for cell in cells], dtype=np.float64)
    families: dict[tuple[str | None, str | None, str], list[int]] = {}
    for at, cell in enumerate(cells):
        if cell.group is not None and cell.n > 0 and np.isfinite(variance[at]):
            families.setdefault((cell.attribute, cell.category, divided_by(cell.group)), []).append(at)
    for members in families.values():
        n = subjects[members]
        per_subject = n * variance[members]
        shared = (n * per_subject).sum() / n.sum()
        weighed = (_PRIOR_SUBJECTS * shared + (n - 1) * per_subject) / (_PRIOR_SUBJECTS + n - 1) / n
        found[members] = np.maximum(variance[members], weighed)
    return found


def blocks(n: int) -> Iterator[slice]:
    """Subjects, some at a time, so that their numbers stay near the processor while they are worked on."""
    return (slice(start, start + _ROWS) for start in range(0, n, _ROWS))
