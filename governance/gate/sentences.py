"""Findings in the words of a reviewer."""

from audits.report import Measurement
from audits.verdict import Outcome
from governance.policy.rules import FairnessRule

_STATEMENTS = {
    "exposure_share": "{who} receive {value} of the attention",
    "exposure_ratio": "{who} receive {value} of the attention that their share of the catalogue would give them",
    "coverage": "Recommendations reach {value} of the catalogue",
    "popularity_lift": "The popularity of recommended titles is {value} over that of what the same subjects chose",
}
"""What is said of each metric that reads best in per cent."""

_PLAIN_STATEMENTS = {
    "ndcg": "The lists find what held-out subjects went on to choose with a quality (nDCG, 0 to 1) of {value}",
    "exposure_gini": "Attention over the catalogue has a Gini coefficient (0 equal, 1 all on one) of {value}",
}
"""What is said of metrics that read best as numbers; three decimals."""

_UNIT = " %"


def subject_of(attribute: str | None, category: str | None) -> str:
    """What a figure is about: ``origin = european``, ``each genre``, or ``all titles``."""
    if attribute is None:
        return "all titles"
    return f"each {attribute}" if category is None else f"{attribute} = {category}"


def limit_in_words(rule: FairnessRule) -> str:
    """The limit, such as ``at least 30 %``."""
    word = "at least" if rule.comparison == "at_least" else "at most"
    return f"{word} {number(rule.metric, rule.limit)}"


def figure_sentence(rule: FairnessRule, measurement: Measurement, verdict: Outcome, *, level: float) -> str:
    """One sentence with the figure, its interval and the limit; says so where the interval decides nothing."""
    figures = (measurement.value, measurement.low, measurement.high)
    value, low, high = (number(rule.metric, each or 0.0) for each in figures)
    unnamed = f"{rule.metric} for {{who}} is {{value}}"
    statement = _STATEMENTS.get(rule.metric) or _PLAIN_STATEMENTS.get(rule.metric, unnamed)
    said = statement.format(who=_who(measurement), value=value)
    interval = f"{number('coverage', level)} interval {low.removesuffix(_UNIT)} to {high}"
    undecided = ", which this audit cannot decide" if verdict == Outcome.INCONCLUSIVE else ""
    return f"{said} ({interval}); the policy asks for {limit_in_words(rule)}{undecided}."


def number(metric: str, value: float) -> str:
    """A figure as people read it: in per cent with at most one decimal, or with three decimals."""
    if metric not in _STATEMENTS:
        return f"{value:.3f}"
    return f"{100 * value:.1f}".removesuffix(".0") + _UNIT


def _who(measurement: Measurement) -> str:
    about = subject_of(measurement.attribute, measurement.category)
    if measurement.category is None:
        return about
    name = measurement.category.replace("_", " ")
    return f"{name[:1].upper()}{name[1:]} titles ({about})"
