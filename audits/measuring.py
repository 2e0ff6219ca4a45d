"""From intervals to measurements: what the bootstrap found, as a report says it."""

from typing import Protocol

from audits.bootstrap import Intervals
from audits.report import Measurement, Undefined


class Measured(Protocol):
    """What a measurement says about itself: its slug and the range of its figures."""

    @property
    def slug(self) -> str:
        """Name in reports."""

    @property
    def low(self) -> float:
        """Smallest possible figure."""

    @property
    def high(self) -> float:
        """Largest possible figure."""


def measurement(metric: Measured, found: Intervals, index: int, min_subjects: int) -> Measurement:
    """The figure at ``index`` of these intervals, with ends in the range, or the reason why there is none."""
    cell = found.cells[index]
    # Only rounding can carry a figure out of its range.
    value = min(max(float(found.values[index]), metric.low), metric.high)
    (below, above), (beneath, beyond) = found.reach[index].tolist(), found.pointwise_reach[index].tolist()
    numbers: dict[str, float | None]
    if found.defined[index]:
        ends = {
            "low": value - below,
            "high": value + above,
            "pointwise_low": value - beneath,
            "pointwise_high": value + beyond,
        }
        numbers = {name: rounded(min(max(end, metric.low), metric.high)) for name, end in ends.items()}
        numbers |= {"value": rounded(value), "standard_error": rounded(float(found.standard_errors[index]))}
    else:
        numbers = dict.fromkeys(("value", "low", "high", "pointwise_low", "pointwise_high", "standard_error"))
    return Measurement(
        metric=metric.slug,
        attribute=cell.attribute,
        category=cell.category,
        group=cell.group,
        n=cell.n,
        target=None if cell.target is None else rounded(cell.target),
        undefined=None if found.defined[index] else why_undefined(found, index, min_subjects),
        **numbers,
    )


def why_undefined(found: Intervals, index: int, min_subjects: int) -> Undefined:
    """Why there is no figure at ``index`` of these intervals."""
    n = found.cells[index].n
    if n == 0:
        return Undefined.NO_SUBJECT
    if n < min_subjects:
        return Undefined.TOO_FEW
    return Undefined.NO_DENOMINATOR if found.steady[index] else Undefined.UNSTEADY


def rounded(number: float) -> float:
    """Ten significant digits: what differs beyond them is the order of floating-point sums, not the data."""
    return float(f"{number:.10g}") + 0.0
