"""Which figures of a report a rule is about, as its comparison reads them. Pure.

A comparison reads the metric itself, its ratio to the best or to the target, its distance from the target, or its
difference from the baseline's. Each comes with an interval, in one family with all others of the report.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from audits.group_sizes import GroupSize
from audits.groupings import CROSSED
from audits.metrics import METRICS
from audits.report import Measurement, Report
from governance.policy.rules import FairnessRule, metric_of

UNKNOWN = "unknown"
"""Name under which reports hold titles without a category; they can satisfy no rule."""
EACH = "each"
"""The group of a rule that is asked of every group of subjects."""
_STATED = frozenset(metric.slug for metric in METRICS if metric.stated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure as a comparison reads it, and the measurement it comes from.

    ``missing`` says why it is no evidence, or is None.
    """

    read: Measurement
    measured: Measurement
    missing: str | None = None


def figures(rule: FairnessRule, report: Report) -> list[Figure]:
    """The figures that a rule is about, in the report's order; none where the report lacks them."""
    rows = report.differences if _of_differences(rule) else report.measurements
    found = [each for each in rows if _is_about(rule, each)]
    if rule.attribute is not None and rule.category is None:
        found = [each for each in found if catalogue_share(report, each) >= rule.min_catalogue_share]
    return [_read(rule, each, rows, report.critical_value) for each in found]


def places(rule: FairnessRule, report: Report) -> list[Measurement]:
    """Everything that the report measures by the rule's metric, wherever."""
    rows = report.differences if _of_differences(rule) else report.measurements
    return [each for each in rows if each.metric == rule.metric]


def why_absent(rule: FairnessRule, report: Report) -> str | None:
    """Why the input has nothing that the rule is about, or None where it has.

    A metric that was merely not run is missing evidence, not absence, and so is what nobody stated.
    """
    if rule.stated:
        return None
    labelled = {row.attribute for row in report.unknown_labels}
    if rule.attribute is not None and rule.attribute not in labelled:
        return f"the catalogue has no {rule.attribute} to measure by"
    groups = {each.group for each in report.measurements if each.group is not None and each.metric not in _STATED}
    # Groups that nothing was measured for are there all the same.
    groups |= {each.group for each in report.group_sizes}
    if rule.group is None or any(_in_group(rule.group, each) for each in groups):
        return None
    parts = set(rule.group.partition(" = ")[0].split(CROSSED))
    divisions = {division(each) for each in groups}
    if len(parts) > 1 and parts <= divisions and CROSSED.join(sorted(parts)) not in divisions:
        return None  # what could be crossed, and was not
    if not report.subjects_with_targets and "relevance" in metric_of(rule.metric).needs:
        return None  # groups or not, there was nothing to measure by
    return "there are no groups of subjects" if rule.group == EACH else f"there are no subjects by {rule.group}"


def too_few_for(rule: FairnessRule, report: Report) -> list[GroupSize]:
    """Of the groups in the tables that a rule is asked of, those of which no figure is evidence."""
    return [] if rule.stated else too_few(rule.group, report, min_subjects=rule.min_subjects)


def too_few(asked: str | None, report: Report, *, min_subjects: int) -> list[GroupSize]:
    """Of the groups that a rule is asked of, those of which no figure is evidence: too small, or merged with others.

    What is no group of the input, such as "age = other" or "age = worst", stands for all of its division.
    """
    if asked is None:
        return []
    if not any(_in_group(asked, each.group) for each in report.group_sizes):
        asked = division(asked) or EACH
    found = [each for each in report.group_sizes if _in_group(asked, each.group)]
    return [each for each in found if each.merged or each.subjects < min_subjects]


def without_group(report: Report) -> dict[str, float]:
    """Share of the subjects with a list who have no group, by what divides them ("" where nothing is said to).

    Nothing where the report does not tell: one that was made before reports named their groups' sizes.
    """
    grouped: dict[str, int] = {}
    for size in report.group_sizes:
        name = division(size.group)
        if CROSSED not in name:
            grouped[name] = grouped.get(name, 0) + size.subjects
    return {name: max(0.0, 1.0 - subjects / report.subjects) for name, subjects in grouped.items()}


def unknown_share(rule: FairnessRule, report: Report) -> tuple[float, str]:
    """Share of what has no category of the rule's attribute, and of what in words; 0 where it is about none.

    Of attention, or of the catalogue where that is more: titles without a label that nobody is shown make every
    category's part of the catalogue smaller, and a hidden one seem at parity.
    """
    found = next((row for row in report.unknown_labels if row.attribute == rule.attribute), None)
    if found is None or rule.stated:
        return 0.0, "the attention falls on"
    parts = ((found.exposure, "the attention falls on"), (found.catalogue, "the catalogue is"))
    return max(parts, key=lambda part: part[0])


def _of_differences(rule: FairnessRule) -> bool:
    return rule.comparison == "no_regression" or rule.against == "baseline"


def _is_about(rule: FairnessRule, row: Measurement) -> bool:
    if (row.metric, row.attribute) != (rule.metric, rule.attribute):
        return False
    # "unknown" is what audits of lists call titles without a category. Elsewhere it is a category like another.
    if row.category == UNKNOWN and not rule.stated:
        return False
    if rule.category is not None and row.category != rule.category:
        return False
    return row.group is None if rule.group is None else row.group is not None and _in_group(rule.group, row.group)


def _in_group(asked: str, group: str) -> bool:
    return asked in {EACH, group} or group.startswith(f"{asked} = ")


def catalogue_share(report: Report, measurement: Measurement) -> float:
    """The share of the catalogue that a figure's category makes up; infinite where the report does not tell."""
    shares = report.select("exposure_share", attribute=measurement.attribute, category=measurement.category)
    # A category whose size the report does not tell is judged: leaving it out would be the lenient reading.
    return next((each.target for each in shares if each.target is not None and each.group is None), math.inf)


def _read(rule: FairnessRule, row: Measurement, rows: Sequence[Measurement], critical_value: float) -> Figure:
    ends = (row.value, row.low, row.high)
    if any(end is None or not math.isfinite(end) for end in ends):
        return Figure(read=row, measured=row, missing=f"is undefined ({row.undefined or 'not a number'})")
    if row.n < rule.min_subjects:
        return Figure(
            read=row, measured=row, missing=f"rests on {row.n} subjects; the rule asks for {rule.min_subjects}"
        )
    if rule.comparison == "ratio":
        return _ratio_to_best(rule, row, rows, critical_value) if rule.against == "best" else _ratio_to_target(row)
    if rule.comparison == "equivalence" and rule.against == "target":
        return _distance_from_target(row)
    return Figure(read=row, measured=row)


def _ratio_to_target(row: Measurement) -> Figure:
    if row.target is None or not row.target > 0:
        return Figure(read=row, measured=row, missing="has no target above 0 to be divided by")
    return Figure(read=_mapped(row, scale=1.0 / row.target), measured=row)


def _distance_from_target(row: Measurement) -> Figure:
    if row.target is None or math.isnan(row.target):
        return Figure(read=row, measured=row, missing="has no target to differ from")
    return Figure(read=_mapped(row, offset=-row.target), measured=row)


def _mapped(row: Measurement, *, scale: float = 1.0, offset: float = 0.0) -> Measurement:
    def moved(end: float | None) -> float | None:
        return None if end is None else end * scale + offset

    return replace(
        row,
        value=moved(row.value),
        low=moved(row.low),
        high=moved(row.high),
        pointwise_low=moved(row.pointwise_low),
        pointwise_high=moved(row.pointwise_high),
        standard_error=None if row.standard_error is None else row.standard_error * scale,
    )


def _ratio_to_best(rule: FairnessRule, row: Measurement, rows: Sequence[Measurement], critical_value: float) -> Figure:
    """The ratio to the best of all that could be best, between 0 and 1.

    The intervals of a report hold together, so the ratio lies between the least of this figure over the most of the
    best of the others and the other way round: wider than need be, never narrower.
    """
    everywhere = replace(rule, category=None, group=None if rule.group is None else EACH)
    others = [each for each in rows if each is not row and _is_about(everywhere, each) and _is_beside(each, row)]
    # One that has no figure, or too few subjects to be asked, sets no standard.
    rivals = [each for each in others if _is_rival(each, rule.min_subjects)]
    if not rivals:
        return Figure(read=row, measured=row, missing="has nothing beside it to be compared with")
    lower = metric_of(rule.metric).better == "lower"
    value, low, high = _ratios(row, rivals, lower=lower)
    if any(math.isnan(end) for end in (value, low, high)):
        return Figure(read=row, measured=row, missing="has no figure above 0 to be divided by")
    read = replace(
        row,
        value=value,
        low=low,
        high=high,
        n=min(row.n, _best(rivals, lower=lower).n),
        standard_error=max(value - low, high - value) / critical_value,
        target=None,
    )
    return Figure(read=read, measured=row)


def _is_beside(other: Measurement, row: Measurement) -> bool:
    """Whether two figures differ in one thing only: the group of one division, or the category."""
    if row.group is None:
        return other.group is None
    return other.category == row.category and division(other.group) == division(row.group)


def division(group: str | None) -> str:
    """What divides the subjects: "age" of "age = old", nothing of a group without."""
    division, divided, _ = (group or "").partition(" = ")
    return division if divided else ""


def _is_rival(each: Measurement, min_subjects: int) -> bool:
    ends = (each.value, each.low, each.high)
    return each.n >= min_subjects and all(end is not None and math.isfinite(end) for end in ends)


def _best(rivals: Sequence[Measurement], *, lower: bool) -> Measurement:
    return sorted(rivals, key=lambda each: each.value or 0.0, reverse=not lower)[0]


def _ratios(row: Measurement, rivals: Sequence[Measurement], *, lower: bool) -> tuple[float, float, float]:
    """Value, low and high of the ratio; NaN where there is nothing to divide by."""
    own = (row.value or 0.0, row.low or 0.0, row.high or 0.0)
    pick = min if lower else max
    best = tuple(pick(getattr(each, end) for each in rivals) for end in ("value", "low", "high"))
    if lower:
        return _quotient(best[0], own[0]), _quotient(best[1], own[2]), _quotient(best[2], own[1])
    return _quotient(own[0], best[0]), _quotient(own[1], best[2]), _quotient(own[2], best[1])


def _quotient(above: float, below: float) -> float:
    """At most 1, because whoever is best has itself as standard; NaN for 0 / 0."""
    if below <= 0:
        return 1.0 if above > 0 else math.nan
    return min(max(above / below, 0.0), 1.0)
