"""Quality per subject, and its means, gaps and spread by group of subjects.

A row is a subject here, so fairlearn's ``MetricFrame`` gives the figures by group; intervals come from our own
bootstrap, because MetricFrame's resampling cannot hold several metrics and groups to one joint error rate.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits import means
from audits.evidence import ABSENT, Evidence, Grouping
from audits.grades import ranked_targets
from audits.statistics import Cell, Smooth

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quality:
    """A figure in [0, 1] for every subject, shape (n,), and whether the subject counts (has targets)."""

    values: Floats
    counted: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSpread:
    """Best and worst served group by point estimate: a description, not a test (equal groups differ too)."""

    metric: str
    worst: str
    best: str
    difference: float
    ratio: float


def gains(evidence: Evidence) -> Floats:
    """Grade of the held-out target at each rank, 0 where there is none, shape (n, k)."""
    if evidence.gains is None:
        msg = "quality needs held-out targets"
        raise ValueError(msg)
    return evidence.gains


def hits(evidence: Evidence) -> Floats:
    """1.0 where the item at a rank is a held-out target, of whatever grade, shape (n, k)."""
    return (gains(evidence) > 0).astype(np.float64)


def target_counts(evidence: Evidence) -> NDArray[np.int64]:
    """Held-out targets of each subject, shape (n,)."""
    if evidence.targets is None:
        msg = "quality needs held-out targets"
        raise ValueError(msg)
    return np.diff(evidence.targets.indptr).astype(np.int64)


def discounted(evidence: Evidence, discounts: Floats) -> Floats:
    """Discounted grades of each subject's list, shape (n,).

    Guarantees:
      - the same to the last bit whoever else is audited: a matrix product adds the last rows up in another order than
        the rows before, and then one subject less would change others, which a release under differential privacy has
        no noise for
      - a list as good as can be has what ``ideal`` gives, which adds up in the same order
    """
    gained = gains(evidence)
    row, rank = np.nonzero(gained)
    found = np.bincount(row, weights=gained[row, rank] * discounts[rank], minlength=evidence.subjects)
    return found.astype(np.float64)


def ideal(evidence: Evidence, discounts: Floats) -> Floats:
    """Discounted grades of the best list of ``discounts.size`` ranks that each subject could have got, shape (n,)."""
    if evidence.targets is None:
        msg = "quality needs held-out targets"
        raise ValueError(msg)
    row, place, _, grade = ranked_targets(evidence.targets)
    counted = place < discounts.size
    gained = grade[counted] * discounts[place[counted]]
    return np.bincount(row[counted], weights=gained, minlength=evidence.subjects).astype(np.float64)


def mean_by_group(quality: Quality, evidence: Evidence) -> Smooth:
    """Mean over counted subjects: of all, then of each group."""
    return means.mean_by_group(evidence, quality.values[:, None], quality.counted, span=1.0, ends=(0.0, 1.0))


def gap_by_group(quality: Quality, evidence: Evidence) -> Smooth:
    """Mean of each group less the mean of all other subjects that the same attribute divides."""
    present = np.where(quality.counted, quality.values, 0.0)
    channels = means.by_group(evidence, np.column_stack([present, quality.counted]), everybody=False)
    size = channels.by.members.shape[1]
    # Which columns belong to one attribute: the others of a group are those beside it.
    owner = np.repeat(np.arange(len(evidence.groupings)), [len(each.groups) for each in evidence.groupings])
    beside = (owner[:, None] == owner).astype(np.float64)
    sizes = channels.sums()[size:]
    labels = means.group_names(evidence)[1:]
    # The smaller side decides how much a gap can be trusted.
    cells = [
        Cell(n=int(min(n, rest)), span=2.0, group=label, target=0.0)
        for label, n, rest in zip(labels, sizes, sizes @ beside - sizes, strict=True)
    ]

    def value_of(of_all: NDArray[np.inexact]) -> NDArray[np.inexact]:
        total, n = of_all[..., :size], of_all[..., size:]
        gap: NDArray[np.inexact] = total / n - (total @ beside - total) / (n @ beside - n)
        return gap

    return Smooth(cells=tuple(cells), channels=channels, value_of=value_of)


def group_spread(metric: str, quality: Quality, grouping: Grouping, *, min_subjects: int) -> GroupSpread | None:
    """Best and worst group by fairlearn's MetricFrame; None with fewer than two groups of ``min_subjects`` or more."""
    from fairlearn.metrics import MetricFrame

    used = quality.counted & (grouping.codes != ABSENT)
    sizes = np.bincount(grouping.codes[used], minlength=len(grouping.groups))
    large = np.flatnonzero(sizes >= min_subjects)
    if large.size < 2:  # noqa: PLR2004 - a spread takes two
        return None
    sums = np.bincount(grouping.codes[used], weights=quality.values[used], minlength=len(grouping.groups))
    # One row a group: MetricFrame compares them, and a million rows of subjects would take it minutes.
    served = sums[large] / sizes[large]
    names = np.array(grouping.labels, dtype=object)[large]
    frame = MetricFrame(metrics=_mean, y_true=served, y_pred=served, sensitive_features=names)
    by_group = frame.by_group.astype(float)
    best, worst = float(by_group.max()), float(by_group.min())
    return GroupSpread(
        metric=metric,
        worst=str(by_group.idxmin()),
        best=str(by_group.idxmax()),
        difference=float(frame.difference()),
        ratio=worst / best if best > 0 else 1.0,
    )


def _mean(values: Floats, _: Floats) -> float:
    return float(np.mean(values))
