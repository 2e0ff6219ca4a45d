"""What subjects were shown and what they chose, as sparse matrices of ones and as mixes of categories."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audits.evidence import ABSENT, Evidence
from audits.labels import Labels, mass

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]


def listed(evidence: Evidence) -> "sparse.csr_array":
    """1 where an item is in a subject's list, sparse (n, m)."""
    from scipy import sparse  # takes a while, which who only reads a report need not wait for

    shown = evidence.lists != ABSENT
    ends = np.r_[0, np.cumsum(shown.sum(axis=1))]
    items = evidence.lists[shown]
    return sparse.csr_array((np.ones(items.size), items, ends), shape=(evidence.subjects, evidence.items))


def chosen(evidence: Evidence) -> "sparse.csr_array":
    """1 where a subject chose an item, sparse (n, m): before the lists were made, or held out without a history.

    Raises:
        ValueError: the evidence has neither.
    """
    profile = evidence.targets if evidence.history is None else evidence.history
    if profile is None:
        msg = "a profile needs a history or held-out targets"
        raise ValueError(msg)
    return profile.sign()


def category_mix(weights: "sparse.csr_array", labels: Labels) -> Floats:
    """Each row's weight by category as shares that sum to 1, shape (rows, c); zeros where a row is empty."""
    mix = mass(weights, labels)
    total = mix.sum(axis=1, keepdims=True)
    # Where there is nothing, 0 / 1 is 0.
    mix /= np.where(total > 0, total, 1.0)
    return mix


def mean_over_list(evidence: Evidence, per_item: Floats) -> Floats:
    """Mean of an item's number over each subject's list, shape (n,); every subject has at least one item."""
    shown = evidence.lists != ABSENT
    total = np.where(shown, per_item[evidence.lists], 0.0).sum(axis=1)
    return np.asarray(total / np.maximum(shown.sum(axis=1), 1), dtype=np.float64)
