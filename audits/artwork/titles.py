"""Whom the images of each title show, against who plays in it."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.artwork.measures import cast_of_rows
from audits.artwork.tables import ArtworkInput, Gallery

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class TitleCast:
    """One title and group of people: billed, shown, and how far apart.

    ``log_ratio`` is ln(shown / billed), None where the group is never shown; ``low`` and ``high`` are ends for it that
    hold for all titles and groups together; None is no end on that side.
    """

    title: str
    group: str
    billed: float
    shown: float
    log_ratio: float | None
    low: float | None
    high: float | None
    subjects: int


def cast_by_title(gallery: Gallery, given: ArtworkInput, *, level: float, min_subjects: int) -> tuple[TitleCast, ...]:
    """Every title that ``min_subjects`` saw, worst first: largest distance from 0 of the nearer end.

    Within a title the billed share is fixed, so the interval is that of the shown share: a ratio of sums over subjects
    with its delta-method error, at 1 - (1 - level) / rows each (Bonferroni). Where all images shown hold the same
    share, nothing varies: then as many other subjects as equal draws allow could have seen any share.
    """
    groups, shown, billed, counted = cast_of_rows(gallery, given)
    seen = np.flatnonzero(counted > 0)
    pairs, pair = np.unique(np.stack([gallery.title[seen], gallery.subject[seen]]), axis=1, return_inverse=True)
    pair = pair.ravel()
    size = np.bincount(pair)
    sums = np.stack([np.bincount(pair, weights=shown[seen, g]) for g in range(len(groups))], axis=1).astype(np.float64)
    subjects = np.bincount(pairs[0], minlength=len(gallery.titles))
    titles = np.flatnonzero(subjects >= max(min_subjects, 1))
    error = (1.0 - level) / max(titles.size * len(groups), 1)
    billed_by_title = np.zeros((len(gallery.titles), len(groups)))
    billed_by_title[gallery.title[seen]] = billed[seen]
    ends = np.r_[0, np.cumsum(subjects)]
    rows = []
    for t in titles:
        here = slice(ends[t], ends[t + 1])
        for g, group in enumerate(groups):
            part = float(billed_by_title[t, g])
            if part > 0:
                found = _shown_share(sums[here, g], size[here], error)
                rows.append(_row(gallery.titles[t], group, part, found, int(subjects[t])))
    return tuple(sorted(rows, key=lambda row: (-_distance(row), row.title, row.group)))


def _shown_share(shown: Floats, size: Ints, error: float) -> tuple[float, float, float]:
    """Low, value and high of sum(shown) / sum(size) over subjects."""
    from scipy.special import stdtrit

    n, total = int(size.size), float(size.sum())
    share = float(shown.sum()) / total
    residual = shown - share * size
    half = math.sqrt(float(residual @ residual) * n / max(n - 1, 1)) / total
    # The largest part of other subjects that n alike leave possible, or Student's t.
    half = 1.0 - error ** (1.0 / n) if half < _ROUNDING else half * float(stdtrit(n - 1, 1.0 - error / 2.0))
    return max(share - half, 0.0), share, min(share + half, 1.0)


def _row(title: str, group: str, billed: float, found: tuple[float, float, float], subjects: int) -> TitleCast:
    low, log_ratio, high = (math.log(share / billed) if share > 0 else None for share in found)
    return TitleCast(
        title=title,
        group=group,
        billed=billed,
        shown=found[1],
        log_ratio=log_ratio,
        low=low,
        high=high,
        subjects=subjects,
    )


def _distance(row: TitleCast) -> float:
    """How far from parity the title surely is."""
    below = -row.high if row.high is not None else 0.0
    above = row.low if row.low is not None else 0.0
    return max(below, above, 0.0)
