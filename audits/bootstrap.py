"""Intervals by resampling subjects: simultaneous over a whole family of figures, and pointwise.

The unit is the subject, never the row: rows of one subject depend on each other, and a row bootstrap of an exposure
share covers about 66 % instead of 95 %. Simultaneous intervals are studentised max-t (after Cherian & Candès, arXiv
2305.03712): the largest |t| over all cells of a resample gives one critical value q, and figure ± q * standard error
then holds for all cells together.

A standard error that rests on few subjects is itself uncertain. As in the t-test, q is therefore carried over, at equal
tail probability, to Student's t with the cell's degrees of freedom (Bell & McCaffrey 2002 for the idea): in cells of
hundreds of subjects that changes nothing, in cells of ten it keeps the error rate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from audits.ahead import from_both_ends, one_thread_each
from audits.blocks import BLOCKS, blocks_of
from audits.columns import Columns, Held, Progress, Rounded
from audits.statistics import AtMeans, Cell, Statistics, moderated
from audits.weights import POISSON, TWO_POINT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# Statistics that are made together, when they are asked for.
Maker = Callable[[], Sequence[Statistics]]

FEW_SUBJECTS = 50
"""Below so many degrees of freedom in some cell, resamples use weights that leave no subject out."""
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """How to resample: ``replicates`` times from ``seed``, to coverage ``level``.

    A cell that rests on fewer than ``min_subjects`` gets no interval. From four times as many subjects on as there are
    ``blocks``, blocks of subjects drawn by the seed are resampled whole (``audits.blocks``).
    """

    replicates: int
    seed: int
    level: float = 0.95
    min_subjects: int = 1
    blocks: int = BLOCKS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Intervals:
    """One row per cell, in the order of the statistics given.

    Attributes:
        cells: the cells.
        values: figures; NaN where ``defined`` is False.
        defined: whether the figure and its interval exist.
        steady: False where some resample left a figure undefined that the input itself defines.
        standard_errors: 0 where resampling sees no variation.
        reach: how far the simultaneous interval reaches below and above the figure, (cells, 2); as far on both sides
            unless a cell knows more.
        pointwise_reach: the same of the interval for that cell alone.
        critical_value: q, the joint quantile of max |t| with its Monte-Carlo error added; cells of few subjects use a
            larger one.
        critical_value_error: Monte-Carlo standard error of q.
        makers: which of the makers each cell comes from.
        parts: which of its maker's statistics each cell comes from.
        units: what was resampled: subjects, or blocks of them.
        weights: name of the weights that resamples used.
    """

    cells: tuple[Cell, ...]
    values: Floats
    defined: NDArray[np.bool_]
    steady: NDArray[np.bool_]
    standard_errors: Floats
    reach: Floats
    pointwise_reach: Floats
    critical_value: float
    critical_value_error: float
    makers: Ints
    parts: Ints
    units: str
    weights: str

    @property
    def half_widths(self) -> Floats:
        """Of the simultaneous interval: how far it reaches on its longer side."""
        return np.asarray(self.reach.max(axis=1), dtype=np.float64)

    @property
    def pointwise_half_widths(self) -> Floats:
        """The same of the interval for that cell alone."""
        return np.asarray(self.pointwise_reach.max(axis=1), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Member:
    """What the family keeps of a statistic once its columns are held: everything but arrays over subjects."""

    cells: tuple[Cell, ...]
    values: Floats
    errors: Floats
    freedom: Floats
    unmoved: Floats
    held: Held
    at_means: AtMeans

    def resampled(self, totals: Floats, weight: Floats) -> Floats:
        """Figures of every resample, (replicates, cells), from the columns' weighted totals."""
        means = totals[:, self.held.positions] / weight[:, None]
        return self.at_means(self.held.base + self.held.step * means)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Reduced:
    """A statistic without its numbers of each subject, whose columns are not kept yet."""

    cells: tuple[Cell, ...]
    values: Floats
    errors: Floats
    freedom: Floats
    unmoved: Floats
    rounded: Rounded
    at_means: AtMeans


def intervals(
    statistics: Sequence[Statistics],
    resampling: Resampling,
    *,
    order: Ints | None = None,
    progress: Progress | None = None,
) -> Intervals:
    """Intervals for every cell of every statistic, all from the same resamples: see ``intervals_of``."""
    if not statistics:
        msg = "intervals: expected at least one statistic, got none"
        raise ValueError(msg)
    order = np.arange(statistics[0].channels.shape[0]) if order is None else order
    makers = [lambda each=each: (each,) for each in statistics]
    return intervals_of(makers, resampling, order=order, progress=progress)


@one_thread_each()
def intervals_of(
    makers: Sequence[Maker], resampling: Resampling, *, order: Ints, progress: Progress | None = None
) -> Intervals:
    """Intervals for every cell of all statistics that are made, all from the same resamples.

    Statistics are over the same subjects in the same order. Two threads make them, and each statistic is let go before
    its thread makes the next, which keeps memory low. ``order`` (n,) lists subjects, those of one group beside each
    other, which is faster; drawing goes by it. ``progress(done, replicates)`` is called on the way.

    Guarantees:
      - deterministic in seed and input, whatever the number of threads and whichever statistic is made first
      - no interval is narrower than the normal one, pointwise intervals are no wider than simultaneous ones
      - a cell without variation gets the exact binomial width, not width 0: if none of n subjects differs, the share of
        subjects that would differ is below 1 - alpha^(1/n)
      - a cell that few subjects carry gets that width at least, for the same is true of a kind of subject that none of
        n is: it goes down evenly as more subjects vary and is gone where most do, so one more narrows none by a jump
      - an interval that reaches less far than its resamples say does so by a bound of the cell's own (``Cell.reach``)
    """
    columns = Columns(order.size, order, blocks_of(order.size, resampling.blocks, resampling.seed))
    entered = _entered(makers, columns)
    members = [member for each in entered for member in each]
    cells = tuple(cell for each in members for cell in each.cells)
    values, errors, freedom, unmoved = (
        np.concatenate([getattr(each, name) for each in members]) for name in ("values", "errors", "freedom", "unmoved")
    )
    supported = np.array([cell.n >= resampling.min_subjects for cell in cells])
    defined = np.isfinite(values) & np.isfinite(errors) & supported
    varying = defined & (errors > _ROUNDING * np.maximum(1.0, np.abs(np.where(defined, values, 0.0))))
    weights = TWO_POINT if freedom[varying].min(initial=np.inf) < FEW_SUBJECTS else POISSON

    totals, weight = columns.totals(weights, resampling.seed, resampling.replicates, progress=progress)
    t = _studentised(members, totals, weight)[:, varying]
    # A cell that some resample cannot compute has no honest interval: dropping such resamples would narrow it.
    steady = np.ones(len(cells), dtype=bool)
    steady[varying] = np.isfinite(t).all(axis=0)
    t, varying, defined = t[:, steady[varying]], varying & steady, defined & steady

    normal = NormalDist().inv_cdf((1 + resampling.level) / 2)
    q, q_error = _critical(t, resampling.level, least=normal)
    alpha, family = 1 - resampling.level, max(1, int(defined.sum()))
    half, pointwise = _half_widths(t, errors, freedom, varying, q=q, level=resampling.level)
    reach = partial(_reach, cells, values=values, errors=np.where(varying, errors, 0.0), unmoved=unmoved)
    return Intervals(
        cells=cells,
        values=np.where(defined, values, np.nan),
        defined=defined,
        steady=steady,
        standard_errors=np.where(varying, errors, 0.0),
        reach=reach(half, alpha / family, least=q),
        pointwise_reach=reach(pointwise, alpha, least=normal),
        critical_value=q,
        critical_value_error=q_error,
        makers=np.repeat(np.arange(len(makers)), [sum(len(part.cells) for part in each) for each in entered]),
        parts=np.concatenate([np.full(len(part.cells), at) for each in entered for at, part in enumerate(each)]),
        units=columns.units,
        weights=weights.name,
    )


def _critical(t: Floats, level: float, *, least: float) -> tuple[float, float]:
    """What the largest |t| of a resample stays below at this level, and its Monte-Carlo error, which it includes."""
    q, error = _quantile(t.max(axis=1, initial=0.0), level)
    # The luck of the resamples must not narrow an interval.
    return max(q + error, least), error


def _studentised(members: Sequence[_Member], totals: Floats, weight: Floats) -> Floats:
    """|t| of every cell, (replicates, cells); not finite where a cell never varies or a resample undoes it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.hstack([np.abs(each.resampled(totals, weight) - each.values) / each.errors for each in members])


def _entered(makers: Sequence[Maker], columns: Columns) -> list[list[_Member]]:
    """What is kept of the statistics of each maker."""

    def reduced(make: Maker) -> list[_Reduced]:
        return [_reduced(each, columns) for each in make()]

    entered: list[list[_Member]] = [[] for _ in makers]
    for place, found in from_both_ends([partial(reduced, make) for make in makers]):
        entered[place] = [_member(each, columns) for each in found]
    return entered


def _reduced(statistic: Statistics, columns: Columns) -> _Reduced:
    spread = statistic.spread()
    return _Reduced(
        cells=statistic.cells,
        values=statistic.values(),
        errors=np.sqrt(moderated(statistic.cells, spread.variance)),
        freedom=spread.freedom,
        unmoved=spread.unmoved,
        rounded=columns.rounded(statistic.channels),
        at_means=statistic.at_means(),
    )


def _member(each: _Reduced, columns: Columns) -> _Member:
    return _Member(
        cells=each.cells,
        values=each.values,
        errors=each.errors,
        freedom=each.freedom,
        unmoved=each.unmoved,
        held=columns.keep(each.rounded),
        at_means=each.at_means,
    )


def _student(critical: Floats, freedom: Floats) -> Floats:
    """Student's t quantiles with the tail probabilities that ``critical`` has for a normal figure.

    The root undoes that variances divide by n and not by n - 1.
    """
    from scipy import special  # takes a while, which who only reads a report need not wait for

    many = ~np.isfinite(freedom)
    few = np.where(many, 1.0, freedom)
    found = -special.stdtrit(few, special.ndtr(-critical)) * np.sqrt(1.0 + 1.0 / few)
    return np.asarray(np.where(many, critical, np.maximum(found, critical)), dtype=np.float64)


def _quantile(largest: Floats, level: float) -> tuple[float, float]:
    """The quantile and its Monte-Carlo standard error, from the binomial spread of its rank."""
    spread = np.sqrt(level * (1 - level) / largest.size)
    low, q, high = np.quantile(largest, [max(level - spread, 0.0), level, min(level + spread, 1.0)])
    return float(q), float((high - low) / 2)


def _half_widths(
    t: Floats, errors: Floats, freedom: Floats, varying: NDArray[np.bool_], *, q: float, level: float
) -> tuple[Floats, Floats]:
    """Half widths, simultaneous and pointwise, from |t| of the cells that vary; 0 of the others."""
    half, pointwise = np.zeros((2, varying.size))
    if varying.any():
        normal = NormalDist().inv_cdf((1 + level) / 2)
        alone = np.minimum(np.maximum(np.quantile(t, level, axis=0), normal), q)
        half[varying] = _student(np.full(alone.size, q), freedom[varying]) * errors[varying]
        pointwise[varying] = _student(alone, freedom[varying]) * errors[varying]
    return half, pointwise


def _reach(
    cells: Sequence[Cell], half: Floats, error: float, *, least: float, values: Floats, errors: Floats, unmoved: Floats
) -> Floats:
    """How far intervals reach below and above, (cells, 2): at least as far as what was not seen could carry figures.

    No further than a cell knows, nor less than ``least`` standard errors.
    """
    unseen = _unseen(cells, np.nan_to_num(values), np.where(errors > 0.0, unmoved, 1.0), error)
    reach = np.maximum(half[:, None], unseen)
    for at, cell in enumerate(cells):
        if cell.reach is not None:
            reach[at] = np.minimum(reach[at], np.maximum(cell.reach(error), least * errors[at]))
    return np.asarray(reach, dtype=np.float64)


def _unseen(cells: Sequence[Cell], values: Floats, unmoved: Floats, error: float) -> Floats:
    """How far subjects of a kind that is not among the n could carry figures down and up, (cells, 2).

    n equal draws all miss a kind with this probability if its share is 1 - error^(1/n). Where most subjects vary, they
    are taken to show how far others do; where hardly any does (``unmoved`` near 1), those few show no such thing.
    """
    share = np.array([1.0 - error ** (1.0 / max(cell.n, 1)) for cell in cells]) * unmoved
    span, ends = np.array([cell.span for cell in cells]), np.array([cell.ends for cell in cells]).reshape(-1, 2)
    return np.asarray(np.minimum(span[:, None], np.abs(ends - values[:, None])) * share[:, None], dtype=np.float64)
