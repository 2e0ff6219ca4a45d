"""Whether recommendations amplify what a group of subjects leans to."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from audits.evidence import Evidence
from audits.exposure import Labelled, labelled
from audits.labels import mass
from audits.metrics.metric import Metric
from audits.statistics import Cell, Floats, Scattered

Ints = NDArray[np.int64]

_SMALLEST_SHARE = 1e-3


def measure(evidence: Evidence) -> Scattered:
    """Bias disparity of every group of subjects and category: (B_R - B_S) / B_S.

    B_S(a, g) = P_S(g | a) / P(g), with P_S the category's part of the group's history by weight, P its part of the
    catalogue; B_R the same over the places of the lists. P(g) cancels: it is P_R / P_S - 1. Known categories only.
    Range [-1, inf), 0 where lists keep the group's leaning, above 0 they amplify it. One row for all subjects, then one
    for each group; n is the number of subjects of the group whose history has the category, and 0 leaves it undefined.
    Tsintzou, Pitoura & Tsaparas (2018).

    Example: a group's history is one quarter documentaries, its lists one half: 0.5 / 0.25 - 1 = 1.
    """
    from scipy import sparse  # takes a while, which who only reads a report need not wait for

    if evidence.history is None:
        msg = "bias disparity needs a history"
        raise ValueError(msg)
    kinds, groups = labelled(evidence), tuple(_groups(evidence))
    columns = [members.size for each in kinds for _, members in groups for _ in each.categories]
    ends = np.r_[0, np.cumsum(columns, dtype=np.int64)]
    # Filled in place: parts put together afterwards would be there twice.
    numbers, rows = np.empty(ends[-1]), np.empty(ends[-1], dtype=np.int32)
    cells: list[Cell] = []
    figures = [np.zeros(0)]
    for each in kinds:
        chosen = mass(evidence.history, each.labels)
        for label, members in groups:
            theirs = chosen[members]
            figure, change = amplification(each.slots[members], theirs)
            place, shape = slice(ends[len(cells)], ends[len(cells) + figure.size]), change.T.shape
            numbers[place].reshape(shape)[:], rows[place].reshape(shape)[:] = change.T, members
            cells += _cells(each, label, theirs)
            figures.append(figure)
    shape = (evidence.subjects, len(cells))
    changes = sparse.csc_array((numbers, rows, ends), shape=shape)
    return Scattered(cells=tuple(cells), figures=np.concatenate(figures), leave_one_out=changes)


def _groups(evidence: Evidence) -> Iterator[tuple[str | None, Ints]]:
    """All subjects, then each group: name and positions."""
    yield None, np.arange(evidence.subjects)
    for grouping in evidence.groupings:
        for code, label in enumerate(grouping.labels):
            yield label, np.flatnonzero(grouping.codes == code)


def amplification(shown: Floats, chosen: Floats) -> tuple[Floats, Floats]:
    """P_R / P_S - 1 by category (c,), and its first-order change by subject (n, c), from counts by subject (n, c).

    The figure is not finite where nothing was chosen or nothing shown; the change is 0 there.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        part, due = _part(shown), _part(chosen)
        ratio = part / due
        # d ln P = own part of the category - own part of everything; P_R is kept outside the logarithm, it may be 0.
        change = shown / shown.sum()
        change -= part * (shown.sum(axis=1) / shown.sum())[:, None]
        change /= due
        earned = chosen / chosen.sum(axis=0)
        earned -= (chosen.sum(axis=1) / chosen.sum())[:, None]
        earned *= ratio
        change -= earned
    change[~np.isfinite(change)] = 0.0
    return ratio - 1.0, change


def _part(counts: Floats) -> Floats:
    part: Floats = counts.sum(axis=0) / counts.sum()
    return part


def _cells(each: Labelled, label: str | None, chosen: Floats) -> list[Cell]:
    total = chosen.sum()
    parts = np.maximum(chosen.sum(axis=0) / total, _SMALLEST_SHARE) if total > 0 else np.ones(chosen.shape[1])
    return [
        Cell(n=int(n), span=1.0 / part, attribute=each.attribute, category=name, group=label, target=0.0)
        for n, part, name in zip((chosen > 0).sum(axis=0), parts.tolist(), each.categories, strict=True)
    ]


METRIC = Metric(
    slug="bias_disparity",
    title="Amplification of a group's leaning (bias disparity)",
    formula="the category's share of the group's recommended places / its share of the group's history, less 1",
    low=-1.0,
    high=math.inf,
    better="target",
    needs=frozenset({"attributes", "history"}),
    measure=measure,
)
