"""Figures about several groups at once, from the intervals of each.

The smallest of several means is no smooth function of them: resampled, it is too low on average, and its resampled
interval is wrong. The intervals of a report hold all together, though. Whatever the groups' true figures are, as long
as each lies in its interval, the smallest lies between the smallest lower and the smallest upper end, and ratios and
mean differences lie between extremes of their own. These bounds hold at the report's level at no further cost.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from audits.groupings import Grouping
from audits.measuring import rounded
from audits.metrics.metric import Metric
from audits.report import Measurement, Undefined

Ends = tuple[float, float, float]
"""Low, value, high."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived(Metric):
    """A figure made of another metric's figures by group; ``measure`` is that of the other, its slug ``source``.

    Attributes:
        source: slug of the metric by group.
        label: what the figure is called beside the groups: "worst" gives ``age = worst``.
        combine: the figure with its ends from those of the groups, or None where it does not exist.
    """

    source: str
    label: str
    combine: Callable[[Sequence[Ends]], Ends | None]


def derive(
    metric: Derived, measurements: Sequence[Measurement], groupings: Sequence[Grouping], *, ratio_share: float
) -> tuple[Measurement, ...]:
    """One measurement for each grouping with two groups or more, from the source's measurements by group.

    Groups with a part of the grouping's subjects below ``ratio_share`` are left out. If another group has no figure,
    nobody knows which is the worst: then there is none here either, with the same reason.
    """
    by_group = {each.group: each for each in measurements if each.metric == metric.source and each.attribute is None}
    found = []
    for grouping in groupings:
        rows = [by_group[label] for label in grouping.labels if label in by_group]
        least = ratio_share * sum(row.n for row in rows)
        rows = [row for row in rows if row.n >= least]
        if len(rows) > 1:
            name = f"{grouping.attribute} = {metric.label}" if grouping.attribute else metric.label
            found.append(_measurement(metric, name, rows))
    return tuple(found)


def _measurement(metric: Derived, group: str, rows: Sequence[Measurement]) -> Measurement:
    undefined = next((row.undefined for row in rows if row.undefined is not None), None)
    ends = None if undefined else metric.combine([_ends(row) for row in rows])
    reason = undefined if ends is not None or undefined else Undefined.NO_DENOMINATOR
    low, value, high = map(rounded, ends) if ends is not None else (None, None, None)
    return Measurement(
        metric=metric.slug,
        attribute=None,
        category=None,
        group=group,
        value=value,
        low=low,
        high=high,
        pointwise_low=low,
        pointwise_high=high,
        # The ends are no multiple of it; how many more subjects would decide follows from the group known least.
        standard_error=None if value is None else max(row.standard_error or 0.0 for row in rows),
        n=min(row.n for row in rows),
        target=None,
        undefined=reason,
    )


def _ends(row: Measurement) -> Ends:
    if row.low is None or row.value is None or row.high is None:
        msg = "a measurement without a reason has a figure"
        raise ValueError(msg)
    return row.low, row.value, row.high


def smallest(groups: Sequence[Ends]) -> Ends:
    """The smallest figure.

    Example: groups with 0.3 in [0.2, 0.4] and 0.35 in [0.1, 0.6]: 0.3 in [0.1, 0.4].
    """
    lows, values, highs = zip(*groups, strict=True)
    return min(lows), min(values), min(highs)


def smallest_to_largest(groups: Sequence[Ends]) -> Ends | None:
    """The smallest figure divided by the largest; None where all are 0.

    Example: groups with 0.3 in [0.2, 0.4] and 0.5 in [0.4, 0.6]: 0.6 in [1 / 3, 1].
    """
    lows, values, highs = zip(*groups, strict=True)
    if max(values) <= 0:
        return None
    high = min(highs) / max(lows) if max(lows) > 0 else 1.0
    return max(min(lows), 0.0) / max(highs), min(values) / max(values), min(high, 1.0)


def mean_difference(groups: Sequence[Ends]) -> Ends:
    """Mean absolute difference over all pairs of groups.

    Example: groups with 0.3 in [0.2, 0.4] and 0.5 in [0.45, 0.55]: 0.2 in [0.05, 0.35].
    """
    pairs = list(combinations(groups, 2))
    lows = [max(a[0] - b[2], b[0] - a[2], 0.0) for a, b in pairs]
    values = [abs(a[1] - b[1]) for a, b in pairs]
    highs = [max(a[2] - b[0], b[2] - a[0]) for a, b in pairs]
    return sum(lows) / len(pairs), sum(values) / len(pairs), sum(highs) / len(pairs)
