"""Limits that a report suggests: the far end of what was measured, some further out. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from governance.gate.matching import Figure

_DIGITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """From where to where figures go, with room: ``floor`` below every interval, ``ceiling`` above."""

    floor: float
    ceiling: float


def reach(figures: Sequence[Figure], slack: float) -> Reach | None:
    """What holds every interval, and ``slack`` half-widths of each beyond; None where one figure is no evidence.

    With one half-width of slack an audit of as many other subjects stays inside about 98 times in 100 for a figure that
    did not change: its own interval's end varies by sqrt(2) standard errors around this one's, and q is near 3.
    """
    floors, ceilings = [], []
    for figure in figures:
        value, low, high = figure.read.value, figure.read.low, figure.read.high
        if figure.missing is not None or value is None or low is None or high is None:
            return None
        floors.append(low - slack * (value - low))
        ceilings.append(high + slack * (high - value))
    return (
        Reach(floor=_outward(min(floors), math.floor), ceiling=_outward(max(ceilings), math.ceil)) if floors else None
    )


def written(limit: float) -> str:
    """A limit as policies hold it: YAML 1.1 reads 1e-05 as a text, so all digits are written out."""
    return np.format_float_positional(limit, trim="0")


def _outward(number: float, rounding: Callable[[float], int]) -> float:
    """The number with three digits that count, rounded away from what was measured."""
    if number == 0:
        return 0.0
    digits = _DIGITS - 1 - math.floor(math.log10(abs(number)))
    return float(round(rounding(number * 10**digits) / 10**digits, max(digits, 0)))
