"""How differently a group of subjects is shown each category, beyond what its taste explains."""

import math

from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.statistics import Stepped
from audits.taste import category_gaps


def measure(evidence: Evidence) -> Stepped:
    """The difference of ``category_gap`` that is left among subjects with equal shares of it in their history.

    The coefficient a in: share in the list = a * [in the group] + b * share in the history + c, by least squares.
    0 is no difference beyond taste. Unbounded in principle, within [-1, 1] where slopes are at most 1. Analysis of
    covariance, Fisher (1932). A short history tells taste with noise, and noise in a control leaves part of a mere
    difference of taste in the figure: read it beside the unadjusted one, and not of subjects who did hardly anything.

    Example: in the group, histories hold 0.2 and 0.6 of drama and lists 0.3 and 0.5; of the others 0.2 and 0.4, and 0.3
        and 0.4. The slope is 0.5 on either side; 0.4 - 0.35 = 0.05 unadjusted, less 0.5 * (0.4 - 0.3): 0.
    """
    return category_gaps(evidence, taste_held_fixed=True)


METRIC = Metric(
    slug="category_gap_given_taste",
    title="How differently a group is shown a category, given its taste",
    formula="coefficient of the group in a regression of the category's share in lists on the group and on its "
    "share in histories",
    low=-math.inf,
    high=math.inf,
    better="target",
    needs=frozenset({"attributes", "groups", "history"}),
    measure=measure,
    asked_only=True,
)
