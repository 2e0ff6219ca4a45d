"""What changed between two generations of lists for the same subjects: variety, fragmentation and churn.

Each change is measured subject by subject, so its interval is far narrower than that of two audits side by side.
"""

from dataclasses import dataclass, fields

import numpy as np

from audits.bootstrap import Intervals, Resampling, intervals
from audits.columns import Progress
from audits.comparison import difference
from audits.configuration import AuditConfig
from audits.encoding import decode, encode
from audits.errors import InvalidConfig
from audits.evidence import Evidence, evidence_from
from audits.means import mean_by_group
from audits.measuring import rounded, why_undefined
from audits.metrics import exposure_entropy, exposure_gini, fragmentation, item_fragmentation, list_entropy
from audits.profiles import listed
from audits.report import Undefined
from audits.statistics import Smooth, Statistics
from audits.tables import AuditInput

CHURN = "churn"
_METRICS = (
    list_entropy.METRIC,
    fragmentation.METRIC,
    item_fragmentation.METRIC,
    exposure_entropy.METRIC,
    exposure_gini.METRIC,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One figure of the later lists less that of the earlier ones.

    Attributes:
        metric: slug of the metric, or ``churn``: the mean part of a list that is new to its subject.
        attribute: attribute of the categories, or None.
        group: group of subjects, or None for all.
        before: the earlier figure; None for churn and where undefined.
        after: the later figure; None for churn and where undefined.
        change: the difference, or churn itself; None where undefined.
        low: simultaneous interval's lower end: all intervals here hold together.
        high: the same, upper end.
        pointwise_low: lower end of the interval for this change alone.
        pointwise_high: the same, upper end.
        n: subjects the figure rests on.
        undefined: why there is no figure, or None.
    """

    metric: str
    attribute: str | None
    group: str | None
    before: float | None
    after: float | None
    change: float | None
    low: float | None
    high: float | None
    pointwise_low: float | None
    pointwise_high: float | None
    n: int
    undefined: Undefined | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """All changes between two generations, and what is needed to judge them.

    Attributes:
        changes: in the order of metrics, attributes and groups.
        subjects: with both lists.
        attention_formula: weight of each rank.
        level: joint coverage of the intervals.
        replicates: bootstrap resamples.
        seed: of the bootstrap.
        critical_value: q of the simultaneous intervals.
    """

    changes: tuple[Change, ...]
    subjects: int
    attention_formula: str
    level: float
    replicates: int
    seed: int
    critical_value: float

    def to_json(self) -> bytes:
        """The one encoding; equal drifts give equal bytes."""
        return encode(self)

    @classmethod
    def from_json(cls, unverified: bytes) -> "Drift":
        """The drift with exactly this encoding.

        Raises:
            CorruptReport: an unknown, missing or repeated key, a wrong type, another encoding.
        """
        return decode(cls, unverified)


def drift(given: AuditInput, *, config: AuditConfig, progress: Progress | None = None) -> Drift:
    """Compare the recommendations (later) with the baseline (earlier) of the same subjects.

    Variety is ``list_entropy``: where it falls and ``fragmentation`` rises, subjects are each shown less and less in
    common. ``progress(done, replicates)`` is called during the bootstrap.

    Raises:
        InvalidConfig: the input has no baseline, or the configuration names an unknown attribute.

    Guarantees:
      - equal input and configuration give equal bytes
      - lists against themselves change nothing, and their churn is 0
    """
    evidence = evidence_from(given, config)
    if evidence.baseline is None:
        msg = "drift: expected a baseline, the earlier lists of the same subjects, got none"
        raise InvalidConfig(msg)
    metrics = [metric for metric in _METRICS if evidence.attributes or "attributes" not in metric.needs]
    later = [metric.measure(evidence) for metric in metrics]
    earlier = [metric.measure(evidence.baseline) for metric in metrics]
    changes = [difference(ours, theirs) for ours, theirs in zip(later, earlier, strict=True)]
    statistics: list[Statistics] = [*changes, churn(evidence, evidence.baseline)]
    resampling = Resampling(
        replicates=config.replicates, seed=config.seed, level=config.level, min_subjects=config.min_subjects
    )
    found = intervals(statistics, resampling, progress=progress)
    names = [metric.slug for metric, each in zip(metrics, changes, strict=True) for _ in each.cells]
    names += [CHURN] * (len(found.cells) - len(names))
    levels = (_levels(earlier, len(found.cells)), _levels(later, len(found.cells)))
    return Drift(
        changes=tuple(_change(name, found, index, levels, config) for index, name in enumerate(names)),
        subjects=evidence.subjects,
        attention_formula=config.attention.description,
        level=config.level,
        replicates=config.replicates,
        seed=config.seed,
        critical_value=rounded(found.critical_value),
    )


def churn(later: Evidence, earlier: Evidence) -> Smooth:
    """Mean part of the longer of two lists that is not in both, of all subjects and of each group; range [0, 1].

    Example: (a, b) after (b, c): 1 - 1/2 = 0.5; order does not count.
    """
    ours, theirs = listed(later), listed(earlier)
    common = np.asarray(ours.multiply(theirs).sum(axis=1), dtype=np.float64).ravel()
    longer = np.maximum(np.diff(ours.indptr), np.diff(theirs.indptr))
    values = 1.0 - common / np.maximum(longer, 1)
    return mean_by_group(later, values[:, None], longer > 0, span=1.0)


def _levels(statistics: list[Statistics], cells: int) -> list[float]:
    """Figures of one generation in the order of the cells; NaN for churn, which has none."""
    known = [float(value) for each in statistics for value in each.values()]
    return known + [np.nan] * (cells - len(known))


def _change(
    name: str, found: Intervals, index: int, levels: tuple[list[float], list[float]], config: AuditConfig
) -> Change:
    cell, value = found.cells[index], float(found.values[index])
    half, pointwise = float(found.half_widths[index]), float(found.pointwise_half_widths[index])
    ends = [value, value - half, value + half, value - pointwise, value + pointwise]
    if name == CHURN:
        ends = [min(max(end, 0.0), 1.0) for end in ends]
    defined = bool(found.defined[index])
    before, after = (each[index] if defined and np.isfinite(each[index]) else None for each in levels)
    numbers = [rounded(end) if defined else None for end in ends]
    places = [field.name for field in fields(Change) if field.name in _INTERVAL]
    return Change(
        metric=name,
        attribute=cell.attribute,
        group=cell.group,
        before=None if before is None else rounded(before),
        after=None if after is None else rounded(after),
        n=cell.n,
        undefined=None if defined else why_undefined(found, index, config.min_subjects),
        **dict(zip(places, numbers, strict=True)),
    )


_INTERVAL = frozenset({"change", "low", "high", "pointwise_low", "pointwise_high"})
