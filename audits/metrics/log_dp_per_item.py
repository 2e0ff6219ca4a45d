"""Exposure of a category's titles against that of all other titles, per title."""

import math

from audits.contrasts import log_contrast
from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.statistics import Smooth


def measure(evidence: Evidence) -> Smooth:
    """LogDP per item: ln(exposure per subject and item of the category + 1e-6) less the same of all others.

    As ``log_dp``, but each side is divided by its number of catalogue items (an item with several categories counts in
    parts): 0 where a title of the category is looked at as much as another one. Demographic parity of Singh & Joachims
    (KDD 2018). Range (-inf, inf). Undefined, n = 0, where nobody saw any of it.

    Example: as in ``log_dp``, but two comedies in the catalogue: ln(1 / (0.6309 / 2)) = 1.1537.
    """
    return log_contrast(evidence, per_item=True)


METRIC = Metric(
    slug="log_dp_per_item",
    title="Exposure per title against all other categories (logDP)",
    formula="ln of attention per title of the category / per title of all others, each per subject + 0.000001",
    low=-math.inf,
    high=math.inf,
    better="target",
    needs=frozenset({"attributes"}),
    measure=measure,
)
