"""Findings in the words of a reviewer: the figure, its interval, what is asked, and what would decide it."""

from collections.abc import Sequence

from audits.privacy import PrivacyAttack
from audits.report import Measurement
from audits.verdict import Outcome, Verdict
from governance.gate.matching import EACH, Figure
from governance.gate.numbers import Scale, Unit, scale_of
from governance.policy.rules import FairnessRule, metric_of
from governance.policy.waivers import Waiver

_STATEMENTS = {
    "exposure_share": "{who} receive {value} of the attention",
    "exposure_ratio": "{who} receive {value} of the attention that their share of the catalogue would give them",
    "coverage": "Recommendations reach {value} of the catalogue",
    "popularity_lift": "The popularity of recommended titles is {value} over that of what the same subjects chose",
    "cohort_sensitivity": "The cohort alone, title and subject held fixed, moves {value} of the chances between images",
    "exploration_floor": "The smallest chance that an eligible image has of being shown to some cohort is {value}",
}
"""What is said of each metric that reads best in per cent."""

_PLAIN_STATEMENTS = {
    "ndcg": "The lists find what held-out subjects went on to choose with a quality (nDCG, 0 to 1) of {value}",
    "exposure_gini": "Attention over the catalogue has a Gini coefficient (0 equal, 1 all on one) of {value}",
}
"""What is said of metrics that read best as numbers."""


def subject_of(attribute: str | None, category: str | None, group: str | None = None) -> str:
    """What a figure is about: ``origin = european``, ``each genre``, ``age = old``, or ``all titles``."""
    titles = (
        "all titles" if attribute is None else f"each {attribute}" if category is None else _pair(attribute, category)
    )
    if group is None:
        return titles
    return group if attribute is None else f"{titles}, {group}"


def asked_of(rule: FairnessRule) -> str:
    """What a rule is about, with ``each`` where it is asked of several."""
    group = rule.group
    if group is not None and " = " not in group:
        group = "each group" if group == EACH else f"each {group}"
    return subject_of(rule.attribute, rule.category, group)


def limit_in_words(rule: FairnessRule) -> str:
    """What the rule asks for, such as ``at least 30 %``."""
    return _asked(rule, _scale(rule, ()))


def attack_sentence(rule: FairnessRule, attack: PrivacyAttack) -> str:
    """What an attack showed of the epsilon that is claimed: a bound, at the attack's own confidence, from canaries."""
    scale = scale_of([attack.lower_bound / attack.epsilon], [], _unit(rule))
    return (
        f"An attack with {attack.canaries:,} canaries shows that epsilon is at least {attack.lower_bound:.3g}, with "
        f"{100 * attack.confidence:g} % confidence, where {attack.epsilon:g} is claimed: "
        f"{scale.say(attack.lower_bound / attack.epsilon)} of it; the policy asks for {_asked(rule, scale)}."
    )


def figure_sentence(rule: FairnessRule, figure: Figure, verdict: Verdict, *, level: float) -> str:
    """One sentence with the figure, its interval, its subjects and the limit; where undecided, what would decide it."""
    read = figure.read
    ends = [end for end in (read.value, read.low, read.high) if end is not None]
    scale = _scale(rule, ends)
    value, low, high = ends
    interval = f"{100 * level:g} % interval {scale.bare(low)} to {scale.say(high)}"
    said = f"{_statement(rule, figure, value, scale)} ({interval}, {read.n:,} subjects)"
    undecided = _undecided(verdict) if verdict.outcome == Outcome.INCONCLUSIVE else ""
    return f"{said}; the policy asks for {_asked(rule, scale)}{undecided}."


def waiver_words(rule: FairnessRule, waiver: Waiver) -> str:
    """What a waiver says, to stand behind the sentence of the finding."""
    worst = scale_of([waiver.worst_value], [], _unit(rule)).say(waiver.worst_value)
    return (
        f"{waiver.expires_on} by waiver {waiver.id}: at worst {worst} is tolerated; {waiver.owner} answers for it, "
        f"{waiver.approver} approved it. {waiver.reason.strip()}"
    )


def _statement(rule: FairnessRule, figure: Figure, value: float, scale: Scale) -> str:
    row = figure.measured
    name = f"{metric_of(rule.metric).title} for {subject_of(row.attribute, row.category, row.group)}"
    if rule.comparison == "ratio":
        standard = "its target" if rule.against == "target" else "the best"
        return f"{name} is {scale.say(value)} of {standard}"
    if rule.comparison in {"no_regression", "equivalence"}:
        other = "the target" if rule.against == "target" else "the baseline's"
        side = "above" if value > 0 else "below"
        return f"{name} is {scale.say(abs(value))} {side} {other}" if value else f"{name} is the same as {other}"
    statement = _STATEMENTS.get(rule.metric) or _PLAIN_STATEMENTS.get(rule.metric)
    if statement is None or row.group is not None:
        return f"{name} is {scale.say(value)}"
    return statement.format(who=_who(row), value=scale.say(value))


def _asked(rule: FairnessRule, scale: Scale) -> str:
    floor, ceiling = rule.bounds
    if rule.comparison == "no_regression":
        most, way = (ceiling, "rise") if floor is None else (-floor, "fall")
        return f"no {way} by more than {scale.say(most or 0.0)}"
    if rule.comparison == "equivalence":
        other = "target" if rule.against == "target" else "baseline"
        return f"no difference from the {other} of more than {scale.say(ceiling or 0.0)}"
    of = {"best": " of the best", "target": " of its target"}.get(rule.against or "", "")
    if floor is None:
        return f"at most {scale.say(ceiling or 0.0)}{of}"
    return f"at least {scale.say(floor)}{of}" if ceiling is None else f"{scale.bare(floor)} to {scale.say(ceiling)}{of}"


def _undecided(verdict: Verdict) -> str:
    if verdict.n_to_decide is None:
        on_it = verdict.distance == 0.0
        return ", which this audit cannot decide" + (", for the figure lies on the limit" if on_it else "")
    return f", which this audit cannot decide; about {_rounded(verdict.n_to_decide):,} subjects like these would"


def _rounded(number: int) -> int:
    """Up to two digits that count: an estimate of an estimate has no more."""
    unit = int("1" + "0" * max(0, len(str(number)) - 2))
    return -(-number // unit) * unit


def _scale(rule: FairnessRule, ends: Sequence[float]) -> Scale:
    limits = [bound for bound in rule.bounds if bound is not None]
    return scale_of([*ends, *limits], limits, _unit(rule))


def _unit(rule: FairnessRule) -> Unit:
    if rule.comparison == "ratio":
        return " %"
    if rule.metric not in _STATEMENTS:
        return ""
    return " percentage points" if rule.comparison in {"no_regression", "equivalence"} else " %"


def _pair(attribute: str, category: str) -> str:
    return f"{attribute} = {category}"


def _who(measurement: Measurement) -> str:
    about = subject_of(measurement.attribute, measurement.category)
    if measurement.category is None:
        return about
    name = measurement.category.replace("_", " ")
    return f"{name[:1].upper()}{name[1:]} titles ({about})"
