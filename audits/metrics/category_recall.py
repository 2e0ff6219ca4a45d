"""How many of the held-out targets of each category the lists find: cold titles, a genre, an origin."""

import numpy as np

from audits.evidence import Evidence
from audits.grades import shown_only
from audits.labels import counts
from audits.metrics.metric import Metric
from audits.quality import gains
from audits.statistics import Cell, Floats, Ints, Smooth, ratios


def measure(evidence: Evidence) -> Smooth:
    """Targets of a category in the lists / targets of that category, pooled over subjects.

    R_g = sum_u sum_{i found} G[i, g] / sum_u sum_{i target} G[i, g]. Range [0, 1], higher is better. With popularity as
    an attribute it is the hit rate of cold titles. Its spread over categories is what equal opportunity asks about
    (Zhu, Wang & Caverlee, SIGIR 2020).

    Example: targets are two cold titles and one popular one; the list has one of the cold: 1 / 2 and 0 / 1.
    """
    if evidence.targets is None:
        msg = "recall needs held-out targets"
        raise ValueError(msg)
    found = shown_only(evidence, gains(evidence))
    top, bottom = (
        np.hstack([counts(each, attribute.labels) for attribute in evidence.attributes])
        for each in (found, evidence.targets)
    )
    names = [(each.name, category) for each in evidence.attributes for category in each.categories]
    some = np.count_nonzero(bottom, axis=0)
    cells = [
        Cell(n=int(size), span=float(span), attribute=attribute, category=category)
        for (attribute, category), size, span in zip(names, some, _spans(bottom, some), strict=True)
    ]
    return ratios(cells, top, bottom)


def _spans(wanted: Floats, some: Ints) -> Floats:
    """If a share f of those with targets were others, with as many as anybody, they would hold at most this times f."""
    whole = wanted.sum(axis=0)
    found = np.divide(wanted.max(axis=0, initial=0.0) * some, whole, out=np.ones_like(whole), where=whole > 0)
    return np.asarray(found, dtype=np.float64)


METRIC = Metric(
    slug="category_recall",
    title="Recall by category",
    formula="held-out targets of the category that lists contain / held-out targets of the category, over all subjects",
    low=0.0,
    high=1.0,
    better="higher",
    needs=frozenset({"attributes", "relevance"}),
    measure=measure,
)
