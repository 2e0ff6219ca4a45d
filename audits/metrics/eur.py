"""Whether categories are shown in proportion to their relevance."""

import math

from audits.contrasts import ratio_to_others, treatment
from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.statistics import Smooth


def measure(evidence: Evidence) -> Smooth:
    """EUR, disparate treatment: (exposure / relevance) of the category divided by the same of all others.

    Y_g = mean over subjects of the grades of held-out items in g. Range [0, inf), 1 is parity, below 1 the category is
    shown less than its relevance earns. Singh & Joachims (KDD 2018), named EUR by Raj & Ekstrand (SIGIR 2022).
    Subjects without held-out targets count in neither; a category without a relevant item is undefined, n = 0. Total or
    per item is the same: both sides are divided by the same number of items.

    Example: exposures 1 and 0.6309, relevance 1 and 2: (1 / 1) / (0.6309 / 2) = 3.1699.
    """
    return ratio_to_others(treatment(evidence), evidence)


METRIC = Metric(
    slug="eur",
    title="Exposure earned, against other categories (EUR)",
    formula="(attention / relevance) of the category / the same of all others, relevance = sum of held-out grades",
    low=0.0,
    high=math.inf,
    better="target",
    needs=frozenset({"attributes", "relevance"}),
    measure=measure,
)
