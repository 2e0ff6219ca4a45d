"""Prefix fairness of Yang & Stoyanovich (SSDBM 2017): a category's part of every tenth prefix against the catalogue."""

from collections.abc import Callable, Iterator

import numpy as np

from audits.evidence import Evidence
from audits.exposure import Labelled, category_cells, labelled
from audits.lists import list_means
from audits.prefixes import Prefix, over_prefixes
from audits.statistics import Floats, Smooth

# Distance of a part of a prefix from a part of the catalogue, both in [0, 1].
Distance = Callable[[Floats, Floats], Floats]

STEP = 10


def prefix_distance(evidence: Evidence, distance: Distance) -> Smooth:
    """Mean over lists of (1 / Z) sum over i = 10, 20, … of distance(part of first i, part of catalogue) / log2 i.

    Z is the same sum with the largest distance that a prefix of a catalogue with so many items of the category can
    have, so a figure lies in [0, 1]. Lists with fewer than ten labelled items are not counted.
    """
    cells, values, counted = [], [np.zeros((evidence.subjects, 0))], [np.zeros((evidence.subjects, 0))]
    for each in labelled(evidence):
        found = _per_list(evidence, each, distance)
        values.append(found[:, :-1])
        counted.append(found[:, -1:])
        cells.extend(category_cells(each, int(found[:, -1].sum()), span=1.0))
    owner = np.repeat(np.arange(len(values) - 1), [column.shape[1] for column in values[1:]])
    return list_means(cells, np.hstack(values), np.hstack(counted), owner)


def _per_list(evidence: Evidence, each: Labelled, distance: Distance) -> Floats:
    """Figures of every list, (n, c), and in a last column 1.0 where the list counts."""
    width = len(each.categories)
    worst = {i: _largest(i, each, distance) for i in range(STEP, evidence.lists.shape[1] + 1, STEP)}

    def measure(prefixes: Iterator[Prefix], rows: int) -> Floats:
        sums, scale = np.zeros((rows, width)), np.zeros((rows, width))
        for prefix in prefixes:
            if prefix.length not in worst:
                continue
            counted = (prefix.here & (prefix.total >= STEP - 0.5))[:, None] / np.log2(prefix.length)
            part = prefix.counts / np.where(prefix.total > 0, prefix.total, 1.0)[:, None]
            sums += counted * distance(part, each.parity)
            scale += counted * worst[prefix.length]
        known = (scale > 0).all(axis=1)
        ratio = np.minimum(sums / np.where(scale > 0, scale, 1.0), 1.0)
        return np.hstack([ratio * known[:, None], known[:, None]])

    return over_prefixes(evidence, each, measure, width + 1)


def _largest(length: int, each: Labelled, distance: Distance) -> Floats:
    """The largest distance that a prefix of this length can have, by category, (c,)."""
    own = each.shares.sum(axis=0)
    others = own.sum() - own
    drawn = np.arange(length + 1.0)[:, None]
    possible = (drawn <= np.ceil(own)) & (length - drawn <= np.ceil(others))
    return np.where(possible, distance(drawn / length, each.parity), 0.0).max(axis=0)
