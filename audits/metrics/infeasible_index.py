"""How often lists miss the places that a proportional quota would give."""

import math
from collections.abc import Iterator

import numpy as np

from audits.evidence import Evidence
from audits.exposure import labelled
from audits.metrics.metric import Metric
from audits.prefixes import Prefix, over_prefixes
from audits.statistics import Cell, Floats, Smooth

_ROUNDING = 1e-9  # a third three times is one


def measure(evidence: Evidence) -> Smooth:
    """InfeasibleIndex: mean over lists of the number of (prefix, category) with fewer items than floor(p_g * length).

    p_g is the category's share of the labelled catalogue. Range [0, k * categories]; 0 if no prefix misses a whole
    place; lower is better. A category below 1/k is owed no place and cannot be missed. Geyik, Ambler & Kenthapadi (KDD
    2019).

    Example: two documentaries, half of the catalogue comedies: at length 2 a comedy is owed and missing, so 1.
    """
    kinds = labelled(evidence)
    columns = [np.zeros((evidence.subjects, 0))]
    for each in kinds:

        def missed(prefixes: Iterator[Prefix], rows: int, parity: Floats = each.parity) -> Floats:
            found = np.zeros(rows)
            for prefix in prefixes:
                owed = np.floor(parity * prefix.length + _ROUNDING) - _ROUNDING
                found += (prefix.counts < owed).sum(axis=1) * prefix.here
            return found[:, None]

        columns.append(over_prefixes(evidence, each, missed, 1))
    k = evidence.lists.shape[1]
    return Smooth(
        cells=tuple(
            Cell(n=evidence.subjects, span=float(k * len(each.categories)), attribute=each.attribute) for each in kinds
        ),
        channels=np.hstack(columns),
        value_of=lambda means: means,
    )


METRIC = Metric(
    slug="infeasible_index",
    title="Places missing from a proportional quota (InfeasibleIndex)",
    formula="mean over lists of how often a category has fewer titles in a prefix than floor(share of the catalogue "
    "* length)",
    low=0.0,
    high=math.inf,
    better="lower",
    needs=frozenset({"attributes"}),
    measure=measure,
)
