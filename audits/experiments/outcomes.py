"""What subjects did in an experiment, one number for each subject and outcome."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from audits.errors import InvalidTable

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CONTROL, TREATMENT = "control", "treatment"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """One experiment, subject by subject, sorted by subject.

    Attributes:
        treated: whether a subject is in the treatment arm, shape (n,).
        values: by outcome, a number for every subject, (n,) each.
        groups: name of each subject's group, or None where subjects are not divided; "" is no group.
    """

    treated: Bools
    values: Mapping[str, Floats]
    groups: tuple[str, ...] | None

    def group_names(self) -> tuple[str, ...]:
        """The groups that occur, sorted."""
        return () if self.groups is None else tuple(sorted(set(self.groups) - {""}))

    def members(self, group: str | None) -> Bools:
        """Who belongs to the group, shape (n,); None is everybody."""
        if group is None:
            return np.ones(self.treated.size, dtype=bool)
        return np.array([each == group for each in self.groups or ()], dtype=bool)


def outcomes_from(table: pa.Table) -> Outcomes:
    """Aggregate a log of an experiment by subject.

    Columns: ``subject``; ``arm``, "control" or "treatment"; optionally ``group`` (null is no group); every other column
    is an outcome, a number or a truth value. A subject with several rows counts once, with the mean of each outcome:
    visits are nested in subjects, and rows would pretend to more evidence than there is.

    Raises:
        InvalidTable: a missing column or value, another arm, one arm only, a subject in two arms or two groups, an
            outcome that is not finite, or no outcome at all.
    """
    names = [name for name in table.column_names if name not in {"subject", "arm", "group"}]
    _check(table, names)
    treated = pc.equal(table["arm"].cast(pa.string()), TREATMENT).cast(pa.int8())
    # Outcomes go by number, so that none can be called like a column of ours.
    columns = {f"outcome {at}": table[name].cast(pa.float64()) for at, name in enumerate(names)}
    wanted = [("treated", "min"), ("treated", "max"), *((column, "mean") for column in columns)]
    plain = pa.table({"subject": table["subject"], "treated": treated, **columns})
    by_subject = plain.group_by("subject").aggregate(wanted).sort_by("subject")
    two_arms = pc.sum(pc.not_equal(by_subject["treated_min"], by_subject["treated_max"])).as_py()
    if two_arms:
        msg = f"experiment: expected each subject in one arm, got {two_arms} subjects in both"
        raise InvalidTable(msg)
    return Outcomes(
        treated=np.asarray(by_subject["treated_min"]).astype(bool),
        values={name: np.asarray(by_subject[f"outcome {at}_mean"], dtype=np.float64) for at, name in enumerate(names)},
        groups=_groups(table) if "group" in table.column_names else None,
    )


def _check(table: pa.Table, outcomes: list[str]) -> None:
    missing = sorted({"subject", "arm"} - set(table.column_names))
    if missing or not outcomes:
        msg = f"experiment: expected columns subject, arm and outcomes, got {table.column_names}"
        raise InvalidTable(msg)
    for name in ("subject", "arm", *outcomes):
        if table[name].null_count:
            msg = f"experiment, column {name}: expected a value in every row, got {table[name].null_count} nulls"
            raise InvalidTable(msg)
    arms = set(pc.unique(table["arm"].cast(pa.string())).to_pylist())
    if arms != {CONTROL, TREATMENT}:
        # Not which: where columns were swapped, they are identifiers.
        others, found = len(arms - {CONTROL, TREATMENT}), sorted(arms & {CONTROL, TREATMENT})
        msg = f"experiment, column arm: expected control and treatment, got {found} and {others} other values"
        raise InvalidTable(msg)
    for name in outcomes:
        kind = table[name].type
        if not (pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            msg = f"experiment, column {name}: expected numbers, got {kind}"
            raise InvalidTable(msg)
        if not pc.all(pc.is_finite(table[name].cast(pa.float64()))).as_py():
            msg = f"experiment, column {name}: expected finite numbers, got others"
            raise InvalidTable(msg)


def _groups(table: pa.Table) -> tuple[str, ...]:
    named = pa.table({"subject": table["subject"], "group": pc.fill_null(table["group"].cast(pa.string()), "")})
    ends = named.group_by("subject").aggregate([("group", "min"), ("group", "max")]).sort_by("subject")
    several = pc.sum(pc.not_equal(ends["group_min"], ends["group_max"])).as_py()
    if several:
        msg = f"experiment, column group: expected one group for each subject, got {several} subjects with several"
        raise InvalidTable(msg)
    return tuple(ends["group_min"].to_pylist())
