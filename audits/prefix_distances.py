"""Prefix fairness of Yang & Stoyanovich (SSDBM 2017): a category's part of every tenth prefix against the catalogue.

The mean over lists of (1 / Z) sum over i = 10, 20, … of distance(part of the first i items, part of catalogue) / log2
i. Z is the same sum with the largest distance that a prefix can have in a catalogue with so many items of the category,
so a figure lies in [0, 1]. Parts are of labelled items; lists shorter than ten are not counted.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from audits.evidence import ABSENT, Evidence
from audits.exposure import Labelled, category_cells, labelled
from audits.lists import list_means
from audits.remembered import remembered
from audits.statistics import Floats, Smooth

# Distance of a part of a prefix from a part of the catalogue, both in [0, 1].
Distance = Callable[[Floats, Floats], Floats]

STEP = 10
_ROWS = 4096


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cut:
    """The first ``length`` ranks of all lists: parts by category (n, c), and 1.0 where a list is as long (n,)."""

    length: int
    parts: Floats
    reached: Floats


@remembered
def _cuts(evidence: Evidence) -> tuple[tuple[Cut, ...], ...]:
    """Every tenth prefix, for every attribute."""
    lengths = range(STEP, evidence.lists.shape[1] + 1, STEP)
    return tuple(tuple(_cut(evidence, each, length) for length in lengths) for each in labelled(evidence))


def _cut(evidence: Evidence, each: Labelled, length: int) -> Cut:
    from scipy import sparse

    lists = evidence.lists[:, :length]
    shown = lists != ABSENT
    ends = np.r_[0, np.cumsum(shown.sum(axis=1))]
    first = sparse.csr_array((np.ones(ends[-1]), lists[shown], ends), shape=(evidence.subjects, evidence.items))
    counts = np.asarray(first @ each.shares)
    total = counts.sum(axis=1)
    here = (lists[:, -1] != ABSENT) & (total > 0)
    return Cut(length=length, parts=counts / np.where(total > 0, total, 1.0)[:, None], reached=here.astype(np.float64))


def prefix_distance(evidence: Evidence, distance: Distance) -> Smooth:
    """A figure for every category, list by list, with this distance."""
    cells, values, counted = [], [np.zeros((evidence.subjects, 0))], [np.zeros((evidence.subjects, 0))]
    for each, cuts in zip(labelled(evidence), _cuts(evidence), strict=True):
        ratio, known = _per_list(each, cuts, distance, evidence.subjects)
        values.append(ratio)
        counted.append(known[:, None])
        cells.extend(category_cells(each, int(known.sum()), span=1.0))
    owner = np.repeat(np.arange(len(values) - 1), [column.shape[1] for column in values[1:]])
    return list_means(cells, np.hstack(values), np.hstack(counted), owner)


def _per_list(each: Labelled, cuts: tuple[Cut, ...], distance: Distance, subjects: int) -> tuple[Floats, Floats]:
    """Figures of every list, (n, c), and 1.0 where the list counts, (n,)."""
    worst = [_largest(cut.length, each, distance) for cut in cuts]
    ratio, known = np.zeros((subjects, len(each.categories))), np.zeros(subjects)
    # Block by block, so that what is added up stays near the processor.
    for rows in (slice(at, at + _ROWS) for at in range(0, subjects, _ROWS)):
        sums: Floats = np.zeros_like(ratio[rows])
        scale: Floats = np.zeros_like(sums)
        for cut, largest in zip(cuts, worst, strict=True):
            weight = (cut.reached[rows] / np.log2(cut.length))[:, None]
            sums += weight * distance(cut.parts[rows], each.parity)
            scale += weight * largest
        known[rows] = (scale > 0).all(axis=1)
        ratio[rows] = np.minimum(sums / np.where(scale > 0, scale, 1.0), 1.0)
    return ratio, known


def _largest(length: int, each: Labelled, distance: Distance) -> Floats:
    """The largest distance that a prefix of this length can have, by category, (c,)."""
    own = each.shares.sum(axis=0)
    others = own.sum() - own
    drawn = np.arange(length + 1.0)[:, None]
    possible = (drawn <= np.ceil(own)) & (length - drawn <= np.ceil(others))
    return np.asarray(np.where(possible, distance(drawn / length, each.parity), 0.0).max(axis=0), dtype=np.float64)
