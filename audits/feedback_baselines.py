"""Recommenders that learn nothing about a subject, to tell a recommender's drift from the simulation's own.

Both leave out what a subject's history holds. Lists at random drift only because what was chosen is not shown again;
the most popular ones because what is shown to everybody is chosen by everybody.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audits.evidence import ABSENT
from audits.feedback import Recommend

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
KeysOf = Callable[[int], Floats]
"""From a number of subjects to keys of every item for each, (subjects, items), an array of the caller's own."""

_BATCH = 512


def at_random(k: int) -> Recommend:
    """The recommender of k items drawn evenly from those not in the history, in random order."""

    def recommend(history: "sparse.csr_array", rng: np.random.Generator) -> Ints:
        return _unseen(history, k, lambda rows: rng.random((rows, history.shape[1])))

    return recommend


def most_popular(k: int) -> Recommend:
    """The recommender of the k items that most subjects chose and this one did not; of equals the first."""

    def recommend(history: "sparse.csr_array", _: np.random.Generator) -> Ints:
        counts = np.asarray(history.sign().sum(axis=0)).ravel()
        keys = np.empty(counts.size)
        keys[np.argsort(-counts, kind="stable")] = np.arange(counts.size, 0, -1)
        return _unseen(history, k, lambda rows: np.tile(keys, (rows, 1)))

    return recommend


BASELINES = (("random lists", at_random), ("most popular", most_popular))
"""By the name that reports give them."""


def _unseen(history: "sparse.csr_array", k: int, keys_of: KeysOf) -> Ints:
    """The k largest keys of each subject among items outside the history, largest first."""
    subjects, items = history.shape
    width = min(k, items)
    lists = np.full((subjects, width), ABSENT, dtype=np.int64)
    for start in range(0, subjects, _BATCH):
        rows = history[start : start + _BATCH]
        keys = keys_of(rows.shape[0])
        keys[rows.nonzero()] = -np.inf
        best = np.argpartition(-keys, width - 1, axis=1)[:, :width]
        found = np.take_along_axis(keys, best, axis=1)
        order = np.argsort(-found, axis=1, kind="stable")
        seen = np.isneginf(np.take_along_axis(found, order, axis=1))
        lists[start : start + _BATCH] = np.where(seen, ABSENT, np.take_along_axis(best, order, axis=1))
    return lists
