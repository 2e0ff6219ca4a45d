"""Groups of subjects as they declared them, for audits and nothing else."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from governance.pipeline.home import Home
from governance.pipeline.interactions import FEW, answered
from pseudonymisation.declarations import Attribute, listed_pairs
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.schema import DECLARATION

GROUPS = pa.schema([("subject", pa.string()), ("attribute", pa.string()), ("group", pa.string())])


def declared_groups(home: Home, subjects: Sequence[str]) -> pa.Table | None:
    """What these subjects (events domain) declare of themselves now, or None where none of them does.

    The rows have the schema ``GROUPS``, at most one per subject and attribute.
    """
    chosen = [Pseudonym(subject) for subject in subjects]
    rows = home.lake.scan(
        DECLARATION.name,
        columns=["subject", "at", "attribute", "group", "purposes"],
        subjects=chosen if len(chosen) <= FEW else None,
    )
    found = in_force(
        rows,
        subjects,
        purpose=home.policies.purposes.value.auditing,
        attributes=home.policies.minimisation.value.attributes,
    )
    return found if found.num_rows else None


def in_force(
    declarations: pa.Table, subjects: Sequence[str], *, purpose: str, attributes: Mapping[str, Attribute]
) -> pa.Table:
    """The newest declaration of each subject and attribute, ordered by both, with the schema ``GROUPS``.

    There is none where the newest takes the attribute back, names what policy no longer lists, or is contradicted by
    another of the same moment: who corrects themselves does not get their former group again.

    Args:
        declarations: columns subject, at, attribute, group, purposes.
        subjects: the only subjects whose rows are read.
        purpose: slug that must be among a row's purposes.
        attributes: what policy lists.
    """
    import ibis  # takes half a second, which who reads no events need not wait for

    pairs = [(name, group) for name, group in listed_pairs(attributes) if group in attributes[name].groups]
    known = {"attribute": [name for name, _ in pairs], "group": [group for _, group in pairs]}
    rows, chosen = ibis.memtable(declarations), ibis.memtable({"subject": list(subjects)}, schema={"subject": "string"})
    allowed = ibis.memtable(known, schema={"attribute": "string", "group": "string"})
    usable = rows.filter(rows.purposes.contains(purpose)).semi_join(chosen, "subject")
    newest = usable.group_by(["subject", "attribute"]).aggregate(at=usable["at"].max())
    latest = usable.semi_join(newest, ["subject", "attribute", "at"])
    agreed = latest.group_by(["subject", "attribute"]).aggregate(
        group=latest["group"].min(), same=latest["group"].min() == latest["group"].max()
    )
    found = agreed.filter(agreed["same"]).semi_join(allowed, ["attribute", "group"])
    asked = found.select(*GROUPS.names).order_by("subject", "attribute")
    return answered(ibis.duckdb.connect(), asked).cast(GROUPS)
