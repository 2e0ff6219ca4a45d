"""Limits that only get stricter: a policy file edited in place, number by number, so that its comments stay. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath

import yaml

from audits.report import Report
from governance.errors import PolicyError
from governance.gate.margins import reach, written
from governance.gate.matching import figures, too_few_for
from governance.policy.loader import parse
from governance.policy.rules import FairnessPolicy, FairnessRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Tightened:
    """One number of one rule, before and after; ``line`` is the rule's."""

    rule: str
    field: str
    before: float
    after: float
    line: int | None


def tighten(text: str, path: PurePath, report: Report, *, slack: float) -> tuple[str, tuple[Tightened, ...]]:
    """The policy's text with every limit that the report keeps to by more than ``slack`` half-widths moved to there.

    Tolerances stay: they say how much change matters, not how good things are. Rules at ``off`` stay too.

    Guarantees:
      - no limit gets looser, and nothing but the numbers that are returned changes
      - a rule whose evidence is missing keeps its limits

    Raises:
        PolicyError: the file cannot be used, or a number is shared by several places of it and cannot be changed alone.
    """
    policy = parse(text.encode(), path, FairnessPolicy).value
    changes = tuple(change for rule in policy.rules for change in _changes(rule, report, slack))
    edited = _edited(text, changes)
    if not _says(edited, path, _with(policy, changes)):
        msg = f"{path}:1: rules: expected numbers of their own, got some that several places share: none was changed"
        raise PolicyError(msg)
    return edited, changes


def _says(text: str, path: PurePath, policy: FairnessPolicy) -> bool:
    try:
        return parse(text.encode(), path, FairnessPolicy).value == policy
    except PolicyError:
        return False


def _changes(rule: FairnessRule, report: Report, slack: float) -> Iterator[Tightened]:
    lacking = rule.level == "off" or too_few_for(rule, report)
    ends = None if lacking else reach(figures(rule, report), slack)
    if ends is None:
        return
    floor, ceiling = rule.bounds
    wanted: dict[str, float] = {}
    if rule.comparison in {"at_least", "between"} and floor is not None and ends.floor > floor:
        wanted["limit" if rule.comparison == "at_least" else "floor"] = ends.floor
    if rule.comparison in {"at_most", "between"} and ceiling is not None and ends.ceiling < ceiling:
        wanted["limit" if rule.comparison == "at_most" else "ceiling"] = ends.ceiling
    if rule.comparison == "ratio" and floor is not None:
        nearest = min(ends.floor, 1.0 if ceiling is None else 1.0 / max(ends.ceiling, 1.0))
        wanted |= {"limit": nearest} if nearest > floor else {}
    if rule.aim is not None and "limit" in wanted:
        stricter = max if rule.comparison == "at_least" else min
        wanted["aim"] = stricter(rule.aim, wanted["limit"])
    for field, after in wanted.items():
        before = getattr(rule, field)
        if after != before:
            yield Tightened(rule=rule.id, field=field, before=before, after=after, line=rule.line)


def _with(policy: FairnessPolicy, changes: tuple[Tightened, ...]) -> FairnessPolicy:
    by_rule: dict[str, dict[str, float]] = {}
    for change in changes:
        by_rule.setdefault(change.rule, {})[change.field] = change.after
    rules = tuple(replace(rule, **by_rule.get(rule.id, {})) for rule in policy.rules)  # type: ignore[arg-type] # numbers
    return replace(policy, rules=rules)


def _edited(text: str, changes: tuple[Tightened, ...]) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    rules = _fields(root)["rules"].value
    nodes = {str(fields["id"].value): fields for fields in map(_fields, rules)}
    edits = [(nodes[change.rule][change.field], change.after) for change in changes]
    for node, after in sorted(edits, key=lambda edit: edit[0].start_mark.index, reverse=True):
        text = text[: node.start_mark.index] + written(after) + text[node.end_mark.index :]
    return text


def _fields(node: yaml.Node | None) -> Mapping[str, yaml.Node]:
    return {str(name.value): child for name, child in node.value} if isinstance(node, yaml.MappingNode) else {}
