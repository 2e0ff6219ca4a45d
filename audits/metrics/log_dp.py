"""Exposure of a category against that of all others, as totals."""

import math

from audits.contrasts import log_contrast
from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.statistics import Smooth


def measure(evidence: Evidence) -> Smooth:
    """logDP: ln(exposure of the category per subject + 1e-6) - ln(exposure of the others + 1e-6).

    Per share: 0 is as much attention as all others *together*, whatever the sizes; ``log_dp_per_item`` accounts for
    them. Range (-inf, inf) in the formula, about +-15 in practice. Raj & Ekstrand (SIGIR 2022). Items of unknown
    category count on neither side. It rests on the subjects who saw any of the category: nobody, and it is undefined, n
    = 0. Weights fall with rank: the code published with that paper inverts them.

    Example: weights 1 and 0.6309, a documentary above a comedy: documentaries have ln(1 / 0.6309) = 0.4605.
    """
    return log_contrast(evidence, per_item=False)


METRIC = Metric(
    slug="log_dp",
    title="Exposure against all other categories (logDP)",
    formula="ln of attention to the category / attention to all others, each per subject + 0.000001",
    low=-math.inf,
    high=math.inf,
    better="target",
    needs=frozenset({"attributes"}),
    measure=measure,
)
