"""Popularity of lists and of profiles, subject by subject."""

import numpy as np
from numpy.typing import NDArray

from audits.evidence import ABSENT, Evidence
from audits.profiles import chosen, mean_over_list

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def popularity_of(evidence: Evidence) -> Floats:
    """Interactions per item, shape (m,).

    Raises:
        ValueError: none were given.
    """
    if evidence.popularity is None:
        msg = "popularity of items is needed"
        raise ValueError(msg)
    return evidence.popularity


def tiers_of(evidence: Evidence) -> NDArray[np.int64]:
    """Head, middle or tail of each item, shape (m,).

    Raises:
        ValueError: no popularity was given.
    """
    if evidence.tiers is None:
        msg = "popularity of items is needed to split them"
        raise ValueError(msg)
    return evidence.tiers


def list_popularity(evidence: Evidence) -> tuple[Floats, Flags]:
    """Mean popularity of each subject's list, and whether it has a list; shapes (n,)."""
    return mean_over_list(evidence, popularity_of(evidence)), (evidence.lists != ABSENT).any(axis=1)


def profile_popularity(evidence: Evidence) -> tuple[Floats, Flags]:
    """Mean popularity of what each subject chose, and whether it chose anything; shapes (n,)."""
    profile = chosen(evidence)
    size = np.diff(profile.indptr)
    return np.asarray(profile @ popularity_of(evidence), dtype=np.float64) / np.maximum(size, 1), size > 0
