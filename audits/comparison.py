"""One recommender against another on the same subjects: differences subject by subject.

Paired, a difference varies far less than two figures apart, because what makes one subject's lists better or worse is
in both.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from audits.channels import beside
from audits.statistics import Cell, Reach, Scattered, Smooth, Statistics, Stepped


def difference(candidate: Statistics, baseline: Statistics) -> Statistics:
    """Every figure of the candidate less that of the baseline; 0 is no change.

    Both are of one metric, over the same subjects in the same order.

    Raises:
        ValueError: the two have different cells, or are of different kinds.
    """
    if [_about(cell) for cell in candidate.cells] != [_about(cell) for cell in baseline.cells]:
        msg = f"comparison: expected the same {len(candidate.cells)} cells, got {len(baseline.cells)} or others"
        raise ValueError(msg)
    cells = tuple(_cell(ours, theirs) for ours, theirs in zip(candidate.cells, baseline.cells, strict=True))
    if isinstance(candidate, Stepped) and isinstance(baseline, Stepped):
        return Stepped(
            cells=cells,
            figures=candidate.figures - baseline.figures,
            leave_one_out=candidate.leave_one_out - baseline.leave_one_out,
        )
    if isinstance(candidate, Scattered) and isinstance(baseline, Scattered):
        return Scattered(
            cells=cells,
            figures=candidate.figures - baseline.figures,
            leave_one_out=candidate.leave_one_out - baseline.leave_one_out,
        )
    if isinstance(candidate, Smooth) and isinstance(baseline, Smooth):
        return _smooth(cells, candidate, baseline)
    msg = "comparison: expected two statistics of one kind"
    raise ValueError(msg)


def _cell(ours: Cell, theirs: Cell) -> Cell:
    """What a difference is about. Both figures range over one span, so it lies no further from 0 than that."""
    most = max(ours.span, theirs.span)
    return replace(
        ours,
        n=min(ours.n, theirs.n),
        span=ours.span + theirs.span,
        target=0.0,
        ends=(-most, most),
        reach=_reach(ours, theirs),
    )


def _reach(ours: Cell, theirs: Cell) -> Reach | None:
    """How far a difference reaches: as far as ours one way and theirs the other, half of the error for each."""
    here, there = ours.reach, theirs.reach
    if here is None or there is None:
        return None

    def both(error: float) -> tuple[float, float]:
        (below, above), (lower, higher) = here(error / 2), there(error / 2)
        return below + higher, above + lower

    return both


def _about(cell: Cell) -> Cell:
    # Lists of another length span another range, and rest on other subjects.
    return replace(cell, n=0, span=0.0, ends=(0.0, 0.0))


def _smooth(cells: tuple[Cell, ...], candidate: Smooth, baseline: Smooth) -> Smooth:
    width = candidate.channels.shape[1]
    # The functions alone: a closure over the statistics would keep their arrays alive.
    ours, theirs = candidate.value_of, baseline.value_of

    def value_of(means: NDArray[np.inexact]) -> NDArray[np.inexact]:
        return ours(means[..., :width]) - theirs(means[..., width:])

    return Smooth(cells=cells, channels=beside(candidate.channels, baseline.channels), value_of=value_of)
