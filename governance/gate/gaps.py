"""What the tables of a check leave out: short lists, and subjects of no group. Pure."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from audits.tables import AuditInput
from governance.policy.rules import FairnessPolicy


def ungrouped(given: AuditInput) -> dict[str, float]:
    """Share of the subjects with a list who have no group, by what divides them ("" where the table names nothing)."""
    groups = given.subject_groups
    if groups is None:
        return {}
    subjects = pc.unique(given.recommendations.table["subject"])
    if "attribute" not in groups.column_names:
        return {"": _without(subjects, groups)}
    return {
        name: _without(subjects, groups.filter(pc.equal(groups["attribute"], name)))
        for name in sorted(pc.unique(groups["attribute"]).to_pylist())
    }


def gaps(given: AuditInput, policy: FairnessPolicy, without: Mapping[str, float]) -> tuple[str, ...]:
    """The same in sentences; none where nothing is left out."""
    ranks = given.recommendations.table["rank"]
    lists, full = (pc.sum(pc.equal(ranks, rank)).as_py() for rank in (1, policy.list_length))
    short = (
        f"{lists - full:,} of {lists:,} lists have fewer than the {policy.list_length} titles that the policy looks at."
    )
    unknown = [
        f"{share:.1%} of the subjects have no {name or 'group'} and count in no figure by it."
        for name, share in without.items()
        if share
    ]
    return (*([short] if full < lists else []), *unknown)


def _without(subjects: pa.Array, groups: pa.Table) -> float:
    known = pc.sum(pc.is_in(subjects, value_set=pc.unique(groups["subject"]))).as_py()
    return 1.0 - float(known) / len(subjects)
