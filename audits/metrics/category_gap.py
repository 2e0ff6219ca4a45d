"""How differently a group of subjects is shown each category."""

from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.statistics import Stepped
from audits.taste import category_gaps


def measure(evidence: Evidence) -> Stepped:
    """Mean share of a category in a group's lists, less that in the lists of all others that the attribute divides.

    s_{a,g} - s_{not a,g}, s the share of a list's attention. Range [-1, 1]; 0 is no difference. Groups like different
    things, so a difference is no unfairness before taste is taken into account: see ``category_gap_given_taste``, over
    the same subjects, those with a history.

    Example: lists of the group hold 0.6 and 0.4 of drama, those of the others 0.3 and 0.5: 0.5 - 0.4 = 0.1.
    """
    return category_gaps(evidence, taste_held_fixed=False)


METRIC = Metric(
    slug="category_gap",
    title="How differently a group is shown a category",
    formula="mean share of the category in the group's lists - the same for all other grouped subjects with a history",
    low=-1.0,
    high=1.0,
    better="target",
    needs=frozenset({"attributes", "groups", "history"}),
    measure=measure,
    asked_only=True,
)
