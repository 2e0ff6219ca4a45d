"""Exposure share of each category, pooled over subjects (amortised), beside its share of the catalogue."""

import numpy as np

from audits.evidence import Evidence
from audits.labels import mass
from audits.metrics.metric import Metric
from audits.statistics import Cell, Floats, Smooth, ratios


def measure(evidence: Evidence) -> Smooth:
    """Share of all attention that goes to a category.

    s_g = sum_u sum_r w(r) G[item(u, r), g] / sum_u sum_r w(r), G an item's category shares (each row sums to 1).
    Range [0, 1]; parity where it equals the catalogue share. Singh & Joachims (KDD 2018), as system exposure in Raj &
    Ekstrand (SIGIR 2022).

    Example: one subject sees a documentary, then a comedy. Weights 1 and 1/log2(3) = 0.6309, so documentaries have 1 /
        1.6309 = 0.6131.

    Guarantees:
      - the shares of one attribute sum to 1
    """
    return ratios(cells(evidence), *received(evidence))


def received(evidence: Evidence) -> tuple[Floats, Floats]:
    """Attention of each subject to the categories of all attributes, (n, c), and to everything, (n, 1)."""
    by_category = np.hstack([mass(evidence.exposure, attribute.labels) for attribute in evidence.attributes])
    return by_category, np.asarray(evidence.exposure.sum(axis=1), dtype=np.float64)[:, None]


def cells(evidence: Evidence) -> list[Cell]:
    """A cell for every category of every attribute."""
    return [
        Cell(
            n=evidence.subjects,
            span=1.0,
            attribute=attribute.name,
            category=category,
            target=float(share),
            ends=(0.0, 1.0),
        )
        for attribute in evidence.attributes
        for category, share in zip(attribute.categories, attribute.catalogue_share, strict=True)
    ]


METRIC = Metric(
    slug="exposure_share",
    title="Exposure share",
    formula="attention given to the category's titles / attention given to all titles, over all lists together",
    low=0.0,
    high=1.0,
    better="target",
    needs=frozenset({"attributes"}),
    measure=measure,
)
