"""What the tables of a check leave out: short lists, and subjects of no group. Pure."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from audits.tables import AuditInput, Recommendations
from governance.policy.rules import FairnessPolicy


def ungrouped(given: AuditInput) -> dict[str, float]:
    """Share of the subjects with a list who have no group, by what divides them ("" where the table names nothing)."""
    groups = given.subject_groups
    if groups is None:
        return {}
    subjects = given.recommendations.lists.subjects
    if "attribute" not in groups.column_names:
        return {"": _without(subjects, groups)}
    return {
        name: _without(subjects, groups.filter(pc.equal(groups["attribute"], name)))
        for name in sorted(pc.unique(groups["attribute"]).to_pylist())
    }


def gaps(given: AuditInput, policy: FairnessPolicy, without: Mapping[str, float]) -> tuple[str, ...]:
    """The same in sentences; none where nothing is left out."""
    asked = f"have fewer than the {policy.list_length} titles that the policy looks at"
    lists, short = _short(given.recommendations, policy)
    theirs, cut = (0, 0) if given.baseline is None else _short(given.baseline, policy)
    worse = "; differences from them would flatter the recommender and are left out" if cut > short else ""
    unknown = [
        f"{share:.1%} of the subjects have no {name or 'group'} and count in no figure by it."
        for name, share in without.items()
        if share
    ]
    return (
        *([f"{short:,} of {lists:,} lists {asked}."] if short else []),
        *([f"{cut:,} of the baseline's {theirs:,} lists {asked}{worse}."] if cut else []),
        *unknown,
    )


def has_shorter_baseline(given: AuditInput, policy: FairnessPolicy) -> bool:
    """Whether more of the baseline's lists are short: cut off, it serves worse than it does, and hides a regression."""
    return given.baseline is not None and _short(given.baseline, policy)[1] > _short(given.recommendations, policy)[1]


def _short(lists: Recommendations, policy: FairnessPolicy) -> tuple[int, int]:
    """How many lists, and how many of those with fewer titles than the policy looks at."""
    lengths = lists.lists.lengths
    return len(lengths), int((lengths < policy.list_length).sum())


def _without(subjects: pa.Array, groups: pa.Table) -> float:
    known = pc.sum(pc.is_in(subjects, value_set=pc.unique(groups["subject"]))).as_py()
    return 1.0 - float(known) / len(subjects)
