"""What single lists look like from the top down: category counts of every prefix, block by block of subjects."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.evidence import ABSENT, Evidence
from audits.exposure import Labelled
from audits.statistics import Floats

_ROWS = 4096


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prefix:
    """The first ``length`` ranks of some subjects' lists.

    Attributes:
        length: ranks looked at.
        here: whether each list is that long, (rows,).
        counts: labelled items by category, (rows, c); an item of several categories counts in parts.
        total: labelled items, (rows,).
    """

    length: int
    here: NDArray[np.bool_]
    counts: Floats
    total: Floats


def over_prefixes(
    evidence: Evidence, each: Labelled, measure: Callable[[Iterator[Prefix], int], Floats], width: int
) -> Floats:
    """``measure`` of all subjects' prefixes, (n, width); it gets those of some rows, shortest first, and how many."""
    found = np.empty((evidence.subjects, width))
    for at in range(0, evidence.subjects, _ROWS):
        lists = evidence.lists[at : at + _ROWS]
        found[at : at + _ROWS] = measure(_prefixes(lists, each.shares), lists.shape[0])
    return found


def _prefixes(lists: NDArray[np.int64], shares: Floats) -> Iterator[Prefix]:
    counts = np.zeros((lists.shape[0], shares.shape[1]))
    for rank in range(lists.shape[1]):
        item = lists[:, rank]
        here = item != ABSENT
        counts += shares[item] * here[:, None]
        yield Prefix(length=rank + 1, here=here, counts=counts, total=counts.sum(axis=1))
