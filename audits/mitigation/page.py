"""The page about a mitigation: one file, no network, no script, readable on a phone."""

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup, escape

from audits.mitigation.report import Course, ExposureChange, MitigationReport, UtilityKept
from audits.mitigation.serving_figure import serving_figure
from audits.mitigation.words import MEASURES, course_in_words, limits_in_words, sentences, signed, surely_outside
from audits.pages import page

_DASH, _MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
_LEFT, _RIGHT, _WIDTH, _ROW, _TOP = 150, 18, 480, 26, 8
_LABEL = 20


@dataclass(frozen=True, slots=True)
class _Paid:
    about: str
    n: str
    before: str
    after: str
    kept: str
    interval: str
    against: str


@dataclass(frozen=True, slots=True)
class _Shown:
    about: str
    price: str
    limits: str
    before: str
    after: str
    interval: str


@dataclass(frozen=True, slots=True)
class _Served:
    about: str
    kept: str
    interval: str
    against: str
    at_the_end: str
    worst: str


def render_mitigation(report: MitigationReport, *, title: str) -> str:
    """One HTML document; equal arguments give equal text. Text is escaped."""
    attributes = dict.fromkeys(row.attribute for row in report.exposure)
    return page(
        "mitigation.html.j2",
        title=title,
        report=report,
        sentences=sentences(report),
        priced=any(row.price for row in report.exposure),
        serving=None if report.served is None else serving_figure(report.served),
        courses=[] if report.served is None else [_course(each) for each in report.served.courses],
        utility=[
            (words, [_paid(row) for row in report.utility if row.measure == measure])
            for measure, words in MEASURES.items()
            if any(row.measure == measure for row in report.utility)
        ],
        exposure=[
            (name, _figure(rows), [_shown(row) for row in rows])
            for name in attributes
            if (rows := [row for row in report.exposure if row.attribute == name])
        ],
    )


def _course(course: Course) -> _Served:
    return _Served(
        about=course_in_words(course),
        kept=_percent(course.kept),
        interval=_DASH if course.low is None else f"{_percent(course.low)} to {_percent(course.high)}",
        against=_against(course.against_prices, course.against_prices_low, course.against_prices_high, decimals=2),
        at_the_end=f"{course.violation[-1]:.3%}",
        worst=f"{course.worst:.3%}",
    )


def _paid(row: UtilityKept) -> _Paid:
    return _Paid(
        about="everyone" if row.group is None else f"{row.attribute} = {row.group}",
        n=f"{row.n:,}",
        before=_number(row.before),
        after=_number(row.after),
        kept=_percent(row.kept),
        interval=_DASH if row.low is None else f"{_percent(row.low)} to {_percent(row.high)}",
        against=_against(row.against_others, row.against_others_low, row.against_others_high),
    )


def _shown(row: ExposureChange) -> _Shown:
    return _Shown(
        about=row.category,
        price=f"{row.price:+.4f}".replace("-", _MINUS) if row.price else _DASH,
        limits=_limits(row),
        before=_percent(row.before),
        after=_percent(row.after),
        interval=_DASH if row.low is None else f"{_percent(row.low)} to {_percent(row.high)}",
    )


def _limits(row: ExposureChange) -> str:
    return _DASH if row.floor <= 0 and row.ceiling >= 1 else limits_in_words(row.floor, row.ceiling)


def _figure(rows: list[ExposureChange]) -> Markup:
    """A line per category from the share before (ring) to the share with prices (dot), between its limits (ticks)."""
    largest = max(max(row.before, row.after, row.floor, row.ceiling if row.ceiling < 1 else 0.0) for row in rows) or 1.0
    height = _TOP + _ROW * len(rows) + 26

    def at(share: float) -> float:
        return round(_LEFT + min(share / largest, 1.0) * (_WIDTH - _LEFT - _RIGHT), 1)

    parts = [
        Markup(
            '<svg role="img" aria-label="Exposure by category" viewBox="0 0 {w} {h}" font-size="13" fill="#1c2733">'
        ).format(w=_WIDTH, h=height)
    ]
    for place, row in enumerate(sorted(rows, key=lambda each: -each.catalogue)):
        parts.append(_line(row, _TOP + _ROW * place + _ROW // 2, at))
    decimals = 0 if largest >= 0.1 else 1  # noqa: PLR2004 - where whole percents say enough
    parts += [
        Markup('<text x="{x}" y="{y}" text-anchor="middle" fill="#5d6b79" font-size="12">{text}</text>').format(
            x=at(share), y=height - 6, text=f"{share:.{decimals}%}"
        )
        for share in (0.0, largest / 2, largest)
    ]
    return Markup("").join([*parts, Markup("</svg>")])


def _line(row: ExposureChange, y: int, at: Callable[[float], float]) -> Markup:
    colour = "#b3401f" if surely_outside(row) else "#1f5fa8"
    name = row.category if len(row.category) <= _LABEL else row.category[: _LABEL - 1] + "…"
    ticks = [limit for limit in (row.floor, row.ceiling) if 0 < limit < 1]
    low, high = row.after if row.low is None else row.low, row.after if row.high is None else row.high
    return Markup("").join(
        [
            Markup('<text x="{x}" y="{y}" text-anchor="end">{name}</text>').format(
                x=_LEFT - 12, y=y + 4, name=escape(name)
            ),
            Markup('<line x1="{a}" x2="{b}" y1="{y}" y2="{y}" stroke="#dfe4ea" stroke-width="2"/>').format(
                a=at(row.before), b=at(row.after), y=y
            ),
            Markup(
                '<line x1="{a}" x2="{b}" y1="{y}" y2="{y}" stroke="{c}" stroke-opacity=".4" stroke-width="5"/>'
            ).format(a=at(low), b=at(high), y=y, c=colour),
            *(
                Markup('<line x1="{x}" x2="{x}" y1="{a}" y2="{b}" stroke="#1c2733" stroke-width="1.5"/>').format(
                    x=at(limit), a=y - 8, b=y + 8
                )
                for limit in ticks
            ),
            Markup('<circle cx="{x}" cy="{y}" r="4.5" fill="#fff" stroke="#5d6b79" stroke-width="1.5"/>').format(
                x=at(row.before), y=y
            ),
            Markup('<circle cx="{x}" cy="{y}" r="4.5" fill="{c}"/>').format(x=at(row.after), y=y, c=colour),
        ]
    )


def _number(value: float | None) -> str:
    return _DASH if value is None else f"{value:.4f}"


def _percent(value: float | None) -> str:
    return _DASH if value is None else f"{value:.2%}".replace("-", _MINUS)


def _against(value: float | None, low: float | None, high: float | None, *, decimals: int = 1) -> str:
    """A difference in points, with its interval."""
    if value is None or low is None or high is None:
        return _DASH
    value_in, low_in, high_in = (signed(100 * each, decimals) for each in (value, low, high))
    return f"{value_in} ({low_in} to {high_in})"
