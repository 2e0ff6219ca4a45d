"""Prefixes of single lists: how much of an item's category stands above it, and sums that depend on such counts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audits.evidence import ABSENT, Evidence
from audits.labels import Labels
from audits.statistics import Floats

Ints = NDArray[np.int64]

_ROWS = 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """The places of some lists, rank by rank, and at each rank one label of the item there after the other.

    Attributes:
        items: at each rank, 0 after a list's end, (k, rows).
        shown: whether a list reaches a rank, (k, rows).
        categories: of each label, (k * w, rows).
        above: how much of the category stands above the label, (k * w, rows).
        added: how much of it the label adds, 0 after a list's end, (k * w, rows).
    """

    items: Ints
    shown: NDArray[np.bool_]
    categories: Ints
    above: Floats
    added: Floats


def standing(lists: Ints, labels: Labels, held: Floats) -> Standing:
    """From lists (rows, k); ``held`` (m, w) says how much each label of an item adds to its category."""
    rows, k = lists.shape
    width = labels.categories.shape[1]
    shown = lists.T != ABSENT
    items = np.where(shown, lists.T, 0)
    categories, added = np.empty((k, width, rows), dtype=np.int64), np.empty((k, width, rows))
    for slot in range(width):
        categories[:, slot] = np.ascontiguousarray(labels.categories[:, slot]).take(items)
        np.multiply(np.ascontiguousarray(held[:, slot]).take(items), shown, out=added[:, slot])
    flat, steps = categories.reshape(k * width, rows), added.reshape(k * width, rows)
    above, counts = np.empty(steps.shape), np.zeros(rows * labels.width)
    for at, place in enumerate(flat + np.arange(0, rows * labels.width, labels.width)):
        before = counts.take(place, out=above[at])
        counts[place] = before + steps[at]
    return Standing(items=items, shown=shown, categories=flat, above=above, added=steps)


def so_far(numbers: Floats) -> Floats:
    """Sums over the first 1, 2 … rows, in place: rows lie in one piece, and ``cumsum`` would go down the columns."""
    for before, row in pairwise(numbers):
        np.add(before, row, out=row)
    return numbers


def some_lists(lists: Ints) -> Iterator[tuple[slice, Ints]]:
    """A thousand lists at a time, which stay near the processor."""
    for at in range(0, lists.shape[0], _ROWS):
        rows = slice(at, min(at + _ROWS, lists.shape[0]))
        yield rows, lists[rows]


def over_prefixes(evidence: Evidence, labels: Labels, tables: Sequence[Floats]) -> list[Floats]:
    """Sum over the prefixes i = 1..length of each list of ``table[i - 1, T_i, g]``, for every category g, (n, c).

    T_i is the number of items that have some of the category among the first i; each table is (k, k + 1, c). An item
    that raises a count from t to t + 1 at rank r changes the sum from r to the list's end by the difference of two
    cumulated rows: a list costs its items' categories, not all categories at all ranks.
    """
    has = (labels.shares > 0).astype(np.float64)
    cumulated = [np.concatenate([np.zeros((1, *table.shape[1:])), np.cumsum(table, axis=0)]) for table in tables]
    steps = [np.diff(each, axis=1, append=0.0) for each in cumulated]
    found = [np.empty((evidence.subjects, labels.width)) for _ in tables]
    for rows, lists in some_lists(evidence.lists):
        here = standing(lists, labels, has)
        length = here.shown.sum(axis=0)
        place = (here.categories + np.arange(0, length.size * labels.width, labels.width)).ravel()
        for sums, all_sums, step in zip(found, cumulated, steps, strict=True):
            sums[rows] = all_sums[length, 0]
            np.add.at(sums[rows].reshape(-1), place, (_changes(here, length, step) * here.added).ravel())
    return found


def _changes(here: Standing, length: Ints, step: Floats) -> Floats:
    """By how much a sum changes for every label that raises a count, (k * w, rows)."""
    kept, (counts, width) = here.categories.shape[0] // here.items.shape[0], step.shape[1:]
    rank = np.repeat(np.arange(here.items.shape[0]), kept)
    # One index into flat memory is found faster than three.
    row = here.above.astype(np.int64) * width + here.categories
    if length.min() == length.max():
        # Of lists of one length the difference of both rows is looked up at once.
        found: Floats = (step[length[0]] - step).ravel().take(row + (rank * counts * width)[:, None])
        return found
    flat: Floats = step.ravel()
    at_end: Floats = flat.take(row + length * (counts * width))
    at_end -= flat.take(row + (rank * counts * width)[:, None])
    return at_end
