"""What a group of subjects is shown of each category, against everybody else, with and without taste held fixed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audits.categories import Attribute
from audits.evidence import ABSENT, Evidence, Grouping
from audits.labels import mass
from audits.statistics import Cell, Stepped

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROUNDING = 1e-12
_SAME = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Divided:
    """Shares of the subjects whom a grouping divides and who have a history, and their sums by group.

    ``shown`` and ``chosen`` are (used, c); sums are (groups, c), ``sizes`` (groups,).
    """

    used: NDArray[np.bool_]
    codes: Ints
    shown: Floats
    chosen: Floats
    sizes: Floats
    sums: Floats
    chosen_sums: Floats
    squares: Floats
    products: Floats


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
    # Empty ones first: groups may name none of the subjects.
    figures: list[Floats] = [np.empty(0)]
    changes: list[Floats] = [np.empty((evidence.subjects, 0))]
    for attribute in evidence.attributes:
        shown, chosen = _shares(evidence.exposure, attribute), _shares(evidence.history, attribute)
        # Not of intersections: categories times cells would be a family in which hardly anything is certain.
        for grouping in (each for each in evidence.groupings if not each.parts):
            divided = _divided(shown, chosen, grouping)
            for code, label in enumerate(grouping.labels):
                n = int(min(divided.sizes[code], divided.sizes.sum() - divided.sizes[code]))
                cells += [_cell(attribute, category, label, n) for category in attribute.categories]
                figure, change = _gap(divided, code, taste_held_fixed=taste_held_fixed)
                figures.append(figure)
                changes.append(change)
    return Stepped(cells=tuple(cells), figures=np.concatenate(figures), leave_one_out=np.hstack(changes))


def _cell(attribute: Attribute, category: str, group: str, n: int) -> Cell:
    return Cell(n=n, span=2.0, attribute=attribute.name, category=category, group=group, target=0.0)


def _shares(weights: "sparse.csr_array", attribute: Attribute) -> Floats:
    """Share of each category in what each subject has, (n, c), rows sum to 1; NaN where a subject has nothing."""
    with np.errstate(invalid="ignore"):
        total = mass(weights, attribute.labels)
        shares: Floats = total / total.sum(axis=1, keepdims=True)
        return shares


def _divided(shown: Floats, chosen: Floats, grouping: Grouping) -> _Divided:
    from scipy import sparse

    used = (grouping.codes != ABSENT) & np.isfinite(chosen[:, 0]) & np.isfinite(shown[:, 0])
    codes, y, x = grouping.codes[used], shown[used], chosen[used]
    shape = (len(grouping.groups), codes.size)
    members = sparse.csr_array((np.ones(codes.size), (codes, np.arange(codes.size))), shape=shape)
    sums, chosen_sums, squares, products = (np.asarray(members @ each) for each in (y, x, x * x, x * y))
    return _Divided(
        used=used,
        codes=codes,
        shown=y,
        chosen=x,
        sizes=np.bincount(codes, minlength=len(grouping.groups)).astype(np.float64),
        sums=sums,
        chosen_sums=chosen_sums,
        squares=squares,
        products=products,
    )


def _gap(divided: _Divided, code: int, *, taste_held_fixed: bool) -> tuple[Floats, Floats]:
    """Difference of one group to the others, (c,), and what each subject's absence changes, (n, c).

    Least squares of the lists' shares on two intercepts, and on the histories' shares where taste is held fixed. The
    difference of the intercepts is a weighted sum of the lists' shares; a subject's absence changes it by weight *
    residual / (1 - leverage), whatever the number of subjects.
    """
    y, x = divided.shown, divided.chosen
    change = np.zeros((divided.used.size, y.shape[1]))
    # The others first, then the group: what is picked by ``inside``.
    sizes = np.array([divided.sizes.sum() - divided.sizes[code], divided.sizes[code]])
    if sizes.min() == 0:
        return np.full(y.shape[1], np.nan), change
    y_means, x_means = (_sides(each, code) / sizes[:, None] for each in (divided.sums, divided.chosen_sums))
    inside = (divided.codes == code).astype(np.intp)
    weight = (np.array([-1.0, 1.0]) / sizes)[inside][:, None]
    leverage = np.abs(weight)
    residual = y - y_means[inside]
    figure = y_means[1] - y_means[0]
    if taste_held_fixed:
        squares = divided.squares.sum(axis=0) - (sizes[:, None] * x_means**2).sum(axis=0)
        products = divided.products.sum(axis=0) - (sizes[:, None] * x_means * y_means).sum(axis=0)
        # Where all histories of a side are alike there is no taste to hold fixed.
        varies = squares > _SAME * divided.squares.sum(axis=0)
        inverse = np.divide(1.0, squares, out=np.zeros_like(squares), where=varies)
        slope, apart = products * inverse, x_means[1] - x_means[0]
        within = x - x_means[inside]
        figure = figure - slope * apart
        residual -= slope * within
        weight = weight - apart * inverse * within
        leverage = leverage + within * within * inverse
    # Whoever determines a coefficient alone has leverage 1 and residual 0: there is nothing to compare with.
    change[divided.used] = weight * residual / np.maximum(1.0 - leverage, _ROUNDING)
    return figure, change


def _sides(sums: Floats, code: int) -> Floats:
    """Sums over the others and over the group, (2, c)."""
    return np.stack([sums.sum(axis=0) - sums[code], sums[code]])
