"""The gate's plots, one a rule: a policy may have hundreds of rules, each drawn in no time.

The marks tell what colours do, for those who see colours differently. Pieces are those of ``audits.svg``.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from markupsafe import Markup

from audits.ruling import Check, Standing
from audits.svg import AXIS, LEFT, MINUS, MOST_ROWS, ROW, WIDTH, frame, line, row_name, text, with_air

_RIGHT, _TOP = 16, 8
_MOST_TICKS = 4
_MARKS: Final[Mapping[Standing, str]] = {
    "failed": "M{x} {d}l5.5-10h-11z",
    "undecided": "M{x} {u}l6 6-6 6-6-6z",
    "waived": "M{l} {t}h10v10h-10z",
    "warning": "M{x} {u}l5.5 10h-11z",
    "met": "M{l} {y}a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
}
"""The mark alone tells what a check is, for those who see colours differently; its middle is at x, y."""

_At = Callable[[float], float]


def checks_plot(checks: Sequence[Check], label: str) -> Markup:
    """Intervals against the limit of one rule, the worst on top; at most ``MOST_ROWS``.

    All checks are of one rule, and so in one unit; those without a finite interval are left out. Empty where that
    leaves none.
    """
    rows = [each for each in checks if _is_finite(each.value, each.low, each.high)][:MOST_ROWS]
    if not rows:
        return Markup("")
    limits = sorted({limit for row in rows for limit in row.limits if math.isfinite(limit)})
    ends = [float(end) for row in rows for end in (row.low, row.value, row.high) if end is not None]
    low, high = with_air([*ends, *limits])
    bottom = _TOP + ROW * len(rows)

    def at(number: float) -> float:
        return round(LEFT + (number - low) / (high - low) * (WIDTH - LEFT - _RIGHT), 1)

    parts = [_tick(number, words, at, bottom) for number, words in _ticks(low, high)]
    parts += [line(at(limit), _TOP - 4, at(limit), bottom + 2, "limit") for limit in limits]
    parts += [_row(row, _TOP + ROW * place + ROW // 2, at) for place, row in enumerate(rows)]
    return frame(label, bottom + AXIS, parts)


def _row(check: Check, y: int, at: _At) -> Markup:
    x, kind = at(check.value or 0.0), check.standing
    shape = _MARKS[kind].format(x=x, y=y, l=round(x - 5, 1), t=y - 5, u=y - 6, d=y + 5)
    mark = Markup('<path class="mark {kind}" d="{shape}"/>').format(kind=kind, shape=shape)
    bar = line(at(check.low or 0.0), y, at(check.high or 0.0), y, f"bar {kind}")
    return row_name(check.about.partition(" = ")[2] or check.about, y) + bar + mark


def _tick(number: float, words: str, at: _At, bottom: int) -> Markup:
    upright = line(at(number), _TOP - 4, at(number), bottom + 2, "grid")
    return upright + text(at(number), bottom + 18, words, "middle", quiet=True)


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Round numbers in the range, at most four, with their texts."""
    power = 10.0 ** math.floor(math.log10((high - low) / _MOST_TICKS))
    step = next(each * power for each in (1.0, 2.0, 5.0, 10.0, 20.0) if (high - low) / (each * power) <= _MOST_TICKS)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    steps = range(math.ceil(low / step), math.floor(high / step) + 1)
    return [(each * step, _number(each * step, decimals)) for each in steps]


def _number(number: float, decimals: int) -> str:
    plain = f"{number:z.{decimals}f}" if decimals <= 4 and abs(number) < 1e5 else f"{number:.3g}"  # noqa: PLR2004 - what fits
    return plain.replace("-", MINUS)


def _is_finite(*numbers: float | None) -> bool:
    return all(number is not None and math.isfinite(number) for number in numbers)
