"""Exposure share of each category relative to its share of the catalogue."""

import math
from dataclasses import replace

import numpy as np

from audits.evidence import Evidence
from audits.metrics import exposure_share
from audits.metrics.metric import Metric
from audits.statistics import Smooth, ratios


def measure(evidence: Evidence) -> Smooth:
    """Exposure share divided by catalogue share.

    e_g = s_g / c_g with s_g from ``exposure_share`` and c_g = mean over the catalogue's items of G[i, g]. Range [0,
    1/c_g]; 1 is parity, below 1 the category is shown less than its part of the catalogue. Per-item normalisation as in
    Singh & Joachims (KDD 2018).

    Example: documentaries are half of the catalogue and have an exposure share of 0.6131 (see ``exposure_share``):
        0.6131 / 0.5 = 1.2263.
    """
    catalogue = np.concatenate([attribute.catalogue_share for attribute in evidence.attributes])
    cells = [
        replace(cell, span=1.0 / part, target=1.0, ends=(0.0, 1.0 / part))
        for cell, part in zip(exposure_share.cells(evidence), catalogue, strict=True)
    ]
    return ratios(cells, *exposure_share.received(evidence), scale=1.0 / catalogue)


METRIC = Metric(
    slug="exposure_ratio",
    title="Exposure relative to the catalogue",
    formula="exposure share of the category / its share of the catalogue's titles",
    low=0.0,
    high=math.inf,
    better="target",
    needs=frozenset({"attributes"}),
    measure=measure,
)
