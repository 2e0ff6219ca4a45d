"""The chance of an item to be recommended, category by category, and how uneven it is."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from audits.evidence import Evidence
from audits.exposure import Labelled, labelled
from audits.labels import counts
from audits.pooled import Numbers, joined, pooled
from audits.statistics import Cell, Floats, Stepped

if TYPE_CHECKING:
    from scipy import sparse


def spread_of_chances(
    evidence: Evidence, taken: Callable[[Labelled], Floats], open_to: "sparse.csr_array", *, all_but: bool
) -> Stepped:
    """Relative spread of P_g = items of g taken / items of g open, sums over subjects, for each attribute.

    The spread is std / mean over the known categories. ``taken`` gives items taken by subject and category, (n, c).
    ``open_to`` (n, m) holds 1 for each item that was open to a subject, or with ``all_but`` for each that was not. The
    standard deviation is that of the categories at hand (divided by their number). n is the number of subjects with an
    open item in the category that has fewest: 0 leaves the figure undefined.
    """
    parts = []
    for each in labelled(evidence):
        c = len(each.categories)
        among = counts(open_to, each.labels)
        among = np.maximum(each.shares.sum(axis=0) - among, 0.0) if all_but else among
        n = int((among > 0).sum(axis=0).min())

        def value_of(means: Numbers, c: int = c) -> Numbers:
            return _relative_spread(means[..., :c] / means[..., c:])

        cell = Cell(n=n, span=float(np.sqrt(c)), attribute=each.attribute)
        channels = np.hstack([taken(each), among])
        parts.append(pooled([cell], channels, value_of, low=0.0, high=np.inf))
    return joined(parts, evidence.subjects)


def _relative_spread(chances: Numbers) -> Numbers:
    mean = chances.mean(axis=-1, keepdims=True)
    variance = ((chances - mean) ** 2).mean(axis=-1, keepdims=True)
    # Equal chances: the root has no derivative there, and the figure is 0.
    flat = variance == 0
    root = np.where(flat, 0.0, np.sqrt(np.where(flat, 1.0, variance)))
    spread: Numbers = root / mean
    return spread


def ones_of(chosen: "sparse.csr_array | None", evidence: Evidence) -> "sparse.csr_array":
    """1 for each entry, and an empty array for None; sparse (n, m)."""
    from scipy import sparse

    if chosen is None:
        return sparse.csr_array((evidence.subjects, evidence.items), dtype=np.float64)
    return chosen.sign()


def shown_among(evidence: Evidence, wanted: "sparse.csr_array") -> "sparse.csr_array":
    """An entry for each shown item that is also an entry of ``wanted`` (ones), sparse (n, m)."""
    # Both stand by item, so a subject's entries are gone through side by side once, however long its history is.
    found: sparse.csr_array = evidence.exposure.multiply(wanted).tocsr()
    return found
