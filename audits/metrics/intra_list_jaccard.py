"""How different the items of one list are, by the sets of their categories."""

import numpy as np
from numpy.typing import NDArray

from audits.evidence import ABSENT, Evidence
from audits.means import mean_by_group
from audits.metrics.metric import Metric
from audits.statistics import Smooth

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]

_PAIR = 2
_ROWS = 8_192


def measure(evidence: Evidence) -> Smooth:
    """Intra-list diversity with Jaccard distance, for each attribute, of all and of each group.

    Mean over subjects of mean over i != j of 1 - |C_i and C_j| / |C_i or C_j|, C_i the set of an item's categories,
    whatever their weights; items without any label have the category "unknown" in common. Ranks do not count; lists of
    one item have no pair and count nowhere. Range [0, 1]; higher is more varied. Jaccard (1901).

    Example: a drama, a comedy, and a title that is both: distances 1, 1/2, 1/2, mean 2/3.
    """
    length = (evidence.lists != ABSENT).sum(axis=1)
    values = np.empty((evidence.subjects, len(evidence.attributes)))
    for column, attribute in enumerate(evidence.attributes):
        sets = _as_bits(attribute.shares > 0)
        for at in range(0, evidence.subjects, _ROWS):
            values[at : at + _ROWS, column] = _mean_distance(evidence.lists[at : at + _ROWS], sets)
    names = [attribute.name for attribute in evidence.attributes]
    return mean_by_group(evidence, values, length >= _PAIR, span=1.0, attributes=names)


def _mean_distance(lists: NDArray[np.int64], sets: Words) -> Floats:
    """Mean Jaccard distance over the pairs of each list; 0 for a list without pairs."""
    shown = lists != ABSENT
    members = [word[lists] for word in sets.T]
    total = np.zeros(lists.shape[0])
    for apart in range(1, lists.shape[1]):
        pairs = [(word[:, :-apart], word[:, apart:]) for word in members]
        both = sum(np.bitwise_count(a & b).astype(np.float64) for a, b in pairs)
        either = sum(np.bitwise_count(a | b).astype(np.float64) for a, b in pairs)
        total += np.where(shown[:, apart:], 1.0 - both / either, 0.0).sum(axis=1)
    length = shown.sum(axis=1)
    return np.asarray(2.0 * total / np.maximum(length * (length - 1), 1), dtype=np.float64)


def _as_bits(sets: NDArray[np.bool_]) -> Words:
    """Each row's set as 64-bit words, shape (items, words)."""
    packed = np.packbits(sets, axis=1)
    padded = np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8)))
    return np.ascontiguousarray(padded).view(np.uint64)


METRIC = Metric(
    slug="intra_list_jaccard",
    title="Intra-list diversity (Jaccard)",
    formula="mean over lists of the mean over pairs of titles of 1 - common categories / all categories of the two",
    low=0.0,
    high=1.0,
    better="higher",
    needs=frozenset({"attributes"}),
    measure=measure,
)
