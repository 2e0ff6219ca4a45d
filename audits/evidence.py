"""The input as arrays, in one fixed order, so that every metric is arithmetic.

Subjects, items, categories and groups are sorted by name: the report cannot depend on the order of rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from audits.categories import Attribute, attribute_of
from audits.configuration import AuditConfig
from audits.errors import InvalidConfig
from audits.tables import AuditInput, codes

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

OTHER_GROUP = "other"
ABSENT = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What metrics read.

    Attributes:
        lists: item codes by subject and rank, shape (n, k), ``ABSENT`` after a short list's end.
        weights: attention by rank, shape (k,).
        exposure: attention each subject gives each item, sparse (n, m).
        attributes: the attributes under audit.
        targets: held-out items, sparse (n, m) of 0 and 1, or None.
        popularity: interactions per item, shape (m,), or None.
        groups: group names after small ones are merged; ``group_codes`` (n,) is ``ABSENT`` for a subject without a
            group.
        subjects_without_list: how many subjects have targets but no list.
        groups_merged: how many groups were too small to stand alone.
    """

    lists: Ints
    weights: Floats
    exposure: "sparse.csr_array"
    attributes: tuple[Attribute, ...]
    targets: "sparse.csr_array | None"
    popularity: Floats | None
    groups: tuple[str, ...]
    group_codes: Ints
    subjects_without_list: int
    groups_merged: int

    @property
    def subjects(self) -> int:
        """Number of subjects with a list."""
        return int(self.lists.shape[0])

    @property
    def items(self) -> int:
        """Number of items in the catalogue."""
        return int(self.exposure.shape[1])


def evidence_from(given: AuditInput, config: AuditConfig) -> Evidence:
    """Arrange the input for the metrics.

    Raises:
        InvalidConfig: the configuration names an attribute that the membership does not have.
    """
    subjects = tuple(sorted(pc.unique(given.recommendations.table["subject"]).to_pylist()))
    lists = _lists(given, subjects, config.k)
    weights = config.attention.weights(lists.shape[1])
    targets, without_list = _targets(given, subjects)
    groups, group_codes, merged = _groups(given, subjects, config.min_subjects)
    return Evidence(
        lists=lists,
        weights=weights,
        exposure=_exposure(lists, weights, len(given.items)),
        attributes=tuple(
            attribute_of(given.membership, given.items, name) for name in audited_attributes(given, config)
        ),
        targets=targets,
        popularity=_popularity(given),
        groups=groups,
        group_codes=group_codes,
        subjects_without_list=without_list,
        groups_merged=merged,
    )


def audited_attributes(given: AuditInput, config: AuditConfig) -> tuple[str, ...]:
    """The attributes to audit: those asked for, or every one with few enough categories."""
    if config.attributes is None:
        pairs = given.membership.table.group_by("attribute").aggregate([("category", "count_distinct")])
        sizes = zip(pairs["attribute"].to_pylist(), pairs["category_count_distinct"].to_pylist(), strict=True)
        return tuple(sorted(name for name, size in sizes if size <= config.max_categories))
    missing = sorted(set(config.attributes) - set(given.membership.attributes))
    if missing:
        msg = f"audit setting attributes: expected some of {list(given.membership.attributes)}, got also {missing}"
        raise InvalidConfig(msg)
    return config.attributes


def _lists(given: AuditInput, subjects: tuple[str, ...], k: int | None) -> Ints:
    table = given.recommendations.table
    rank = np.asarray(table["rank"], dtype=np.int64)
    width = int(rank.max()) if k is None else k
    kept = rank <= width
    lists = np.full((len(subjects), width), ABSENT, dtype=np.int64)
    lists[codes(table["subject"], subjects)[kept], rank[kept] - 1] = codes(table["item"], given.items)[kept]
    return lists


def _exposure(lists: Ints, weights: Floats, items: int) -> "sparse.csr_array":
    from scipy import sparse  # takes a while, which who only reads a report need not wait for

    row, rank = np.nonzero(lists != ABSENT)
    return sparse.csr_array((weights[rank], (row, lists[row, rank])), shape=(lists.shape[0], items))


def _targets(given: AuditInput, subjects: tuple[str, ...]) -> "tuple[sparse.csr_array | None, int]":
    from scipy import sparse

    if given.relevance is None:
        return None, 0
    row, column = codes(given.relevance["subject"], subjects), codes(given.relevance["item"], given.items)
    known = row != ABSENT
    without = len(set(given.relevance.filter(~known)["subject"].to_pylist()))
    shape = (len(subjects), len(given.items))
    return sparse.csr_array((np.ones(known.sum()), (row[known], column[known])), shape=shape), without


def _popularity(given: AuditInput) -> Floats | None:
    if given.popularity is None:
        return None
    counts = np.zeros(len(given.items))
    counts[codes(given.popularity["item"], given.items)] = np.asarray(given.popularity["count"], dtype=np.float64)
    return counts


def _groups(given: AuditInput, subjects: tuple[str, ...], smallest: int) -> tuple[tuple[str, ...], Ints, int]:
    """Names, code by subject, and how many groups were merged."""
    absent = np.full(len(subjects), ABSENT, dtype=np.int64)
    if given.subject_groups is None:
        return (), absent, 0
    row = codes(given.subject_groups["subject"], subjects)
    group_of = dict(zip(row.tolist(), given.subject_groups["group"].to_pylist(), strict=True))
    group_of.pop(ABSENT, None)
    renamed = _merged_small(group_of, smallest)
    names = tuple(sorted(set(renamed.values())))
    merged_codes = absent.copy()
    for subject, group in group_of.items():
        merged_codes[subject] = names.index(renamed[group])
    return (
        names,
        merged_codes,
        sum(1 for group, name in renamed.items() if name == OTHER_GROUP and group != OTHER_GROUP),
    )


def _merged_small(group_of: Mapping[int, str], smallest: int) -> dict[str, str]:
    """New name of each group: the smallest ones share "other" until that too has ``smallest`` subjects.

    One small group is never left alone in "other": the totals would give its figures away.
    """
    sizes: dict[str, int] = {}
    for group in group_of.values():
        sizes[group] = sizes.get(group, 0) + 1
    ascending = sorted(sizes, key=lambda group: (sizes[group], group))
    merged: list[str] = []
    for group in ascending:
        too_small = sizes[group] < smallest
        other_too_small = bool(merged) and sum(sizes[name] for name in merged) < smallest
        if not (too_small or other_too_small):
            break
        merged.append(group)
    return {group: OTHER_GROUP if group in merged else group for group in ascending}
