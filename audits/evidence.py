"""The input as arrays, in one fixed order, so that every metric is arithmetic.

Subjects, items, categories and groups are sorted by name: the report cannot depend on the order of rows.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from audits.attention import Attention
from audits.categories import Attribute, attribute_of
from audits.coding import coded, rectangle
from audits.cold_start import POPULARITY, popularity_tiers
from audits.configuration import AuditConfig
from audits.errors import InvalidConfig
from audits.grades import grades_shown, looks_at
from audits.groupings import ABSENT, OTHER_GROUP, Grouping, groupings_from
from audits.tables import AuditInput, Recommendations, codes

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Names of the groupings that readers of the evidence need beside it.
__all__ = ["ABSENT", "OTHER_GROUP", "Evidence", "Grouping", "audited_attributes", "evidence_from"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What metrics read.

    Attributes:
        lists: item codes by subject and rank, shape (n, k), ``ABSENT`` after a short list's end.
        looks: attention each subject gives each rank, shape (n, k); read-only where all subjects look alike.
        attention: the model behind ``looks``.
        exposure: attention each subject gives each item, sparse (n, m), a subject's items ascending.
        attributes: the attributes under audit.
        targets: grades of held-out items, sparse (n, m), or None.
        history: weights of what subjects chose before, sparse (n, m), or None.
        popularity: interactions per item, shape (m,), or None.
        tiers: head, middle or tail (``audits.tiers``) of each item, shape (m,), or None without popularity.
        groupings: ways to divide the subjects, sorted by attribute, and then their intersections.
        subjects_without_list: how many subjects have targets but no list.
        baseline: the same subjects with the lists of another recommender, or None.
        gains: grade of the held-out item at each rank, 0 where there is none, shape (n, k); None without targets.
    """

    lists: Ints
    looks: Floats
    attention: Attention
    exposure: "sparse.csr_array"
    attributes: tuple[Attribute, ...]
    targets: "sparse.csr_array | None"
    history: "sparse.csr_array | None"
    popularity: Floats | None
    tiers: Ints | None = None
    groupings: tuple[Grouping, ...]
    subjects_without_list: int
    baseline: "Evidence | None"
    gains: Floats | None = field(init=False)

    def __post_init__(self) -> None:
        # Every figure of quality reads it.
        object.__setattr__(self, "gains", None if self.targets is None else grades_shown(self.lists, self.targets))

    @property
    def subjects(self) -> int:
        """Number of subjects with a list."""
        return int(self.lists.shape[0])

    @property
    def items(self) -> int:
        """Number of items in the catalogue."""
        return int(self.exposure.shape[1])

    @property
    def history_lengths(self) -> Ints | None:
        """Items in each subject's history, shape (n,), or None without histories."""
        return lengths_of(self.history)


def evidence_from(given: AuditInput, config: AuditConfig) -> Evidence:
    """Arrange the input for the metrics.

    Raises:
        InvalidConfig: the configuration names an attribute that the membership does not have.
    """
    subjects = given.recommendations.lists.subjects

    def before() -> "tuple[sparse.csr_array | None, tuple[Grouping, ...]]":
        history, _ = _chosen(given.history, "weight", subjects, given.items)
        return history, groupings_from(given.subject_groups, lengths_of(history), subjects, config)

    with ThreadPoolExecutor(max_workers=1) as pool:
        beside = pool.submit(before)
        lists = _lists(given.recommendations, given.items, config.k)
        targets, without_list = _chosen(given.relevance, "grade", subjects, given.items)
        looks = looks_at(config.attention, lists, targets)
        exposure = _exposure(lists, looks, len(given.items))
        history, groupings = beside.result()
    popularity = _popularity(given)
    evidence = Evidence(
        lists=lists,
        looks=looks,
        attention=config.attention,
        exposure=exposure,
        attributes=_attributes(given, popularity, config),
        targets=targets,
        history=history,
        popularity=popularity,
        tiers=None if popularity is None else config.popularity_split.tiers(popularity),
        groupings=groupings,
        subjects_without_list=without_list,
        baseline=None,
    )
    return evidence if given.baseline is None else replace(evidence, baseline=_baseline(evidence, given, config))


def _baseline(evidence: Evidence, given: AuditInput, config: AuditConfig) -> Evidence | None:
    """The same subjects with other lists: everything else is shared."""
    if given.baseline is None:
        return None
    lists = _lists(given.baseline, given.items, config.k)
    looks = looks_at(config.attention, lists, evidence.targets)
    exposure = _exposure(lists, looks, len(given.items))
    return replace(evidence, lists=lists, looks=looks, exposure=exposure)


def with_attention(evidence: Evidence, attention: Attention) -> Evidence:
    """The same evidence, were subjects to look by another model."""
    looks = looks_at(attention, evidence.lists, evidence.targets)
    return replace(
        evidence, looks=looks, attention=attention, exposure=_exposure(evidence.lists, looks, evidence.items)
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


def lengths_of(history: "sparse.csr_array | None") -> Ints | None:
    """Items in each row, shape (n,)."""
    return None if history is None else np.diff(history.indptr).astype(np.int64)


def _attributes(given: AuditInput, popularity: Floats | None, config: AuditConfig) -> tuple[Attribute, ...]:
    named = tuple(attribute_of(given.membership, given.items, name) for name in audited_attributes(given, config))
    if not config.popularity_tiers:
        return named
    taken = POPULARITY in given.membership.attributes
    if popularity is None or taken:
        expected = f"no attribute {POPULARITY!r} of the titles" if taken else "a table popularity"
        msg = f"audit setting popularity_tiers: expected {expected}, got {'one' if taken else 'none'}"
        raise InvalidConfig(msg)
    return (*named, popularity_tiers(popularity, config.popularity_split, config.cold_below))


def _lists(given: Recommendations, items: Sequence[str], k: int | None) -> Ints:
    found = given.lists
    width = int(found.lengths.max()) if k is None else k
    # The last place answers for -1, which stays what it is.
    position = np.append(codes(found.names, items), ABSENT)
    return position[rectangle(found.items, found.lengths, width)]


def _exposure(lists: Ints, looks: Floats, items: int) -> "sparse.csr_array":
    """Attention by subject and item, a subject's items ascending.

    Methods of sparse arrays that square or sign them put their entries in order first, in place, beneath whoever reads
    the array at the same time. Here there is nothing left to put in order.
    """
    from scipy import sparse  # takes a while, which who only reads a report need not wait for

    # One number for item and rank, so that sorting it sorts both; below 0 after a list's end.
    room = lists.shape[1].bit_length()
    ordered = np.sort((lists << room) | np.arange(lists.shape[1]), axis=1)
    rank, shown = ordered & ((1 << room) - 1), ordered >= 0
    looked = looks[0].take(rank) if looks.strides[0] == 0 else np.take_along_axis(looks, rank, axis=1)
    ends = np.r_[0, np.cumsum(shown.sum(axis=1))]
    found = sparse.csr_array(
        (looked[shown], (ordered[shown] >> room).astype(np.int32), ends), shape=(lists.shape[0], items)
    )
    found.has_canonical_format = True
    return found


def _chosen(
    table: pa.Table | None, weight: str, subjects: pa.Array, items: Sequence[str]
) -> "tuple[sparse.csr_array | None, int]":
    """Weights by subject and item, and how many subjects of the table have no list."""
    from scipy import sparse

    if table is None:
        return None, 0
    subject, item = coded(table["subject"]), coded(table["item"])
    place = codes(subject.names, subjects)
    row, column = place[subject.codes], codes(item.names, items)[item.codes]
    known, without = row != ABSENT, int(np.count_nonzero(place == ABSENT))
    weights = np.asarray(table[weight], dtype=np.float64) if weight in table.column_names else np.ones(row.size)
    shape = (len(subjects), len(items))
    return sparse.csr_array((weights[known], (row[known], column[known])), shape=shape), without


def _popularity(given: AuditInput) -> Floats | None:
    if given.popularity is None:
        return None
    counts = np.zeros(len(given.items))
    counts[codes(given.popularity["item"], given.items)] = np.asarray(given.popularity["count"], dtype=np.float64)
    return counts
