"""How many kinds of items one subject sees."""

import math

import numpy as np

from audits.divergence import entropy_bits
from audits.evidence import Evidence
from audits.means import mean_by_group
from audits.metrics.metric import Metric
from audits.profiles import category_mix
from audits.statistics import Smooth


def measure(evidence: Evidence) -> Smooth:
    """Mean entropy of the categories in a subject's list, in bits, for each attribute, of all and of each group.

    H_u = -sum_g q_ug log2 q_ug, q_ug = share of the subject's attention that goes to category g. Range [0, log2
    categories]; higher is more varied. What falls from generation to generation where a filter bubble closes
    (``audits.drift``). Shannon (Bell System Technical Journal 27, 1948).

    Example: half the attention on dramas, a quarter each on comedies and westerns: 1.5.
    """
    values = np.column_stack(
        [entropy_bits(category_mix(evidence.exposure, attribute.labels)) for attribute in evidence.attributes]
    )
    everybody = np.ones(evidence.subjects, dtype=bool)
    names = [attribute.name for attribute in evidence.attributes]
    spans = [math.log2(max(len(attribute.categories), 2)) for attribute in evidence.attributes]
    return mean_by_group(evidence, values, everybody, span=spans, attributes=names)


METRIC = Metric(
    slug="list_entropy",
    title="Entropy of a list's categories",
    formula="mean over subjects of -sum of q log2 q, q the share of the subject's attention that a category gets",
    low=0.0,
    high=math.inf,
    better="higher",
    needs=frozenset({"attributes"}),
    measure=measure,
)
