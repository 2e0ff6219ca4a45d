"""How far shares were outside their limits while lists were served, as a picture."""

import math
from collections.abc import Callable, Sequence

from markupsafe import Markup

from audits.mitigation.report import Course, ServedOnline
from audits.mitigation.words import course_in_words

_LEFT, _WIDTH, _TOP, _HEIGHT, _BOTTOM = 52, 480, 52, 190, 44
_HEADROOM = 1.3
_LINES = {
    (False, False): ("#8a96a3", "1.5", "2 3"),
    (False, True): ("#1f5fa8", "1.5", "none"),
    (True, False): ("#b8741a", "1.5", "6 3"),
    (True, True): ("#13714b", "2.5", "none"),
}
"""Colour, width and dashes of a course, told apart without colours too."""

At = Callable[[float], float]


def serving_figure(served: ServedOnline) -> Markup:
    """A line per way of serving: lists served (logarithmic) against the largest distance of a share from its limits.

    The first lists alone can meet no share; what is further out than the worst later on is drawn at the upper edge.
    """
    first, last = served.after[0], max(served.after[-1], served.after[0] + 1)
    largest = _round_number(_HEADROOM * max(1e-4, *(course.worst for course in served.courses)))

    def across(lists: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - 10) * math.log(lists / first) / math.log(last / first), 1)

    def up(violation: float) -> float:
        return round(_TOP + _HEIGHT * (1 - min(violation / largest, 1.0)), 1)

    opening = Markup(
        '<svg role="img" aria-label="Distance of shares from their limits while serving" viewBox="0 0 {w} {h}" '
        'font-size="13" fill="#1c2733">'
    ).format(w=_WIDTH, h=_TOP + _HEIGHT + _BOTTOM)
    lines = [_line(served.after, course, across, up) for course in served.courses]
    legend = [_legend(place, course) for place, course in enumerate(served.courses)]
    parts = [opening, _axes(served, largest, across, up), *lines, *legend, Markup("</svg>")]
    return Markup("").join(parts)


def _round_number(least: float) -> float:
    """A number for an axis that is at least this, and so is its half."""
    power: float = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0) if step * power >= least)


def _axes(served: ServedOnline, largest: float, across: At, up: At) -> Markup:
    parts = [
        Markup(
            '<line x1="{a}" x2="{b}" y1="{y}" y2="{y}" stroke="#dfe4ea"/>'
            '<text x="{t}" y="{v}" text-anchor="end" fill="#5d6b79" font-size="12">{text}</text>'
        ).format(a=_LEFT, b=_WIDTH - 10, y=up(share), t=_LEFT - 6, v=up(share) + 4, text=f"{100 * share:.3g}%")
        for share in (0.0, largest / 2, largest)
    ]
    parts.append(
        Markup('<line x1="{x}" x2="{x}" y1="{a}" y2="{b}" stroke="#5d6b79" stroke-dasharray="1 3"/>').format(
            x=across(served.settled), a=_TOP, b=_TOP + _HEIGHT
        )
    )
    base = _TOP + _HEIGHT
    parts += [
        Markup('<text x="{x}" y="{y}" text-anchor="{anchor}" fill="#5d6b79" font-size="12">{text}</text>').format(
            x=across(lists), y=base + 18, anchor="end" if lists == served.after[-1] else "middle", text=f"{lists:,}"
        )
        for lists in _ticks(served)
    ]
    parts.append(
        Markup('<text x="{x}" y="{y}" text-anchor="middle" fill="#5d6b79" font-size="12">lists served</text>').format(
            x=(_LEFT + _WIDTH) // 2, y=base + 36
        )
    )
    return Markup("").join(parts)


def _ticks(served: ServedOnline) -> Sequence[int]:
    """Powers of ten that are far enough from the end not to run into its number, and the end."""
    first, last = served.after[0], served.after[-1]
    powers = [10**power for power in range(1, 10) if first <= 10**power and (10**power / first) ** 1.2 < last / first]
    return [*powers, last]


def _line(after: Sequence[int], course: Course, across: At, up: At) -> Markup:
    colour, width, dashes = _LINES[course.corrected, course.priced]
    points = " ".join(
        f"{across(lists)},{up(violation)}" for lists, violation in zip(after, course.violation, strict=True)
    )
    return Markup(
        '<polyline points="{points}" fill="none" stroke="{c}" stroke-width="{w}" stroke-dasharray="{d}" '
        'stroke-linejoin="round"/>'
    ).format(points=points, c=colour, w=width, d=dashes)


def _legend(place: int, course: Course) -> Markup:
    colour, width, dashes = _LINES[course.corrected, course.priced]
    x, y = _LEFT + (place % 2) * 200, 16 + (place // 2) * 20
    return Markup(
        '<line x1="{x}" x2="{e}" y1="{l}" y2="{l}" stroke="{c}" stroke-width="{w}" stroke-dasharray="{d}"/>'
        '<text x="{t}" y="{y}">{text}</text>'
    ).format(x=x, e=x + 26, l=y - 4, y=y, t=x + 34, c=colour, w=width, d=dashes, text=course_in_words(course))
