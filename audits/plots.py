"""Small pictures: intervals around a line, and lines over rounds.

Shapes tell what colours do, for those who see colours differently. Pieces are those of ``audits.svg``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from audits.svg import AXIS, LEFT, MINUS, MOST_ROWS, ROW, WIDTH, frame, line, row_name, text, with_air

_RIGHT, _TOP, _HEIGHT = 14, 10, 190
_DASHES = ("", "6 4", "2 4", "9 3 2 3")


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
    low, high = with_air([end for row in shown for end in (row.low, row.value, row.high)] + marks)
    height = _TOP + ROW * len(shown) + AXIS

    def at(number: float) -> float:
        return round(LEFT + (number - low) / (high - low) * (WIDTH - LEFT - _RIGHT), 1)

    bottom = height - AXIS
    parts = [line(at(mark), _TOP - 4, at(mark), bottom, "parity" if mark == parity else "limit") for mark in marks]
    parts += [_span(row, _TOP + ROW * place + ROW // 2, at) for place, row in enumerate(shown)]
    return frame(label, height, [*parts, *_ticks((low, high), parity, at, height)])


def lines(series: Sequence[Line], *, label: str, x_label: str) -> Markup:
    """Figures over rounds, each with a band; named below the picture in the order given, dashed one by one."""
    numbers = [number for each in series for number in (*each.values, *each.lows, *each.highs)]
    low, high = with_air(numbers)
    rounds = max(len(each.values) for each in series)
    height = _HEIGHT + AXIS + 18 * len(series)

    def across(place: int) -> float:
        return round(52 + place / max(rounds - 1, 1) * (WIDTH - 52 - _RIGHT), 1)

    def up(number: float) -> float:
        return round(_TOP + (high - number) / (high - low) * (_HEIGHT - _TOP - 20), 1)

    parts = [
        part
        for number in (low, (low + high) / 2, high)
        for part in (
            line(52, up(number), WIDTH - _RIGHT, up(number), "grid"),
            text(46, up(number) + 4, _plain(number, high - low), "end", quiet=True),
        )
    ]
    parts += [_series(each, place, across, up) for place, each in enumerate(series)]
    for place in sorted({0, (rounds - 1) // 2, rounds - 1}):
        parts.append(text(across(place), _HEIGHT + 6, str(place + 1), "middle", quiet=True))
    parts.append(text((52 + WIDTH) / 2, _HEIGHT + 24, x_label, "middle", quiet=True))
    for place, each in enumerate(series):
        y = _HEIGHT + AXIS + 14 + 18 * place
        parts += [_stroke(f"52,{y - 4} 92,{y - 4}", place), text(100, y, each.name, "start")]
    return frame(label, height, parts)


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
    name = row_name(row.name, y)
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
    return [text(at(number), height - 8, _plain(number, high - low), anchor, quiet=True) for number, anchor in numbers]


def _plain(number: float, width: float) -> str:
    decimals = 1 if width >= 5 else 2 if width >= 0.1 else 3  # noqa: PLR2004 - what tells three ticks apart
    return f"{number:z.{decimals}f}".replace("-", MINUS)
