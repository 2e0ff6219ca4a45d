"""How different the items of one list are."""

import numpy as np

from audits.evidence import ABSENT, Evidence
from audits.means import mean_by_group
from audits.metrics.metric import Metric
from audits.pairs import alike
from audits.profiles import listed
from audits.statistics import Floats, Smooth

_PAIR = 2


def measure(evidence: Evidence) -> Smooth:
    """Intra-list diversity, ILD: mean distance of two items of a list, for each attribute, of all and of each group.

    ILD = mean over subjects of mean over i != j of 1 - cos(G_i, G_j), G_i an item's category shares; items without any
    label have the category "unknown" in common. Ranks do not count; lists of one item have no pair and count nowhere.
    Range [0, 1]; higher is more varied. Smyth & McClave (ICCBR 2001).

    The sum over pairs is |sum_i v_i|^2 - k with v_i = G_i / |G_i|, so a list costs k steps and not k^2.

    Example: a drama, a comedy, and a title that is both: distances 1, 1 - 0.7071, 1 - 0.7071, mean 0.5286.
    """
    length = (evidence.lists != ABSENT).sum(axis=1)
    pairs = np.maximum(length * (length - 1), 1)
    values = np.empty((evidence.subjects, len(evidence.attributes)))
    for column, (attribute, same) in enumerate(zip(evidence.attributes, alike(evidence), strict=True)):
        cosines = _cosines(evidence, attribute.shares) - length if same is None else same
        values[:, column] = np.clip(1.0 - cosines / pairs, 0.0, 1.0)
    names = [attribute.name for attribute in evidence.attributes]
    return mean_by_group(evidence, values, length >= _PAIR, span=1.0, attributes=names)


def _cosines(evidence: Evidence, shares: Floats) -> Floats:
    """Sum of the cosines of all pairs of each list, an item with itself among them, (n,)."""
    unit = shares / np.linalg.norm(shares, axis=1, keepdims=True)
    return np.asarray(((listed(evidence) @ unit) ** 2).sum(axis=1), dtype=np.float64)


METRIC = Metric(
    slug="intra_list_diversity",
    title="Intra-list diversity (cosine)",
    formula="mean over lists of the mean over pairs of titles of 1 - cosine of their category shares",
    low=0.0,
    high=1.0,
    better="higher",
    needs=frozenset({"attributes"}),
    measure=measure,
)
