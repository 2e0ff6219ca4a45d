"""A first policy, from what a report measured: that nothing may get worse. Nobody has approved it yet. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import count
from typing import Final

from audits.metrics.metric import Metric
from audits.report import Measurement, Report, UnknownLabels
from governance.errors import InvalidInput
from governance.gate.margins import Reach, reach, written
from governance.gate.matching import EACH, UNKNOWN, Figure, catalogue_share, division, figures, too_few
from governance.policy.rules import FairnessRule, metric_of

STARTERS: Final = ("exposure_ratio", "exposure_gini", "coverage", "popularity_lift", "ndcg", "recall")
"""What a first policy is about, where the tables allow it: every metric at once would be asked by nobody."""
SIZES: Final = "exposure_share"
"""Has the sizes of categories beside their shares, by which very small ones are left out."""

MOST_UNKNOWN: Final = 0.05
"""What a first policy lets be unknown; it has no rule about an attribute of which more is."""

_NOBODY = "nobody yet"
_QUALITY = ("ndcg", "recall")
_SMALLEST = 0.02
_FEWEST = 30

_HEAD = """\
# What recommendations must keep to, drafted from an audit of {subjects:,} subjects on {day}.
#
# What was measured has {level:g} % intervals that all hold together. Each limit lies beyond an interval's end by
# {slack:g} times the distance from figure to end, so that other subjects like these do not miss it by chance. It says
# what is, not what is right: set the limits that you can answer for, give the reason, and have somebody else approve
# each rule. Until approved_by is filled in everywhere, the gate refuses this file.
#
# Levels: `warn` is told, `error` keeps a model from shipping, `off` is not looked at. Rules start as warnings; one is
# an error from the start, because a policy in which nothing can fail is refused. `probity gate ratchet` tightens
# limits to what a later audit shows, and never loosens one.

list_length: {k}
attention: {attention}
replicates: {replicates}
confidence: {confidence}
seed: {seed}

# Where more of the catalogue, or of the attention, than this has no category of an attribute, an audit is no evidence
# on it.
max_unknown_share: {max_unknown}

rules:
"""


def draft(report: Report, *, metrics: Sequence[str], measured_on: date, slack: float) -> str:
    """A policy as YAML, with comments.

    It has a rule for each category, and for each division of the subjects, that one of ``metrics`` was measured for,
    but none about an attribute that is ``unlabelled``.

    Guarantees:
      - with ``approved_by`` filled in everywhere the policy loads, and the report passes it

    Raises:
        InvalidInput: the report has no figure that a limit could be drawn from.
    """
    families = [cells for cells in _families(report) if cells[0].metric in metrics]
    rules = _named([rule for cells in families for rule in _rules(cells, report, slack)])
    if not rules:
        msg = "the audit has no figure on enough subjects that a limit could be drawn from"
        raise InvalidInput(msg)
    binding = next((each for slug in _QUALITY for each in rules if each.metric == slug), rules[0])
    head = _HEAD.format(
        subjects=report.subjects,
        day=measured_on,
        level=100 * report.level,
        slack=slack,
        k=report.k,
        attention=report.attention,
        replicates=report.replicates,
        confidence=report.level,
        seed=report.seed,
        max_unknown=MOST_UNKNOWN,
    )
    return head + "\n".join(_written(each, report, measured_on, binding=each is binding) for each in rules)


def unlabelled(report: Report) -> tuple[UnknownLabels, ...]:
    """The attributes of which too much is unknown for a rule."""
    return tuple(row for row in report.unknown_labels if max(row.exposure, row.catalogue) > MOST_UNKNOWN)


def _families(report: Report) -> list[list[Measurement]]:
    """The figures that one rule could be about: of one category, and of one division of subjects.

    Categories that are very small are left out, and attributes that are unlabelled.
    """
    found: dict[tuple[str | None, ...], list[Measurement]] = {}
    left_out = {each.attribute for each in unlabelled(report)}
    for row in report.measurements:
        if row.attribute in left_out:
            continue
        small = row.category is not None and catalogue_share(report, row) < _SMALLEST
        if not small and row.category != UNKNOWN:
            found.setdefault((row.metric, row.attribute, row.category, _divided(row)), []).append(row)
    return list(found.values())


def _divided(row: Measurement) -> str | None:
    """The division that a rule on a figure's group is about, or None."""
    return None if row.group is None else division(row.group) or EACH


def _rules(cells: Sequence[Measurement], report: Report, slack: float) -> Iterator[FairnessRule]:
    """One rule for all cells; where one of them is no evidence, or a group has none, one for each of the others."""
    usable = [each for each in cells if each.value is not None and each.n >= _FEWEST]
    lacking = too_few(_divided(cells[0]), report, min_subjects=_FEWEST)
    whole = len(usable) == len(cells) and not lacking
    alone = [[each] for each in usable if not too_few(each.group, report, min_subjects=_FEWEST)]
    for asked in [usable] if whole else alone:
        ends = reach([Figure(read=each, measured=each) for each in asked], slack)
        numbers = None if ends is None else _limits(ends, metric_of(asked[0].metric))
        if numbers is not None:
            yield _rule(asked, numbers, alone=not whole)


def _limits(ends: Reach, metric: Metric) -> dict[str, object] | None:
    """The numbers of a rule; None where the metric could not miss them."""
    floor = ends.floor if ends.floor > metric.low else None
    ceiling = ends.ceiling if ends.ceiling < metric.high else None
    if metric.better == "target" and floor is not None and ceiling is not None:
        return {"comparison": "between", "floor": floor, "ceiling": ceiling}
    if metric.better != "lower" and floor is not None:
        return {"comparison": "at_least", "limit": floor}
    if metric.better != "higher" and ceiling is not None:
        return {"comparison": "at_most", "limit": ceiling}
    return None


def _rule(cells: Sequence[Measurement], numbers: Mapping[str, object], *, alone: bool) -> FairnessRule:
    first = cells[0]
    return FairnessRule(
        id="draft",
        metric=first.metric,
        level="warn",
        rationale="measured",
        approved_by=_NOBODY,
        attribute=first.attribute,
        category=first.category,
        group=first.group if alone else _divided(first),
        **numbers,  # type: ignore[arg-type] # comparison and numbers as `_limits` pairs them
    )


def _named(rules: Sequence[FairnessRule]) -> list[FairnessRule]:
    """The rules with ids that tell them apart: metric, then what it is asked of."""
    named: list[FairnessRule] = []
    for rule in rules:
        words = " ".join(each for each in (rule.metric, rule.attribute, rule.category, rule.group) if each)
        plain = "-".join(re.findall(r"[a-z0-9]+", words.lower()))
        taken = {each.id for each in named}
        unique = plain if plain not in taken else next(f"{plain}-{n}" for n in count(2) if f"{plain}-{n}" not in taken)
        named.append(replace(rule, id=unique))
    return named


def _written(rule: FairnessRule, report: Report, measured_on: date, *, binding: bool) -> str:
    numbers = {name: getattr(rule, name) for name in ("limit", "floor", "ceiling")}
    places = {name: getattr(rule, name) for name in ("attribute", "category", "group")}
    found = [each.measured.value for each in figures(rule, report)]
    values = [value for value in found if value is not None]
    span = f"{min(values):.4g}" if len(values) == 1 else f"{min(values):.4g} to {max(values):.4g}"
    title = metric_of(rule.metric).title
    fields = {
        "metric": rule.metric,
        **{name: _quoted(value) for name, value in places.items() if value is not None},
        "comparison": rule.comparison,
        **{name: written(value) for name, value in numbers.items() if value is not None},
        "level": "error" if binding else "warn",
        "rationale": _quoted(f"{title}, measured on {measured_on}: {span}."),
        "approved_by": '""',
    }
    lines = [f"  - id: {rule.id}", *(f"    {name}: {value}" for name, value in fields.items())]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
