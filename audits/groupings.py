"""Ways to divide the subjects: as given, by how much they do, and crossed.

Groups of too few subjects are measured together, crossed ones too; every other group keeps a figure of its own. Totals
less those figures tell of the few: what may leave the house is for ``audits.disclosure`` to say.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from audits.coding import as_column, coded
from audits.cold_start import ACTIVITY, ACTIVITY_TIERS, activity_tiers
from audits.configuration import AuditConfig
from audits.errors import InvalidConfig
from audits.group_sizes import GroupSize, group_sizes
from audits.tables import codes

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

OTHER_GROUP = "other"
ABSENT = -1

CROSSED = " × "
"""Between the attributes of an intersection, and between its groups: ``age × region = old × north``."""
UNNAMED = "group"
"""What intersections call the division of a table that names none."""
_IS = " = "


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grouping:
    """One way to divide the subjects.

    Attributes:
        attribute: what divides them ("age", "age × region"), empty where the table names nothing.
        groups: names, small ones merged, sorted; of an intersection "old × north".
        codes: group of each subject, shape (n,), ``ABSENT`` for a subject without one.
        merged: how many groups are in "other", too small to stand alone.
        parts: the attributes that are crossed, empty for a simple grouping.
        given: names before merging.
        given_codes: group before merging of each subject, then of those whom the table names though they have no list.
    """

    attribute: str
    groups: tuple[str, ...]
    codes: Ints
    merged: int
    parts: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    given_codes: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names as reports give them: ``age = 18-24``, ``age × region = 18-24 × north``."""
        return self._labelled(self.groups)

    @property
    def sizes(self) -> tuple[GroupSize, ...]:
        """Subjects with a list of each group before merging, those of whom nobody has one included."""
        return group_sizes(self._labelled(self.given), self.given_codes, self.codes)

    def _labelled(self, groups: Sequence[str]) -> tuple[str, ...]:
        return tuple(label_of(self.attribute, group) for group in groups)

    @property
    def unknown(self) -> int:
        """How many subjects have no group."""
        return int(np.count_nonzero(self.codes == ABSENT))


def label_of(attribute: str, group: str) -> str:
    """A group as reports name it, ``age = old``; the name alone where nothing is said to divide the subjects."""
    return f"{attribute}{_IS}{group}" if attribute else group


def divided_by(label: str) -> str:
    """What divides the subjects into groups labelled like this one: ``age`` for ``age = old``, "" for ``old``."""
    return label.partition(_IS)[0] if _IS in label else ""


def wholes_of(label: str) -> Iterator[str]:
    """Labels of the groups that an intersection is part of: ``age = old`` and ``region = north`` of the two crossed.

    None for a simple group, and for the intersections merged into "other", which are part of several.
    """
    attributes, groups = divided_by(label).split(CROSSED), label.partition(_IS)[2].split(CROSSED)
    if len(attributes) != len(groups):
        return
    for size in range(1, len(attributes)):
        for at in combinations(range(len(attributes)), size):
            attribute = CROSSED.join(attributes[each] for each in at)
            group = CROSSED.join(groups[each] for each in at)
            yield label_of(attribute, group)
            if attribute == UNNAMED:
                yield group


def groupings_from(
    table: pa.Table | None, history_lengths: Ints | None, subjects: Sequence[str] | pa.Array, config: AuditConfig
) -> tuple[Grouping, ...]:
    """All groupings, the simple ones first, each kind sorted by attribute.

    ``table`` holds ``subject``, ``group`` and perhaps ``attribute``; ``history_lengths`` (n,) how many items each
    subject chose before, or None.

    Raises:
        InvalidConfig: tiers of activity are asked for without a history, or intersections of attributes that do not
            exist.
    """
    listed = subjects if isinstance(subjects, pa.Array) else pa.array(subjects, pa.string())
    if table is not None:
        # Looked up several times, and a million names are hashed once.
        table = table.set_column(table.column_names.index("subject"), "subject", as_column(coded(table["subject"])))
    everybody = pa.concat_arrays([listed, _without_list(table, listed)])
    simple = [
        *_given(table, everybody, len(subjects), config.min_subjects),
        *_by_activity(table, history_lengths, len(everybody), config),
    ]
    simple.sort(key=lambda grouping: grouping.attribute)
    crossed = (_crossing(parts, config.min_subjects) for parts in _asked(config.intersections, simple))
    return (*simple, *crossed)


def notes(groupings: Sequence[Grouping], subjects: int, config: AuditConfig) -> Iterator[str]:
    """What a reader has to know about the groups, in sentences."""
    merged = sum(grouping.merged for grouping in groupings)
    if merged:
        yield f"{merged} groups with too few subjects are measured together."
    for grouping in groupings:
        if grouping.unknown and not grouping.parts:
            unknown = f"{grouping.unknown} of {subjects} subjects ({grouping.unknown / subjects:.1%})"
            yield f"{unknown} have no {_name(grouping)}."
    if config.ratio_share > 0 and groupings:
        least = f"{config.ratio_share:.1%}"
        yield f"Groups below {least} of the subjects count in no worst group, ratio or difference of groups."


def _without_list(table: pa.Table | None, subjects: pa.Array) -> pa.Array:
    """Whom the table names though they have no list, sorted."""
    if table is None:
        return subjects[:0]
    named = coded(table["subject"]).names
    return named.filter(pa.array(codes(named, subjects) == ABSENT))


def _given(table: pa.Table | None, everybody: pa.Array, listed: int, smallest: int) -> Iterator[Grouping]:
    if table is None:
        return
    if "attribute" not in table.column_names:
        yield _grouping("", table, everybody, listed, smallest)
        return
    for attribute in sorted(pc.unique(table["attribute"]).to_pylist()):
        rows = table.filter(pc.equal(table["attribute"], attribute))
        yield _grouping(attribute, rows, everybody, listed, smallest)


def _grouping(attribute: str, table: pa.Table, everybody: pa.Array, listed: int, smallest: int) -> Grouping:
    names = tuple(sorted(pc.unique(table["group"]).to_pylist()))
    found = np.full(len(everybody), ABSENT, dtype=np.int64)
    found[codes(table["subject"], everybody)] = codes(table["group"], names)
    return _merged(attribute, names, found, listed, smallest)


def _by_activity(
    table: pa.Table | None, lengths: Ints | None, everybody: int, config: AuditConfig
) -> Iterator[Grouping]:
    if not config.activity_tiers:
        return
    taken = (
        table is not None
        and "attribute" in table.column_names
        and ACTIVITY in pc.unique(table["attribute"]).to_pylist()
    )
    if lengths is None or taken:
        expected = f"no attribute {ACTIVITY!r} among the subjects' groups" if taken else "a table history"
        msg = f"audit setting activity_tiers: expected {expected}, got {'one' if taken else 'none'}"
        raise InvalidConfig(msg)
    # Without a list nobody's history is looked at.
    tiers = np.full(everybody, ABSENT, dtype=np.int64)
    tiers[: lengths.size] = activity_tiers(lengths, config.cold_below)
    yield _merged(ACTIVITY, ACTIVITY_TIERS, tiers, lengths.size, config.min_subjects)


def _merged(attribute: str, names: Sequence[str], given: Ints, listed: int, smallest: int) -> Grouping:
    found = given[:listed]
    sizes = np.bincount(found[found != ABSENT], minlength=len(names))
    small = _too_small(names, sizes, smallest)
    kept = sorted({OTHER_GROUP if small[code] else name for code, name in enumerate(names) if sizes[code]})
    to = np.array([_place(kept, OTHER_GROUP if small[code] else name) for code, name in enumerate(names)] or [ABSENT])
    return Grouping(
        attribute=attribute,
        groups=tuple(kept),
        codes=np.where(found == ABSENT, ABSENT, to[found]).astype(np.int64),
        merged=sum(1 for code, name in enumerate(names) if small[code] and name != OTHER_GROUP),
        given=tuple(names),
        given_codes=given,
    )


def _place(kept: Sequence[str], name: str) -> int:
    return kept.index(name) if name in kept else ABSENT


def _too_small(names: Sequence[str], sizes: Ints, smallest: int) -> Bools:
    """Which groups share "other": those with too few subjects, where there are two or more of them.

    One alone keeps its name, as all do where a larger group is called "other"; alone they are too few for a figure.
    """
    small = (sizes > 0) & (sizes < smallest)
    taken = any(name == OTHER_GROUP and not few for name, few in zip(names, small, strict=True))
    return small if small.sum() > 1 and not taken else np.zeros(len(names), dtype=bool)


def _asked(intersections: int | tuple[tuple[str, ...], ...], simple: Sequence[Grouping]) -> list[tuple[Grouping, ...]]:
    """The groupings of each intersection, those of fewer attributes first."""
    if isinstance(intersections, int):
        return [parts for depth in range(2, intersections + 1) for parts in combinations(simple, depth)]
    by_name = {_name(grouping): grouping for grouping in simple}
    missing = sorted({name for names in intersections for name in names} - set(by_name))
    if missing:
        msg = f"audit setting intersections: expected attributes among {sorted(by_name)}, got also {missing}"
        raise InvalidConfig(msg)
    wanted = {tuple(sorted(names)) for names in intersections}
    return [tuple(by_name[name] for name in names) for names in sorted(wanted, key=lambda names: (len(names), names))]


def _crossing(parts: Sequence[Grouping], smallest: int) -> Grouping:
    """The intersections of these groupings."""
    attributes = tuple(_name(part) for part in parts)
    names, cell = _cells([(part.groups, part.codes) for part in parts])
    given, given_codes = _cells([(part.given, part.given_codes) for part in parts])
    small = _too_small(names, np.bincount(cell[cell != ABSENT], minlength=len(names)), smallest)
    shown = sorted(name for name, merged in zip(names, small, strict=True) if not merged)
    to = [len(shown) if merged else shown.index(name) for name, merged in zip(names, small, strict=True)]
    return Grouping(
        attribute=CROSSED.join(attributes),
        groups=(*shown, OTHER_GROUP) if small.any() else tuple(shown),
        codes=np.array([*to, ABSENT], dtype=np.int64)[cell],
        merged=int(small.sum()),
        parts=attributes,
        given=given,
        given_codes=given_codes,
    )


def _cells(parts: Sequence[tuple[Sequence[str], Ints]]) -> tuple[tuple[str, ...], Ints]:
    """The cells that anybody is in, by name, and everybody's, from the groups and the codes of what is crossed."""
    stacked = np.stack([codes for _, codes in parts])
    labelled = np.all(stacked != ABSENT, axis=0)
    cells, found = np.unique(stacked[:, labelled], axis=1, return_inverse=True)
    cell = np.full(labelled.size, ABSENT, dtype=np.int64)
    cell[labelled] = found.ravel()
    names = (CROSSED.join(groups[code] for (groups, _), code in zip(parts, column, strict=True)) for column in cells.T)
    return tuple(names), cell


def _name(grouping: Grouping) -> str:
    """What divides the subjects, as intersections call it."""
    return grouping.attribute or UNNAMED
