"""Evenness of exposure over the whole catalogue, as entropy."""

import math

import numpy as np

from audits.concentration import entropy, entropy_without_each
from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.remembered import remembered
from audits.statistics import Cell, Stepped


@remembered
def measure(evidence: Evidence) -> Stepped:
    """Shannon entropy of item exposure, in bits.

    H = -sum_i p_i log2 p_i, p_i = the item's share of all attention. Range [0, log2 m], m the catalogue's items; higher
    is more even. Shannon (1948). Under uniform attention it is the entropy of recommendation counts of other tools.
    Unlike Gini it does not change when an item that is never shown joins the catalogue.

    Example: exposures 2, 1, 1: 1/2 * 1 + 1/4 * 2 + 1/4 * 2 = 1.5.
    """
    exposure = np.asarray(evidence.exposure.sum(axis=0), dtype=np.float64)
    figure = entropy(exposure)
    without = entropy_without_each(evidence.lists, evidence.looks, exposure)
    return Stepped(
        cells=(Cell(n=evidence.subjects, span=math.log2(max(evidence.items, 2))),),
        figures=np.array([figure]),
        leave_one_out=(figure - without)[:, None],
    )


METRIC = Metric(
    slug="exposure_entropy",
    title="Entropy of exposure",
    formula="-sum of p log2 p, p a title's share of all attention",
    low=0.0,
    high=math.inf,
    better="higher",
    needs=frozenset(),
    measure=measure,
)
