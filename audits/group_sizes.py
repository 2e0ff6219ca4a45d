"""How many subjects with a list each group of the input has, before small groups are merged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSize:
    """One group of subjects as the input has it.

    Attributes:
        group: as measurements name it: "age = old", "age × region = old × north".
        subjects: how many of it have a list; 0 where nobody has, or where the number is suppressed.
        merged: whether no figure is about it alone.
    """

    group: str
    subjects: int
    merged: bool


def group_sizes(labels: Sequence[str], given: Ints, shown: Ints) -> tuple[GroupSize, ...]:
    """The size of each group that anybody is in, with a list or without, sorted by label.

    ``given`` is the group of everybody as the input has it, those with a list first; ``shown`` that of those with a
    list after merging, -1 for nobody's.
    """
    listed = given[: shown.size]
    known = listed >= 0
    sizes = np.bincount(listed[known], minlength=len(labels))
    together = np.append(np.bincount(shown[shown >= 0]), 0)
    place = np.full(len(labels), -1, dtype=np.int64)
    place[listed[known]] = shown[known]
    occurring = np.unique(given[given >= 0])
    merged = (sizes > 0) & (together[place] > sizes)
    found = [
        GroupSize(group=labels[code], subjects=int(sizes[code]), merged=bool(merged[code]))
        for code in occurring.tolist()
    ]
    return tuple(sorted(found, key=lambda each: each.group))
