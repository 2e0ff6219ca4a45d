"""Prefix fairness of Yang & Stoyanovich (SSDBM 2017): a category's part of every tenth prefix against the catalogue.

The mean over lists of (1 / Z) sum over i = 10, 20, … of distance(part of the first i items, part of catalogue) / log2
i. Z is the same sum with the largest distance that a prefix can have in a catalogue with so many items of the category,
so a figure lies in [0, 1]. Parts are of labelled items; lists shorter than ten are not counted.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.evidence import ABSENT, Evidence
from audits.exposure import Labelled, category_cells, labelled
from audits.labels import counts
from audits.lists import list_means
from audits.remembered import remembered
from audits.statistics import Floats, Smooth

# Distance of a part of a prefix from a part of the catalogue, both in [0, 1].
Distance = Callable[[Floats, Floats], Floats]

STEP = 10
_ROWS = 4096


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cut:
    """The first ``length`` ranks of all lists.

    Attributes:
        length: how many ranks.
        parts: of each category, (n, c); with ``which`` the parts that are possible, (p, 1).
        which: for undivided items, which of the possible parts each list and category has, as position in a table (p,
            c), (n, c).
        reached: 1.0 where a list is as long, (n,).
    """

    length: int
    parts: Floats
    which: NDArray[np.int32] | None
    reached: Floats

    def distances(self, rows: slice, table: Floats | None, distance: Distance, parity: Floats) -> Floats:
        """Of some lists, (rows, c); ``table`` is the distance of each possible part."""
        if self.which is None or table is None:
            return distance(self.parts[rows], parity)
        return table.ravel().take(self.which[rows])


@remembered
def _cuts(evidence: Evidence) -> tuple[tuple[Cut, ...], ...]:
    """Every tenth prefix, for every attribute."""
    lengths = range(STEP, evidence.lists.shape[1] + 1, STEP)
    return tuple(tuple(_cut(evidence, each, length) for length in lengths) for each in labelled(evidence))


def _cut(evidence: Evidence, each: Labelled, length: int) -> Cut:
    received = _received(evidence, each, length)
    total = received.sum(axis=1)
    here = ((evidence.lists[:, length - 1] != ABSENT) & (total > 0)).astype(np.float64)
    some = np.where(total > 0, total, 1.0)
    if not each.labels.whole:
        received /= some[:, None]
        return Cut(length=length, parts=received, which=None, reached=here)
    # Undivided items make few parts, a whole number of a whole number, whose distances are looked up.
    number, column = np.arange(length + 1.0), np.arange(received.shape[1])
    parts = np.minimum(number[:, None] / np.maximum(number, 1.0), 1.0)
    received *= length + 1
    received += some[:, None]
    received *= column.size
    received += column
    return Cut(length=length, parts=parts.reshape(-1, 1), which=received.astype(np.int32), reached=here)


def _received(evidence: Evidence, each: Labelled, length: int) -> Floats:
    """Places among the first ``length`` that go to each category, (n, c), to be written to."""
    from scipy import sparse

    if each.labels.whole and length == evidence.lists.shape[1]:
        return each.slots.copy()
    lists = evidence.lists[:, :length]
    shown = lists != ABSENT
    ends = np.r_[0, np.cumsum(shown.sum(axis=1))]
    shape = (evidence.subjects, evidence.items)
    return counts(sparse.csr_array((np.ones(ends[-1], dtype=bool), lists[shown], ends), shape=shape), each.labels)


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
    tables = [None if cut.which is None else distance(cut.parts, each.parity) for cut in cuts]
    ratio, known = np.zeros((subjects, len(each.categories))), np.zeros(subjects)
    # Block by block, so that what is added up stays near the processor.
    for rows in (slice(at, at + _ROWS) for at in range(0, subjects, _ROWS)):
        sums: Floats = np.zeros_like(ratio[rows])
        scale: Floats = np.zeros_like(sums)
        for cut, table, largest in zip(cuts, tables, worst, strict=True):
            weight = (cut.reached[rows] / np.log2(cut.length))[:, None]
            sums += weight * cut.distances(rows, table, distance, each.parity)
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
