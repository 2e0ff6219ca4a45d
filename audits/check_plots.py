"""The gate's plots, one a rule, as SVG without a library: a policy may have hundreds of rules, each drawn in no time.

Text stays text, every name is escaped, and equal arguments give equal pictures. They are 420 units wide, so that on a
phone a line of text is as large as the page's. Colours are those of the page by class, and the marks tell the same.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from markupsafe import Markup

from audits.ruling import Check, Standing

MOST_ROWS: Final = 24
"""More lines than a screen are read in the table."""
_WIDTH, _LEFT, _RIGHT, _ROW, _TOP, _AXIS = 420, 150, 16, 24, 8, 26
_LONGEST_NAME = 20
_MOST_TICKS = 4
_MINUS = "\N{MINUS SIGN}"
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
    low, high = _range([*ends, *limits])
    bottom = _TOP + _ROW * len(rows)

    def at(number: float) -> float:
        return round(_LEFT + (number - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT), 1)

    parts = [
        Markup('<svg role="img" aria-label="{label}" viewBox="0 0 {width} {height}">').format(
            label=_plain(label), width=_WIDTH, height=bottom + _AXIS
        )
    ]
    parts += [_tick(number, text, at, bottom) for number, text in _ticks(low, high)]
    parts += [_upright(at(limit), _TOP - 4, bottom + 2, "limit") for limit in limits]
    parts += [_row(row, _TOP + _ROW * place + _ROW // 2, at) for place, row in enumerate(rows)]
    return Markup("").join([*parts, Markup("</svg>")])


def _row(check: Check, y: int, at: _At) -> Markup:
    x = at(check.value or 0.0)
    mark = _MARKS[check.standing].format(x=x, y=y, l=round(x - 5, 1), t=y - 5, u=y - 6, d=y + 5)
    return Markup(
        '<text class="name" x="{name_x}" y="{name_y}" text-anchor="end">{name}</text>'
        '<line class="bar {kind}" x1="{x1}" y1="{y}" x2="{x2}" y2="{y}"/><path class="mark {kind}" d="{mark}"/>'
    ).format(
        name_x=_LEFT - 12,
        name_y=y + 4,
        name=_short(check.about.partition(" = ")[2] or check.about),
        kind=check.standing,
        x1=at(check.low or 0.0),
        x2=at(check.high or 0.0),
        y=y,
        mark=mark,
    )


def _tick(number: float, text: str, at: _At, bottom: int) -> Markup:
    words = Markup('<text class="tick" x="{x}" y="{y}" text-anchor="middle">{text}</text>')
    return _upright(at(number), _TOP - 4, bottom + 2, "grid") + words.format(x=at(number), y=bottom + 18, text=text)


def _upright(x: float, top: int, bottom: int, kind: str) -> Markup:
    return Markup('<line class="{kind}" x1="{x}" y1="{top}" x2="{x}" y2="{bottom}"/>').format(
        kind=kind, x=x, top=top, bottom=bottom
    )


def _range(numbers: Sequence[float]) -> tuple[float, float]:
    """From the smallest to the largest, with air; never empty."""
    low, high = min(numbers), max(numbers)
    air = 0.06 * (high - low) or 0.05 * max(abs(high), 1.0)
    return low - air, high + air


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Round numbers in the range, at most four, with their texts."""
    power = 10.0 ** math.floor(math.log10((high - low) / _MOST_TICKS))
    step = next(each * power for each in (1.0, 2.0, 5.0, 10.0, 20.0) if (high - low) / (each * power) <= _MOST_TICKS)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    steps = range(math.ceil(low / step), math.floor(high / step) + 1)
    return [(each * step, _number(each * step, decimals)) for each in steps]


def _number(number: float, decimals: int) -> str:
    text = f"{number:z.{decimals}f}" if decimals <= 4 and abs(number) < 1e5 else f"{number:.3g}"  # noqa: PLR2004 - what fits
    return text.replace("-", _MINUS)


def _is_finite(*numbers: float | None) -> bool:
    return all(number is not None and math.isfinite(number) for number in numbers)


def _plain(text: str) -> str:
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _short(name: str) -> str:
    name = _plain(name)
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
