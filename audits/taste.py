"""What a group of subjects is shown of each category, against everybody else, with and without taste held fixed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audits.categories import Attribute
from audits.evidence import ABSENT, Evidence, Grouping
from audits.statistics import Cell, Stepped

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Gap:
    """Differences of one group to the others, (c,), and what each subject contributes, (n, c)."""

    figures: Floats
    leave_one_out: Floats
    n: int


def category_gaps(evidence: Evidence, *, taste_held_fixed: bool) -> Stepped:
    """Cells by attribute, category and group: mean share of a group's lists less that of all others of the grouping.

    Only subjects with a history count, in both versions. With ``taste_held_fixed`` the difference is the coefficient of
    group membership in a regression of the list's share on membership and on the share of the same category in the
    subject's history, the slope common to both sides (analysis of covariance). What a subject's absence changes is
    exact in both versions. Groups are those of simple groupings, not of intersections.

    One column of n numbers for each cell: with many categories and groups, name the attributes that matter.
    """
    if evidence.history is None:
        msg = "gaps given taste need histories"
        raise ValueError(msg)
    cells: list[Cell] = []
    figures: list[Floats] = []
    changes: list[Floats] = []
    for attribute in evidence.attributes:
        shown, chosen = _shares(evidence.exposure, attribute), _shares(evidence.history, attribute)
        for grouping, code in _groups(evidence):
            gap = _gap(shown, chosen, grouping, code, taste_held_fixed=taste_held_fixed)
            cells += [_cell(attribute, category, grouping.labels[code], gap.n) for category in attribute.categories]
            figures.append(gap.figures)
            changes.append(gap.leave_one_out)
    return Stepped(cells=tuple(cells), figures=np.concatenate(figures), leave_one_out=np.hstack(changes))


def _cell(attribute: Attribute, category: str, group: str, n: int) -> Cell:
    return Cell(n=n, span=2.0, attribute=attribute.name, category=category, group=group, target=0.0)


def _groups(evidence: Evidence) -> Iterator[tuple[Grouping, int]]:
    # Not of intersections: categories times cells would be a family in which hardly anything is certain.
    simple = (grouping for grouping in evidence.groupings if not grouping.parts)
    return ((grouping, code) for grouping in simple for code in range(len(grouping.groups)))


def _shares(weights: "sparse.csr_array", attribute: Attribute) -> Floats:
    """Share of each category in what each subject has, (n, c), rows sum to 1; NaN where a subject has nothing."""
    with np.errstate(invalid="ignore"):
        mass = np.asarray(weights @ attribute.shares, dtype=np.float64)
        shares: Floats = mass / mass.sum(axis=1, keepdims=True)
        return shares


def _gap(shown: Floats, chosen: Floats, grouping: Grouping, code: int, *, taste_held_fixed: bool) -> _Gap:
    """Least squares of the lists' shares on two intercepts, and on the histories' shares where taste is held fixed.

    The difference of the intercepts is a weighted sum of the lists' shares; a subject's absence changes it by weight *
    residual / (1 - leverage), whatever the number of subjects.
    """
    used = (grouping.codes != ABSENT) & np.isfinite(chosen[:, 0]) & np.isfinite(shown[:, 0])
    y, x, inside = shown[used], chosen[used], grouping.codes[used] == code
    leave_one_out = np.zeros(shown.shape)
    sides = (inside, ~inside)
    n = min(int(side.sum()) for side in sides)
    if n == 0:
        return _Gap(figures=np.full(shown.shape[1], np.nan), leave_one_out=leave_one_out, n=0)
    y_within, x_within = np.empty_like(y), np.empty_like(x)
    for side in sides:
        y_within[side] = y[side] - y[side].mean(axis=0)
        x_within[side] = x[side] - x[side].mean(axis=0)
    gap = y[inside].mean(axis=0) - y[~inside].mean(axis=0)
    signed = np.where(inside, 1.0 / inside.sum(), -1.0 / (~inside).sum())[:, None]
    leverage = np.abs(signed)
    residual, weight = y_within, np.broadcast_to(signed, y.shape)
    if taste_held_fixed:
        squares = (x_within**2).sum(axis=0)
        # Where all histories of a side are alike there is no taste to hold fixed.
        inverse = np.divide(1.0, squares, out=np.zeros_like(squares), where=squares > _ROUNDING)
        slope = (x_within * y_within).sum(axis=0) * inverse
        apart = x[inside].mean(axis=0) - x[~inside].mean(axis=0)
        gap = gap - slope * apart
        residual = y_within - slope * x_within
        weight = signed - apart * inverse * x_within
        leverage = leverage + x_within**2 * inverse
    # Whoever determines a coefficient alone has leverage 1 and residual 0: there is nothing to compare with.
    leave_one_out[used] = weight * residual / np.maximum(1.0 - leverage, _ROUNDING)
    return _Gap(figures=gap, leave_one_out=leave_one_out, n=n)
