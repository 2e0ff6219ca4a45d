"""How often lists miss the places that a proportional quota would give."""

import math

import numpy as np

from audits.evidence import Evidence
from audits.exposure import Labelled, labelled
from audits.metrics.metric import Metric
from audits.prefixes import over_prefixes
from audits.statistics import Cell, Floats, Smooth

_ROUNDING = 1e-9  # 0.29 of a hundred places are 29, and not 28.999


def measure(evidence: Evidence) -> Smooth:
    """InfeasibleIndex: mean over lists of the number of (prefix, category) with fewer items than floor(p_g * length).

    p_g is the share of the catalogue's items that have the category; an item of several has each of them whole. Range
    [0, k * categories]; 0 if no prefix misses a whole place; lower is better. A category below 1/k is owed no place and
    cannot be missed. Geyik, Ambler & Kenthapadi (KDD 2019).

    Example: two documentaries, half of the catalogue comedies: at length 2 a comedy is owed and missing, so 1.
    """
    kinds = labelled(evidence)
    k = evidence.lists.shape[1]
    missed = [_missed(evidence, each).sum(axis=1, keepdims=True) for each in kinds]
    return Smooth(
        cells=tuple(
            Cell(n=evidence.subjects, span=float(k * len(each.categories)), attribute=each.attribute) for each in kinds
        ),
        channels=np.hstack([np.zeros((evidence.subjects, 0)), *missed]),
        value_of=lambda means: means,
    )


def _missed(evidence: Evidence, each: Labelled) -> Floats:
    """Prefixes of each list in which a category misses a whole place, (n, c)."""
    k, has = evidence.lists.shape[1], each.shares > 0
    owed = np.floor(has.sum(axis=0) / has.shape[0] * np.arange(1, k + 1)[:, None] + _ROUNDING)
    missing = (np.arange(k + 1)[None, :, None] < owed[:, None, :]).astype(np.float64)
    (found,) = over_prefixes(evidence, each.labels, (missing,))
    return found


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
