"""What stands at each rank for its subject: the held-out grade of the item, and the attention that follows from it."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audits.attention import Attention
from audits.errors import InvalidConfig

if TYPE_CHECKING:
    from scipy import sparse

    from audits.evidence import Evidence

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROWS = 4_096


def looks_at(attention: Attention, lists: Ints, targets: "sparse.csr_array | None") -> Floats:
    """Attention of each subject at each rank, shape (n, k); read-only where all subjects look alike.

    Raises:
        InvalidConfig: the model depends on relevance and there is none.
    """
    if not attention.needs_relevance:
        return np.broadcast_to(attention.weights(lists.shape[1]), lists.shape)
    if targets is None:
        msg = f"attention {attention.text}: expected relevance, which decides where subjects stop, got none"
        raise InvalidConfig(msg)
    return attention.following(grades_shown(lists, targets), largest_grade(targets))


def grades_shown(lists: Ints, targets: "sparse.csr_array") -> Floats:
    """Grade of the item at each rank, 0 where it is no target or the list has ended, shape (n, k)."""
    found, sizes = np.zeros(lists.shape), np.diff(targets.indptr)
    for first in range(0, lists.shape[0], _ROWS):
        # Some lists at a time, which stay near the processor while each of their targets is compared.
        rows = slice(first, first + _ROWS)
        for place in range(int(sizes[rows].max(initial=0))):
            # The target at this place of everybody who has so many, against the whole list.
            some = first + np.flatnonzero(sizes[rows] > place)
            at = targets.indptr[some] + place
            here = lists[rows] if some.size == lists[rows].shape[0] else lists[some]
            row, rank = np.nonzero(here == targets.indices[at][:, None])
            found[some[row], rank] = targets.data[at[row]]
    return found


def shown_only(evidence: "Evidence", grades: Floats, looks: Floats | None = None) -> "sparse.csr_array":
    """Grades (n, k) of places in lists by item, times ``looks`` if given; sparse (n, m), no entry where a grade is 0.

    Entries of a subject stand in the order of items, wherever in the list they are.
    """
    from scipy import sparse

    row, rank = np.nonzero(grades)
    numbers = grades[row, rank] if looks is None else looks[row, rank] * grades[row, rank]
    ends = np.r_[0, np.cumsum(np.bincount(row, minlength=grades.shape[0]))]
    shape = (evidence.subjects, evidence.items)
    found = sparse.csr_array((numbers, evidence.lists[row, rank], ends), shape=shape)
    found.sort_indices()
    return found


def has_targets(evidence: "Evidence") -> NDArray[np.bool_]:
    """Whether each subject has held-out targets, shape (n,)."""
    if evidence.targets is None:
        msg = "this figure needs held-out targets"
        raise ValueError(msg)
    return np.asarray(np.diff(evidence.targets.indptr) > 0)


def largest_grade(targets: "sparse.csr_array") -> float:
    """The largest grade anybody gave, 0 where there is none."""
    return float(targets.data.max(initial=0.0))


def ideal_grades(targets: "sparse.csr_array", k: int) -> Floats:
    """Grades of the best list that each subject could be shown: its targets in falling order, then 0; shape (n, k)."""
    row, place, _, grade = ranked_targets(targets)
    found = np.zeros((targets.shape[0], k))
    inside = place < k
    found[row[inside], place[inside]] = grade[inside]
    return found


def ranked_targets(targets: "sparse.csr_array") -> tuple[Ints, Ints, Ints, Floats]:
    """Every target by subject and falling grade: subject, place from 0 among the subject's, item, grade."""
    sizes = np.diff(targets.indptr)
    row = np.repeat(np.arange(targets.shape[0]), sizes)
    # Where all grades are one, subjects' targets are in order already.
    alike = targets.nnz == 0 or targets.data.min() == targets.data.max()
    order = np.arange(row.size) if alike else np.lexsort((-targets.data, row))
    place = np.arange(row.size) - np.repeat(targets.indptr[:-1], sizes)
    item = targets.indices[order].astype(np.int64)
    return row, place.astype(np.int64), item, np.asarray(targets.data[order], dtype=np.float64)
