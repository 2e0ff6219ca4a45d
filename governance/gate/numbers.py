"""How figures are written for people: with enough digits to tell them from the limit they are held to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Unit = Literal["", " %", " percentage points"]

_MORE_DIGITS = 5
_SAME = 1e-12
_MANY = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """In which unit, and with how many decimals: per cent and percentage points need one, plain numbers three."""

    unit: Unit
    digits: int

    def bare(self, value: float) -> str:
        """The number without its unit."""
        if not self.unit:
            return f"{value:,.{1 if abs(value) >= _MANY else self.digits}f}".replace("-", "−")
        said = f"{100 * value:,.{self.digits}f}".replace("-", "−")
        return said.rstrip("0").removesuffix(".") if "." in said else said

    def say(self, value: float) -> str:
        """The number with its unit."""
        return self.bare(value) + self.unit


def scale_of(values: Sequence[float], limits: Sequence[float], unit: Unit) -> Scale:
    """The coarsest scale on which no value reads like a limit that it is not, as far as digits can tell."""
    first = 1 if unit else 3
    for digits in range(first, first + _MORE_DIGITS):
        scale = Scale(unit=unit, digits=digits)
        if all(_told_apart(scale, value, limit) for value in values for limit in limits):
            return scale
    return Scale(unit=unit, digits=first)


def _told_apart(scale: Scale, value: float, limit: float) -> bool:
    return abs(value - limit) <= _SAME or scale.bare(value) != scale.bare(limit)
