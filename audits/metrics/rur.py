"""Whether lists meet the relevance of categories evenly."""

import math

from audits.contrasts import impact, ratio_to_others
from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.statistics import Smooth


def measure(evidence: Evidence) -> Smooth:
    """RUR, disparate impact: (relevance met / relevance) of the category divided by the same of all others.

    Relevance met is the mean over subjects of sum of grade * attention over shown items of g, the clicks one would
    expect. Range [0, inf), 1 is parity. Singh & Joachims (KDD 2018), named RUR by Raj & Ekstrand (SIGIR 2022). Subjects
    without held-out targets count in neither; a category without a relevant item is undefined, n = 0. Total or per item
    is the same: both sides are divided by the same number of items.

    Example: a relevant documentary at rank 1, a relevant comedy at rank 2 and one not shown: (1 / 1) / (0.6309 / 2) =
        3.1699.
    """
    return ratio_to_others(impact(evidence), evidence)


METRIC = Metric(
    slug="rur",
    title="Relevance met, against other categories (RUR)",
    formula="(relevance met by attention / relevance) of the category / the same of all others",
    low=0.0,
    high=math.inf,
    better="target",
    needs=frozenset({"attributes", "relevance"}),
    measure=measure,
)
