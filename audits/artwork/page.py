"""The page about an audit of artwork: one file, no network, no script, readable on a phone."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from audits.artwork.findings import TITLES, ArtworkFinding, about, outcome_of
from audits.artwork.measures import CAST_GAP, CAST_LOG_RATIO, IMAGE_GAP, Figure
from audits.artwork.report import ArtworkReport
from audits.artwork.titles import TitleCast
from audits.artwork.wording import FIGURES, sentences, surely, verdict_sentences, worst_first
from audits.pages import page
from audits.plots import Span, spans
from audits.report import Measurement

_DASH, _MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
_MOST = 60
"""Rows of a table: what is further down is near parity, and in the JSON report."""
_DRAWN = frozenset({IMAGE_GAP.slug, CAST_LOG_RATIO.slug, CAST_GAP.slug})


@dataclass(frozen=True, slots=True)
class _Row:
    about: str
    value: str
    interval: str
    n: str


@dataclass(frozen=True, slots=True)
class _Asked:
    check: str
    about: str
    value: str
    interval: str
    limit: str
    outcome: str


@dataclass(frozen=True, slots=True)
class _Title:
    about: str
    billed: str
    shown: str
    value: str
    interval: str


@dataclass(frozen=True, slots=True)
class _Section:
    title: str
    slug: str
    formula: str
    picture: Markup | None
    rows: tuple[_Row, ...]
    more: int


def render_artwork(report: ArtworkReport, *, title: str, found: tuple[ArtworkFinding, ...] = ()) -> str:
    """One HTML document; equal arguments give equal text. Text is escaped.

    ``found`` is what limits were asked of, put first; empty where nothing was asked.
    """
    outcome, said = outcome_of(found), sentences(report)
    limits = {each.check: each.limit for each in found}
    return page(
        "artwork.html.j2",
        title=title,
        report=report,
        outcome=outcome,
        decision=said[:1] if outcome is None else verdict_sentences(outcome, found)[:6],
        sentences=said,
        findings=[_asked(each) for each in found[:_MOST]],
        sections=[
            _section(figure, rows, limits.get(figure.slug))
            for figure in FIGURES
            if (rows := worst_first(report.select(figure.slug)))
        ],
        titles=[_title(row) for row in report.titles[:_MOST]],
        titles_picture=_titles_picture(report.titles, limits.get(TITLES)),
        more_titles=max(len(report.titles) - _MOST, 0),
    )


def _section(figure: Figure, rows: Sequence[Measurement], limit: float | None) -> _Section:
    picture = None
    drawn = [
        Span(name=_short_about(row), value=row.value, low=row.low, high=row.high, sure=surely(row) > 0)
        for row in rows
        if row.value is not None and row.low is not None and row.high is not None
    ]
    if figure.slug in _DRAWN and drawn:
        picture = spans(drawn, label=f"{figure.slug} with simultaneous intervals", limit=limit)
    return _Section(
        title=figure.title,
        slug=figure.slug,
        formula=figure.formula,
        picture=picture,
        rows=tuple(_row(row) for row in rows[:_MOST]),
        more=max(len(rows) - _MOST, 0),
    )


def _row(row: Measurement) -> _Row:
    value = _number(row.value) if row.undefined is None else str(row.undefined)
    return _Row(about(row), value, _interval(row.low, row.high), f"{row.n:,}")


def _asked(found: ArtworkFinding) -> _Asked:
    value = _number(found.value) if found.reason is None or found.value is not None else found.reason
    interval = _interval(found.low, found.high)
    return _Asked(found.check, found.about, value, interval, f"{found.limit:g}", str(found.outcome))


def _title(row: TitleCast) -> _Title:
    value = "never shown" if row.log_ratio is None else _number(row.log_ratio)
    return _Title(
        f"{row.title}, {row.group}", f"{row.billed:.1%}", f"{row.shown:.1%}", value, _interval(row.low, row.high)
    )


def _titles_picture(titles: Sequence[TitleCast], limit: float | None) -> Markup | None:
    drawn = [
        Span(
            name=f"{row.title}, {row.group}",
            value=row.log_ratio,
            low=row.log_ratio if row.low is None else row.low,
            high=row.log_ratio if row.high is None else row.high,
            sure=(row.low or 0.0) > 0 or (row.high or 0.0) < 0,
        )
        for row in titles
        if row.log_ratio is not None
    ]
    return spans(drawn, label="ln(shown / billed) title by title", limit=limit) if drawn else None


def _short_about(row: Measurement) -> str:
    """Without the word cohort, which the heading has: names have little room beside a picture."""
    cohort = "all" if row.group is None else row.group.removeprefix("cohort = ")
    return cohort if row.category is None else f"{cohort}, {row.category}"


def _interval(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return _DASH
    if low is None:
        return f"up to {_number(high)}"
    return f"from {_number(low)}" if high is None else f"{_number(low)} to {_number(high)}"


def _number(number: float | None) -> str:
    return _DASH if number is None else f"{number:.3f}".replace("-", _MINUS)
