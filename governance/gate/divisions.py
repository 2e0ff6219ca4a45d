"""Which divisions an audit makes besides those in its tables, because a rule names them. Pure.

A rule on ``attribute: popularity`` asks for tiers of titles, one on ``group: activity`` for tiers of subjects, one on
``group: age × region`` (names sorted) for an intersection. They are made where the tables allow it; where not, the rule
is told what it lacks like any other.
"""

from dataclasses import replace

import pyarrow.compute as pc

from audits.cold_start import ACTIVITY, POPULARITY
from audits.configuration import DEEPEST, AuditConfig
from audits.groupings import CROSSED
from audits.tables import AuditInput
from governance.policy.rules import FairnessPolicy


def with_divisions(config: AuditConfig, policy: FairnessPolicy, given: AuditInput) -> AuditConfig:
    """The settings with the tiers and intersections that the policy's rules name and the tables allow."""
    rules = [rule for rule in policy.rules if rule.level != "off" and not rule.stated]
    crossed = [_crossed(rule.group) for rule in rules if rule.group is not None]
    there = _attributes(given)
    active = given.history is not None and ACTIVITY not in there and any(ACTIVITY in parts for parts in crossed)
    there |= {ACTIVITY} if active else set()
    titles = given.popularity is not None and POPULARITY not in given.membership.attributes
    return replace(
        config,
        activity_tiers=active,
        popularity_tiers=titles and any(rule.attribute == POPULARITY for rule in rules),
        intersections=tuple(
            sorted({parts for parts in crossed if 1 < len(set(parts)) == len(parts) <= DEEPEST and set(parts) <= there})
        ),
    )


def _crossed(group: str) -> tuple[str, ...]:
    """The attributes of "age", "age = old", "age × region" or "age × region = old × north"."""
    return tuple(sorted(group.partition(" = ")[0].split(CROSSED)))


def _attributes(given: AuditInput) -> set[str]:
    table = given.subject_groups
    if table is None or "attribute" not in table.column_names:
        return set()
    return set(pc.unique(table["attribute"]).to_pylist())
