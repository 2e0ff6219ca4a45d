"""Small pictures drawn as SVG without a library: intervals around a line, and lines over rounds.

Text stays text, every name is escaped, and equal arguments give equal pictures. They are 420 units wide, so that on a
phone a line of text is as large as the page's. Colours are those of the page by class, and shapes tell the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 420, 150, 14, 24, 10
_HEIGHT = 190
_AXIS = 26
_LABEL = 20
_MINUS = "\N{MINUS SIGN}"
_DASHES = ("", "6 4", "2 4", "9 3 2 3")
MOST_ROWS = 24
"""More than a screen shows is read in the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One figure with its interval; ``sure`` where the interval leaves the parity line out."""

    name: str
    value: float
    low: float
    high: float
    sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One figure over rounds 1, 2, …: values, and how far they spread below and above."""

    name: str
    values: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]


def spans(rows: Sequence[Span], *, label: str, parity: float = 0.0, limit: float | None = None) -> Markup:
    """Intervals below each other, at most ``MOST_ROWS``; parity is a line, limits to both sides of it are dashed."""
    shown = rows[:MOST_ROWS]
    marks = [parity] if limit is None else [parity - limit, parity, parity + limit]
    low, high = _range([end for row in shown for end in (row.low, row.value, row.high)] + marks)
    height = _TOP + _ROW * len(shown) + _AXIS

    def at(number: float) -> float:
        return round(_LEFT + (number - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT), 1)

    bottom = height - _AXIS
    parts = [_line(at(mark), _TOP - 4, at(mark), bottom, "parity" if mark == parity else "limit") for mark in marks]
    parts += [_span(row, _TOP + _ROW * place + _ROW // 2, at) for place, row in enumerate(shown)]
    return _svg(label, height, [*parts, *_ticks((low, high), parity, at, height)])


def lines(series: Sequence[Line], *, label: str, x_label: str) -> Markup:
    """Figures over rounds, each with a band; named below the picture in the order given, dashed one by one."""
    numbers = [number for each in series for number in (*each.values, *each.lows, *each.highs)]
    low, high = _range(numbers)
    rounds = max(len(each.values) for each in series)
    height = _HEIGHT + _AXIS + 18 * len(series)

    def across(place: int) -> float:
        return round(52 + place / max(rounds - 1, 1) * (_WIDTH - 52 - _RIGHT), 1)

    def up(number: float) -> float:
        return round(_TOP + (high - number) / (high - low) * (_HEIGHT - _TOP - 20), 1)

    parts = [
        part
        for number in (low, (low + high) / 2, high)
        for part in (
            _line(52, up(number), _WIDTH - _RIGHT, up(number), "grid"),
            _text(46, up(number) + 4, _plain(number, high - low), "end", quiet=True),
        )
    ]
    parts += [_series(each, place, across, up) for place, each in enumerate(series)]
    for place in sorted({0, (rounds - 1) // 2, rounds - 1}):
        parts.append(_text(across(place), _HEIGHT + 6, str(place + 1), "middle", quiet=True))
    parts.append(_text((52 + _WIDTH) / 2, _HEIGHT + 24, x_label, "middle", quiet=True))
    for place, each in enumerate(series):
        y = _HEIGHT + _AXIS + 14 + 18 * place
        parts += [_stroke(f"52,{y - 4} 92,{y - 4}", place), _text(100, y, each.name, "start")]
    return _svg(label, height, parts)


def _series(each: Line, place: int, across: Callable[[int], float], up: Callable[[float], float]) -> Markup:
    there = [f"{across(at)},{up(number)}" for at, number in enumerate(each.highs)]
    back = [f"{across(at)},{up(number)}" for at, number in reversed(list(enumerate(each.lows)))]
    band = Markup('<polygon class="band s{place}" points="{points}"/>').format(
        place=place, points=" ".join([*there, *back])
    )
    middle = " ".join(f"{across(at)},{up(number)}" for at, number in enumerate(each.values))
    return band + _stroke(middle, place)


def _stroke(points: str, place: int) -> Markup:
    dashes = _DASHES[place % len(_DASHES)]
    return Markup('<polyline class="line s{place}" points="{points}" stroke-dasharray="{dashes}"/>').format(
        place=place, points=points, dashes=dashes or "none"
    )


def _span(row: Span, y: int, at: Callable[[float], float]) -> Markup:
    kind = "sure" if row.sure else "open"
    name = _text(_LEFT - 10, y + 4, _short(row.name), "end")
    bar = Markup('<line class="bar {kind}" x1="{x1}" y1="{y}" x2="{x2}" y2="{y}"/>').format(
        kind=kind, x1=at(row.low), x2=at(row.high), y=y
    )
    x = at(row.value)
    # A diamond is surely off parity, a ring may be on it: shapes for those who see colours differently.
    if row.sure:
        corners = f"{x},{y - 5} {x + 5},{y} {x},{y + 5} {x - 5},{y}"
        return name + bar + Markup('<polygon class="dot sure" points="{corners}"/>').format(corners=corners)
    return name + bar + Markup('<circle class="dot open" cx="{x}" cy="{y}" r="4.5"/>').format(x=x, y=y)


def _ticks(ends: tuple[float, float], parity: float, at: Callable[[float], float], height: int) -> list[Markup]:
    low, high = ends
    numbers = ((low, "start"), (high, "end"), (parity, "middle"))
    return [_text(at(number), height - 8, _plain(number, high - low), anchor, quiet=True) for number, anchor in numbers]


def _range(numbers: Sequence[float]) -> tuple[float, float]:
    """From the smallest to the largest, with air; never empty."""
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    air = 0.06 * (high - low) or 0.05 * max(abs(high), 1.0)
    return low - air, high + air


def _plain(number: float, width: float) -> str:
    decimals = 1 if width >= 5 else 2 if width >= 0.1 else 3  # noqa: PLR2004 - what tells three ticks apart
    return f"{number:z.{decimals}f}".replace("-", _MINUS)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return Markup('<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>').format(
        kind=kind, x1=x1, y1=y1, x2=x2, y2=y2
    )


def _text(x: float, y: float, words: str, anchor: str, *, quiet: bool = False) -> Markup:
    return Markup('<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{words}</text>').format(
        kind="tick" if quiet else "name", x=x, y=y, anchor=anchor, words=words
    )


def _short(name: str) -> str:
    name = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)
    return name if len(name) <= _LABEL else name[: _LABEL - 1] + "…"


def _svg(label: str, height: int, parts: Sequence[Markup]) -> Markup:
    opening = Markup('<svg role="img" aria-label="{label}" viewBox="0 0 {width} {height}">').format(
        label=label, width=_WIDTH, height=height
    )
    return Markup("").join([opening, *parts, Markup("</svg>")])
