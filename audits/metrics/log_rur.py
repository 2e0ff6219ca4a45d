"""Whether lists meet the relevance of categories evenly, as a logarithm."""

import math

from audits.contrasts import impact, log_ratio_to_others
from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.statistics import Smooth


def measure(evidence: Evidence) -> Smooth:
    """logRUR: ln(RUR), with 1e-6 added to the relevance met per subject, as in ``log_dp``; no hit, and it is undefined.

    Range (-inf, inf), 0 is parity. Raj & Ekstrand (SIGIR 2022).
    Subjects without held-out targets count in neither; a category without a relevant item is undefined, n = 0. Total or
    per item is the same: both sides are divided by the same number of items.

    Example: as in ``rur``: ln(3.1699) = 1.1537.
    """
    return log_ratio_to_others(impact(evidence), evidence)


METRIC = Metric(
    slug="log_rur",
    title="Relevance met, against other categories (logRUR)",
    formula="ln of (relevance met per subject + 0.000001) / relevance of the category, less the same of all others",
    low=-math.inf,
    high=math.inf,
    better="target",
    needs=frozenset({"attributes", "relevance"}),
    measure=measure,
)
