"""One figure against what a rule allows: met, missed or undecided. Pure."""

from audits.report import Measurement
from audits.verdict import Limits, Verdict, judge
from governance.policy.comparisons import Bounds


def judge_within(bounds: Bounds, figure: Measurement, critical_value: float) -> Verdict:
    """The verdict on a figure, as the rule's comparison reads it, against a floor, a ceiling or both."""
    floor, ceiling = bounds
    return judge(figure, Limits(floor=floor, ceiling=ceiling), critical_value=critical_value)
