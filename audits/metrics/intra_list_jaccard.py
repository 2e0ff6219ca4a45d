"""How different the items of one list are, by the sets of their categories."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from audits.evidence import ABSENT, Evidence
from audits.means import mean_by_group
from audits.metrics.metric import Metric
from audits.pairs import alike
from audits.statistics import Smooth

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

_PAIR = 2
_ROWS = 4_096
_MOST_IN_TABLE = 1_024


def measure(evidence: Evidence) -> Smooth:
    """Intra-list diversity with Jaccard distance, for each attribute, of all and of each group.

    Mean over subjects of mean over i != j of 1 - |C_i and C_j| / |C_i or C_j|, C_i the set of an item's categories,
    whatever their weights; items without any label have the category "unknown" in common. Ranks do not count; lists of
    one item have no pair and count nowhere. Range [0, 1]; higher is more varied. Jaccard (1901).

    Example: a drama, a comedy, and a title that is both: distances 1, 1/2, 1/2, mean 2/3.
    """
    length = (evidence.lists != ABSENT).sum(axis=1)
    pairs = length * (length - 1)
    values = np.empty((evidence.subjects, len(evidence.attributes)))
    for column, (attribute, same) in enumerate(zip(evidence.attributes, alike(evidence), strict=True)):
        if same is not None:
            # Sets of one category are equal or have nothing in common.
            values[:, column] = (pairs - same) / np.maximum(pairs, 1)
            continue
        distinct, kind = np.unique(attribute.shares > 0, axis=0, return_inverse=True)
        apart = _distances(distinct)
        for at in range(0, evidence.subjects, _ROWS):
            lists = evidence.lists[at : at + _ROWS]
            values[at : at + _ROWS, column] = _mean_distance(kind.ravel()[lists], lists != ABSENT, apart)
    names = [attribute.name for attribute in evidence.attributes]
    return mean_by_group(evidence, values, length >= _PAIR, span=1.0, attributes=names)


def _distances(sets: NDArray[np.bool_]) -> Callable[[Ints, Ints], Floats]:
    """Jaccard distance of sets by their places, from a table where they are few."""
    count, bits = sets.shape[0], _as_bits(sets)

    def found(one: Ints, other: Ints) -> Floats:
        both, either = np.zeros(one.shape), np.zeros(one.shape)
        for word in bits.T:
            both += np.bitwise_count(word[one] & word[other])
            either += np.bitwise_count(word[one] | word[other])
        return 1.0 - both / either

    if count > _MOST_IN_TABLE:
        return found
    table = found(np.arange(count)[:, None].repeat(count, axis=1), np.arange(count)[None].repeat(count, axis=0)).ravel()
    return lambda one, other: table[one * count + other]


def _mean_distance(kind: Ints, shown: NDArray[np.bool_], distances: Callable[[Ints, Ints], Floats]) -> Floats:
    """Mean distance over the pairs of each list, (rows,); 0 for a list without pairs."""
    # Ranks first: what is added up then lies beside each other.
    kind, counted = np.ascontiguousarray(kind.T), shown.T
    total = np.zeros(shown.shape[0])
    for apart in range(1, kind.shape[0]):
        pairs = distances(kind[:-apart], kind[apart:])
        total += np.where(counted[apart:], pairs, 0.0).sum(axis=0)
    length = shown.sum(axis=1)
    return np.asarray(2.0 * total / np.maximum(length * (length - 1), 1), dtype=np.float64)


def _as_bits(sets: NDArray[np.bool_]) -> Words:
    """Each row's set as 64-bit words, shape (sets, words)."""
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
