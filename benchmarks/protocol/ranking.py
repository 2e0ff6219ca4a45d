"""Lists and how good they are: Recall@20 and NDCG@100 of one list a subject.

Liang, Krishnan, Hoffman and Jebara, "Variational Autoencoders for Collaborative Filtering", WWW 2018, whose recall is
divided by min(20, targets), so that a perfect list has 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.protocol.stopwatch import Times

LIST = 100
RECALL_AT = 20

Scorer = Callable[[csr_matrix], np.ndarray]
"""From what subjects have, (n, items) of zeros and ones, to scores of the same shape; higher is better."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What one model lists for the held-out subjects: column numbers of the catalogue, -1 where a place is empty."""

    method: str
    lists: np.ndarray
    times: Times
    facts: Mapping[str, float | str]


def listed(scores: np.ndarray, shown: csr_matrix, length: int = LIST) -> np.ndarray:
    """Column numbers of the best items outside each history, best first: int64, shape (n, length).

    A place that cannot be filled holds -1; items with a score of -inf are never listed.
    """
    open_scores = np.where(shown.toarray() > 0, -np.inf, scores)
    order = np.argsort(-open_scores, axis=1, kind="stable")[:, :length]
    lists = np.where(np.isfinite(np.take_along_axis(open_scores, order, axis=1)), order, -1)
    return np.pad(lists, ((0, 0), (0, length - lists.shape[1])), constant_values=-1)


def hits(lists: np.ndarray, targets: csr_matrix) -> np.ndarray:
    """1 where the list's item is a target, else 0: float64, shape of ``lists``."""
    dense = np.pad(targets.toarray() > 0, ((0, 0), (0, 1)))  # the last column answers for -1
    return np.take_along_axis(dense, lists, axis=1).astype(np.float64)


def recall(lists: np.ndarray, targets: csr_matrix, at: int = RECALL_AT) -> np.ndarray:
    """Hits among the first ``at`` over min(at, targets), of each subject: shape (n,). Every subject has a target."""
    found = hits(lists[:, :at], targets).sum(axis=1)
    return np.asarray(found / np.minimum(np.diff(targets.indptr), at))


def ndcg(lists: np.ndarray, targets: csr_matrix) -> np.ndarray:
    """Discounted gain of the whole list, 1/log2(rank + 1) a hit, over the best possible: shape (n,)."""
    discount = 1 / np.log2(np.arange(2, lists.shape[1] + 2))
    best = np.cumsum(discount)[np.minimum(np.diff(targets.indptr), lists.shape[1]) - 1]
    return np.asarray(hits(lists, targets) @ discount / best)
