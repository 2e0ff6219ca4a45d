"""What of a report may leave the building: figures of few subjects are suppressed, and what would give them away too.

A figure of a group with fewer than k subjects is suppressed (primary). From a total and all groups but one, that one
follows by subtraction; so further groups are suppressed (secondary) until no suppressed figure is a combination of
published ones, and until those missing from a total are k subjects or more together. One pattern holds for all metrics
and for all reports released together, or the difference of two releases would give a figure away.

This guards against reading a small group's figure off a release. It does not hide whether one subject took part from
somebody who compares releases over *different* subjects; ``audits.private_release`` does.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from audits.errors import InvalidConfig
from audits.group_sizes import GroupSize
from audits.groupings import divided_by, label_of, wholes_of
from audits.metrics import METRICS
from audits.metrics.derived import Derived
from audits.report import Measurement, Report, Undefined
from audits.sensitivity import Sensitivity

# Subjects behind the figure of each group, by label, and under None behind that of all.
Counts = Mapping[str | None, int]

SUPPRESSED = "suppressed"
DEFAULT_K = 10
_COUNTED = re.compile(r"^([0-9]+)(?: of [0-9]+)? subjects(?: \([0-9.]+%\))?")
"""How a caveat begins that counts subjects (``audits.run``, ``audits.groupings``)."""
_OF_SEVERAL_GROUPS = frozenset(metric.slug for metric in METRICS if isinstance(metric, Derived))
"""Metrics whose one figure for an attribute, such as ``age = worst``, is about all its groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """Groups that add up to a total: those of an attribute to all, those of an intersection to one group."""

    total: str | None
    members: tuple[str, ...]
    has_rest: bool


def disclosable(reports: Sequence[Report], *, k: int = DEFAULT_K) -> tuple[Report, ...]:
    """The reports as they may be released, all with the same groups suppressed.

    Suppressed groups of one attribute leave one row, ``age = suppressed``, without figures and with the number of
    subjects they have together. Best and worst groups are left out for an attribute with suppressed groups, and so are
    bands of suppressed groups, and names and sizes of groups that are suppressed or merged; where bands were measured
    on some of the subjects, those of all groups are. A caveat that counts fewer than ``k`` subjects, or all but so few,
    says "some" instead.

    Raises:
        InvalidConfig: no report, a threshold below 2, or a report about fewer than ``k`` subjects.

    Guarantees:
      - no published figure rests on fewer than ``k`` subjects
      - no suppressed group's sum is a linear combination of published ones
      - the subjects that a published total has and its published groups lack are none, or ``k`` or more
    """
    fewest = min((report.subjects for report in reports), default=0)
    if k < 2 or fewest < k:  # noqa: PLR2004 - one subject is no crowd
        msg = f"disclosure: expected k of 2 or more and reports of k subjects or more, got k = {k}, {fewest} subjects"
        raise InvalidConfig(msg)
    hidden = suppressed_groups(_counts(reports), k=k)
    return tuple(_without(report, hidden, k) for report in reports)


def suppressed_groups(counts: Sequence[Counts], *, k: int) -> frozenset[str]:
    """Labels of the groups to suppress.

    Each of ``counts`` is of one metric: the number of subjects behind each group's figure, by label, and under None
    behind the figure of all, where it has one.
    """
    sizes: dict[str, int] = {}
    for one in counts:
        for label, n in one.items():
            if label is not None:
                sizes[label] = min(n, sizes.get(label, n))
    hidden = {label for label, size in sizes.items() if size < k}
    lines = _lines(sizes, counts)
    while True:
        open_to = _short_of_a_total(lines, hidden, counts, k) or _given_away(lines, hidden)
        if not open_to:
            return frozenset(hidden)
        hidden.add(min(open_to, key=lambda label: (sizes[label], label)))


def _counts(reports: Iterable[Report]) -> list[Counts]:
    return [
        {row.group: row.n for row in alike if row.n > 0}
        for report in reports
        for rows in (report.measurements, report.differences)
        for alike in _by_metric(row for row in rows if row.metric not in _OF_SEVERAL_GROUPS)
    ]


def _by_metric(rows: Iterable[Measurement]) -> Iterator[list[Measurement]]:
    """Rows that differ in their group alone."""
    return (list(found) for _, found in groupby(rows, key=lambda row: (row.metric, row.attribute, row.category)))


def _lines(labels: Iterable[str], counts: Sequence[Counts]) -> list[_Line]:
    """Which groups add up to what: ``age × region = old × north`` is part of all, ``age = old``, ``region = north``."""
    known = frozenset(labels)
    members: dict[tuple[str | None, str], list[str]] = {}
    for label in sorted(known):
        for total in (None, *(whole for whole in wholes_of(label) if whole in known)):
            members.setdefault((total, divided_by(label)), []).append(label)
    return [
        _Line(total=total, members=tuple(found), has_rest=_has_rest(total, found, counts))
        for (total, _), found in members.items()
    ]


def _has_rest(total: str | None, members: Sequence[str], counts: Sequence[Counts]) -> bool:
    """Whether in every metric the total has subjects that are in none of its groups."""
    rests = [one[total] - sum(one.get(label, 0) for label in members) for one in counts if total in one]
    return bool(rests) and min(rests) > 0


def _short_of_a_total(lines: Iterable[_Line], hidden: AbstractSet[str], counts: Iterable[Counts], k: int) -> list[str]:
    """Groups of which one must go: a published total has some, but fewer than ``k``, subjects more than they."""
    for line in lines:
        shown = [label for label in line.members if label not in hidden]
        for one in counts if shown and line.total not in hidden else ():
            if line.total in one and 0 < one[line.total] - sum(one.get(label, 0) for label in shown) < k:
                return shown
    return []


def _given_away(lines: Sequence[_Line], hidden: AbstractSet[str]) -> list[str]:
    """Groups of which one must go, because published totals together determine a suppressed group.

    Unknowns are the suppressed groups and the rest of each total that has one; each published total is an equation. A
    group is determined where its unit vector lies in the span of the equations.
    """
    unknowns = sorted(hidden)
    published = [line for line in lines if line.total not in hidden and not hidden.isdisjoint(line.members)]
    if not published:
        return []
    rows = np.zeros((len(published), len(unknowns) + len(published)))
    for at, line in enumerate(published):
        rows[at, [unknowns.index(label) for label in line.members if label in hidden]] = 1.0
        rows[at, len(unknowns) + at] = float(line.has_rest)
    rank = np.linalg.matrix_rank(rows)
    for at, label in enumerate(unknowns):
        unit = np.eye(1, rows.shape[1], at)
        beside = {other for line in published if label in line.members for other in line.members} - hidden
        if beside and np.linalg.matrix_rank(np.vstack([rows, unit])) == rank:
            return sorted(beside)
    return []


def _without(report: Report, hidden: AbstractSet[str], k: int) -> Report:
    touched = {divided_by(label) for label in hidden}
    measurements = tuple(_rows(report.measurements, hidden, k))
    note = f"Figures of groups are suppressed, so that none of fewer than {k} subjects can be told."
    return replace(
        report,
        measurements=measurements,
        differences=tuple(_rows(report.differences, hidden, k)),
        group_spreads=tuple(each for each in report.group_spreads if divided_by(each.worst) not in touched),
        sensitivity=None
        if report.sensitivity is None
        else _bands(report.sensitivity, measurements, report.subjects, k),
        group_sizes=tuple(_sizes(report.group_sizes, hidden, k)),
        caveats=(*(_uncounted(each, report.subjects, k) for each in report.caveats), *((note,) if hidden else ())),
    )


def _uncounted(caveat: str, subjects: int, k: int) -> str:
    """The sentence without its number, where that is of few: "3 of 60 subjects (5.0%) have no age" is a small group."""
    found = _COUNTED.match(caveat)
    if found is None or k <= int(found[1]) <= subjects - k:
        return caveat
    return f"Some subjects{caveat[found.end() :]}"


def _bands(found: Sensitivity, measurements: Iterable[Measurement], subjects: int, k: int) -> Sensitivity:
    """Bands of the figures that are still published, where surely ``k`` subjects or more are behind them.

    Bands measured on some of the subjects rest on fewer than the figures do: no group has one then, and all together
    only where ``k`` are left should all who were not measured be among them.
    """
    left_out = subjects - found.subjects
    behind = {
        (row.metric, row.attribute, row.category, row.group): row.n - left_out
        for row in measurements
        if row.value is not None and (row.group is None or not left_out)
    }
    kept = (
        each for each in found.bands if behind.get((each.metric, each.attribute, each.category, each.group), 0) >= k
    )
    return replace(found, bands=tuple(kept))


def _sizes(sizes: Iterable[GroupSize], hidden: AbstractSet[str], k: int) -> Iterator[GroupSize]:
    """The sizes of groups that figures are about alone; of the others of an attribute that there are some, no more."""
    gone: list[str] = []
    for size in sizes:
        if size.merged or size.group in hidden or 0 < size.subjects < k:
            gone.append(divided_by(size.group))
        else:
            yield size
    for about in dict.fromkeys(gone):
        yield GroupSize(group=label_of(about, SUPPRESSED), subjects=0, merged=True)


def _rows(rows: Iterable[Measurement], hidden: AbstractSet[str], k: int) -> Iterator[Measurement]:
    """The rows; suppressed ones of one metric, category and attribute are gathered in the place of the first."""
    touched = {divided_by(label) for label in hidden}
    for alike in _by_metric(rows):
        gathered: dict[str | None, list[Measurement]] = {}
        for row in alike:
            about = None if row.group is None else divided_by(row.group)
            # A figure that rests on nobody is none, and says nothing about anybody.
            beside = row.metric in _OF_SEVERAL_GROUPS and about in touched
            gone = 0 < row.n < k or row.group in hidden or beside
            if gone:
                gathered.setdefault(about, []).append(row)
            else:
                yield row
        yield from (_suppressed(about, found) for about, found in gathered.items())


def _suppressed(about: str | None, rows: Sequence[Measurement]) -> Measurement:
    return replace(
        rows[0],
        group=None if about is None else label_of(about, SUPPRESSED),
        value=None,
        low=None,
        high=None,
        pointwise_low=None,
        pointwise_high=None,
        standard_error=None,
        n=sum(row.n for row in rows),
        undefined=Undefined.SUPPRESSED,
    )
