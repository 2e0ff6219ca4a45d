"""How a rule compares a figure: what each comparison reads, and what it asks as a floor and a ceiling."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Comparison = Literal["at_least", "at_most", "between", "ratio", "no_regression", "equivalence"]
Against = Literal["best", "target", "baseline"]
Better = Literal["higher", "lower", "target"]
Bounds = tuple[float | None, float | None]
"""Floor and ceiling, in the unit in which the comparison reads the figure."""

SMALLEST: Final = 1e-9
"""Of a metric's range: nearer to its end no limit can be missed, for every interval is wider."""
LARGEST: Final = 1e12
"""Beyond it no limit of a metric without an end can be missed."""


def is_above(number: float, low: float, high: float) -> bool:
    """Whether a figure between ``low`` and ``high`` can be certain to lie below a number, so that a floor is missed."""
    return number > (-LARGEST if math.isinf(low) else low + _margin(low, high))


def is_below(number: float, low: float, high: float) -> bool:
    """Whether a figure between ``low`` and ``high`` can be certain to lie above it, so that a ceiling is missed."""
    return number < (LARGEST if math.isinf(high) else high - _margin(low, high))


def _margin(low: float, high: float) -> float:
    return SMALLEST if math.isinf(high - low) else SMALLEST * (high - low)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One comparison: which numbers a rule gives for it, and what it may compare with."""

    slug: Comparison
    reads: tuple[str, ...]
    against: tuple[Against, ...] = ()


COMPARISONS = (
    Form(slug="at_least", reads=("limit",)),
    Form(slug="at_most", reads=("limit",)),
    Form(slug="between", reads=("floor", "ceiling")),
    # Four-fifths is a limit of 0.8: of the best group's figure, or of what parity would be (then 1.25 is the ceiling).
    Form(slug="ratio", reads=("limit",), against=("best", "target")),
    Form(slug="no_regression", reads=("tolerance",)),
    Form(slug="equivalence", reads=("tolerance",), against=("target", "baseline")),
)

LIMITING = ("at_least", "at_most", "between")
"""Those that limit the metric itself."""
TOLERATING = ("no_regression", "equivalence")
"""Those that limit its difference from another figure."""
NUMBERS = ("limit", "floor", "ceiling", "tolerance")


def form_of(comparison: Comparison) -> Form:
    """The form of a comparison."""
    return next(each for each in COMPARISONS if each.slug == comparison)


def require_numbers(comparison: Comparison, given: Mapping[str, float | None], against: Against | None) -> None:
    """Refuse numbers that the comparison does not read, lacks, or cannot mean anything by.

    Raises:
        ValueError: begins with the name of the field at fault.
    """
    form = form_of(comparison)
    for name in NUMBERS:
        number = given[name]
        if name not in form.reads:
            _require(number is None, f"{name} {number}, which the comparison {comparison} does not read")
        elif number is None:
            _require(False, f"{name} None, which the comparison {comparison} needs")  # noqa: FBT003 - always refused
        else:
            _require(math.isfinite(number), f"{name} {number}")
    _require_range(comparison, {name: number for name, number in given.items() if number is not None})
    words = " or ".join(form.against) or "nothing"
    fits = against in form.against if form.against else against is None
    _require(fits, f"against {against}, where the comparison {comparison} is made against {words}")


def _require_range(comparison: Comparison, given: Mapping[str, float]) -> None:
    if comparison == "between":
        _require(given["floor"] < given["ceiling"], f"floor {given['floor']}, not below ceiling {given['ceiling']}")
    if comparison == "ratio":
        _require(SMALLEST < given["limit"] <= 1, f"limit {given['limit']}, where a ratio is above 0 and at most 1")
    if comparison == "no_regression":
        _require(given["tolerance"] >= 0, f"tolerance {given['tolerance']}, below 0")
    if comparison == "equivalence":
        _require(given["tolerance"] > 0, f"tolerance {given['tolerance']}, where nobody can be certified to be equal")


def bounds(
    comparison: Comparison, given: Mapping[str, float | None], against: Against | None, better: Better
) -> Bounds:
    """Floor and ceiling that the figure must keep to, in the unit in which the comparison reads it.

    ``given`` has what `require_numbers` accepted; ``better`` decides which way a regression goes.
    """
    limit, tolerance = given["limit"], given["tolerance"]
    if comparison == "at_least":
        return limit, None
    if comparison == "at_most":
        return None, limit
    if comparison == "between":
        return given["floor"], given["ceiling"]
    if comparison == "ratio":
        return limit, None if against == "best" or not limit else 1.0 / limit
    allowed = tolerance or 0.0
    if comparison == "no_regression":
        return (None, allowed) if better == "lower" else (-allowed, None)
    return -allowed, allowed


def loosened(comparison: Comparison, given: Mapping[str, float | None], worst: float) -> dict[str, float | None]:
    """The same numbers with ``worst`` in place of the one that it excepts from.

    Raises:
        ValueError: it tolerates nothing that the rule does not.
    """
    changed = dict(given)
    changed[_excepted(comparison, given, worst)] = worst
    return changed


def _excepted(comparison: Comparison, given: Mapping[str, float | None], worst: float) -> str:
    """Which of the rule's numbers a worst value stands in for."""
    floor, ceiling, limit, tolerance = (given[name] for name in ("floor", "ceiling", "limit", "tolerance"))
    if comparison == "between" and floor is not None and ceiling is not None:
        _require(
            not floor <= worst <= ceiling, f"worst_value {worst}, which the rule allows anyway ({floor} to {ceiling})"
        )
        return "floor" if worst < floor else "ceiling"
    if comparison in {"at_least", "ratio"} and limit is not None:
        _require(worst < limit, f"worst_value {worst}, which the rule allows anyway (at least {limit})")
        _require(comparison == "at_least" or worst > SMALLEST, f"worst_value {worst}, where a ratio is above 0")
        return "limit"
    if comparison == "at_most" and limit is not None:
        _require(worst > limit, f"worst_value {worst}, which the rule allows anyway (at most {limit})")
        return "limit"
    _require(worst > (tolerance or 0.0), f"worst_value {worst}, which the rule allows anyway (tolerance {tolerance})")
    return "tolerance"


def _require(holds: bool, found: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise ValueError(found)
