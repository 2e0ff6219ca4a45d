"""How many pairs of a list's items are of one category, where no item is divided between categories."""

import numpy as np
from numpy.typing import NDArray

from audits.evidence import ABSENT, Evidence
from audits.labels import counts
from audits.profiles import listed
from audits.remembered import remembered

Floats = NDArray[np.float64]


@remembered
def alike(evidence: Evidence) -> tuple[Floats | None, ...]:
    """For each attribute the ordered pairs i != j of one category in each list, (n,); None where an item is divided.

    The sum over categories of n_g (n_g - 1), a whole number: nothing is rounded, in whatever order it is added up.
    """
    if not any(attribute.labels.whole for attribute in evidence.attributes):
        return (None,) * len(evidence.attributes)
    entries, length = listed(evidence), (evidence.lists != ABSENT).sum(axis=1)
    found: list[Floats | None] = []
    for attribute in evidence.attributes:
        here = counts(entries, attribute.labels) if attribute.labels.whole else None
        found.append(None if here is None else np.einsum("ij,ij->i", here, here) - length)
    return tuple(found)
