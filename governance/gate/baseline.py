"""A baseline that is known by its report alone: differences of figures, not subject by subject. Pure."""

import math
from dataclasses import replace

from audits.report import Measurement, Report
from governance.errors import InvalidInput

CAVEAT = (
    "The baseline is known by its report, so differences are not paired by subject: their intervals are wider than "
    "those against the baseline's lists."
)
_SAME = ("k", "attention", "attention_formula", "items", "subjects", "level")
"""Coverage and concentration grow with audience and catalogue, so reports of other sizes do not compare."""


def against_report(report: Report, baseline: Report) -> Report:
    """The report with its figures less the baseline's as differences.

    Two intervals h and h' become sqrt(h^2 + h'^2): exact for audits of different subjects, and too wide, so never too
    lenient, where the same subjects' figures move together. A figure that either lacks has no difference.

    Raises:
        InvalidInput: the two were measured in different ways, so their figures do not compare.
    """
    for name in _SAME:
        ours, theirs = getattr(report, name), getattr(baseline, name)
        if ours != theirs:
            msg = f"the baseline's report, {name}: expected {ours} as in this audit, got {theirs}"
            raise InvalidInput(msg)
    known = {_cell(each): each for each in baseline.measurements}
    found = [(each, known[_cell(each)]) for each in report.measurements if _cell(each) in known]
    return replace(report, differences=tuple(_difference(ours, theirs, report, baseline) for ours, theirs in found))


def _cell(row: Measurement) -> tuple[str, str | None, str | None, str | None]:
    return row.metric, row.attribute, row.category, row.group


def _difference(ours: Measurement, theirs: Measurement, report: Report, baseline: Report) -> Measurement:
    if ours.value is None or theirs.value is None:
        lacking = ours if ours.value is None else theirs
        return replace(lacking, n=min(ours.n, theirs.n), target=None)
    value = ours.value - theirs.value
    half = math.hypot(_half(ours, report.critical_value), _half(theirs, baseline.critical_value))
    pointwise = math.hypot(_pointwise_half(ours), _pointwise_half(theirs))
    return replace(
        ours,
        value=_rounded(value),
        low=_rounded(value - half),
        high=_rounded(value + half),
        pointwise_low=_rounded(value - pointwise),
        pointwise_high=_rounded(value + pointwise),
        standard_error=_error(ours.standard_error, theirs.standard_error),
        n=min(ours.n, theirs.n),
        target=0.0,
    )


def _error(ours: float | None, theirs: float | None) -> float | None:
    return None if ours is None or theirs is None else _rounded(math.hypot(ours, theirs))


def _half(row: Measurement, critical_value: float) -> float:
    """Half the interval as it was before it was cut to what the metric can be."""
    value, low, high = row.value or 0.0, row.low or 0.0, row.high or 0.0
    return max(critical_value * (row.standard_error or 0.0), value - low, high - value)


def _pointwise_half(row: Measurement) -> float:
    value = row.value or 0.0
    return max(value - (row.pointwise_low or 0.0), (row.pointwise_high or 0.0) - value)


def _rounded(number: float) -> float:
    return float(f"{number:.10g}") + 0.0
