"""The page a reviewer reads: one file, no network, no script; readable on a phone, and printable."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from audits.check_plots import checks_plot
from audits.figures import (
    concentration_figure,
    differences_figure,
    exposure_figure,
    quality_figure,
    sensitivity_figure,
)
from audits.metrics import METRICS
from audits.metrics.metric import Metric
from audits.pages import page
from audits.report import Measurement, Report, Undefined
from audits.ruling import Check, Ruling
from audits.sensitivity import Band

_PERCENT = frozenset({"exposure_share", "coverage"})
_QUALITY = frozenset({"ndcg", "recall"})


@dataclass(frozen=True, slots=True)
class _Fact:
    name: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class _Row:
    about: str
    value: str
    interval: str
    pointwise: str
    target: str
    n: str


@dataclass(frozen=True, slots=True)
class _Section:
    metric: Metric
    rows: tuple[_Row, ...]


@dataclass(frozen=True, slots=True)
class _Figure:
    """A picture with what it is called and what it says."""

    title: str
    picture: Markup
    reading: str


def render(report: Report, *, title: str, decision: Sequence[str] | None = None, ruling: Ruling | None = None) -> str:
    """One HTML document; equal arguments give equal text. Text is escaped.

    ``decision`` is what was decided in plain sentences, put first; ``ruling`` the same check by check, with a plot of
    intervals against limits. Both are None where nothing has been decided.
    """
    return page(
        "report.html.j2",
        title=title,
        decision=decision,
        ruling=ruling,
        checks=_checks(ruling),
        report=report,
        facts=_facts(report),
        exposure=_exposure(report),
        concentration=_svg(concentration_figure(report)),
        quality=_quality(report),
        bands=_bands(report),
        every_band=[] if report.sensitivity is None else [(_about(each), each) for each in report.sensitivity.bands],
        changes=_changes(report),
        changed=_changed(report),
        sections=[section for metric in METRICS if (section := _section(report, metric)).rows],
        spreads=[(each, _title(each.metric)) for each in report.group_spreads],
        missing=_missing(report),
        family=sum(row.value is not None for row in (*report.measurements, *report.differences)),
    )


def _svg(figure: str) -> Markup:
    return Markup(figure)  # noqa: S704 - drawn by us, with every text escaped


def _checks(ruling: Ruling | None) -> list[_Figure]:
    """A plot for each rule that has figures, in the order of the worst check of each."""
    by_rule: dict[str, list[Check]] = {}
    for check in () if ruling is None else ruling.checks:
        if check.value is not None:
            by_rule.setdefault(check.rule, []).append(check)
    return [
        _Figure(
            rule,
            checks_plot(checks, f"{rule}: figures with intervals against the limit"),
            checks[0].asks,
        )
        for rule, checks in by_rule.items()
    ]


def _exposure(report: Report) -> list[_Figure]:
    names = [
        labels.attribute
        for labels in report.unknown_labels
        if report.select("exposure_share", attribute=labels.attribute)
    ]
    return [_Figure(f"By {name}", _svg(exposure_figure(report, name)), _reading(report, name)) for name in names]


def _quality(report: Report) -> list[Markup]:
    """What a subject gets out of the lists, between 0 and 1: for everyone and for each group."""
    of_all = {row.metric for row in report.measurements if row.group is None and row.attribute is None}
    fit = [
        metric
        for metric in METRICS
        if (metric.better, metric.low, metric.high) == ("higher", 0.0, 1.0)
        and "relevance" in metric.needs
        and metric.slug in of_all
    ]
    # The rest are relatives of these two, and stand in the tables.
    shown = [metric for metric in fit if metric.slug in _QUALITY] or fit[:1]
    return [_svg(quality_figure(report, metric.slug, metric.title)) for metric in shown]


def _changes(report: Report) -> list[_Figure]:
    """Differences to the baseline by attribute, in shares of attention: the largest first."""
    figures = []
    for labels in report.unknown_labels:
        rows = [
            row
            for row in report.differences
            if (row.metric, row.attribute, row.group) == ("exposure_share", labels.attribute, None)
            and row.value is not None
        ]
        if rows:
            rows.sort(key=lambda row: -abs(row.value or 0.0))
            name = labels.attribute
            picture = differences_figure(rows, f"change-{name}", f"Change of exposure share by {name}")
            figures.append(_Figure(f"Exposure share by {name}", _svg(picture), _beyond_chance(rows)))
    return figures


def _bands(report: Report) -> list[_Figure]:
    """By attribute, how far exposure shares depend on the attention model, the furthest first."""
    if report.sensitivity is None:
        return []
    bands = {
        (band.attribute, band.category): band for band in report.sensitivity.bands if band.metric == "exposure_share"
    }
    figures = []
    for name in dict.fromkeys(attribute for attribute, _ in bands if attribute is not None):
        rows = [
            (row, bands[row.attribute, row.category])
            for row in report.select("exposure_share", attribute=name)
            if row.value is not None and (row.attribute, row.category) in bands
        ]
        if rows:
            rows.sort(key=lambda pair: pair[1].low - pair[1].high)
            picture = sensitivity_figure(rows, f"sensitivity-{name}", f"Exposure share by {name} under other attention")
            figures.append(_Figure(f"By {name}", _svg(picture), _moved(*rows[0])))
    return figures


def _moved(row: Measurement, band: Band) -> str:
    ends = f"{_number(row, band.low)} ({band.low_model}) to {_number(row, band.high)} ({band.high_model})"
    return f"Moves furthest: {row.category}, from {ends}."


def _changed(report: Report) -> list[tuple[str, _Row]]:
    """Every difference beyond chance, for the table."""
    return [(_title(row.metric), _row(row)) for row in report.differences if _is_sure(row)]


def _is_sure(row: Measurement) -> bool:
    return row.low is not None and row.high is not None and (row.low > 0 or row.high < 0)


def _beyond_chance(rows: Sequence[Measurement]) -> str:
    sure = [row for row in rows if _is_sure(row)]
    return f"{len(sure)} of {len(rows)} categories changed beyond chance." if sure else "No change beyond chance."


def _facts(report: Report) -> list[_Fact]:
    headline = ("ndcg", "recall", "coverage", "exposure_gini", "popularity_lift")
    overall = {row.metric: row for row in report.measurements if row.metric in headline and row.group is None}
    facts = [_Fact("Subjects", f"{report.subjects:,}", f"lists of {report.k}, {report.items:,} titles")]
    return facts + [
        _Fact(_title(slug), _number(row, row.value), _span(row)) for slug in headline if (row := overall.get(slug))
    ]


def _reading(report: Report, attribute: str) -> str:
    """One sentence for each plot: which categories surely lie below their part of the catalogue."""
    rows = report.select("exposure_share", attribute=attribute)
    below = [row for row in rows if row.high is not None and row.target is not None and row.high < row.target]
    if not below:
        return "No category is shown significantly less than its part of the catalogue."
    worst = min(below, key=lambda row: (row.value or 0.0) / (row.target or 1.0))
    one = len(below) == 1
    return (
        f"{len(below)} of {len(rows)} categories {'is' if one else 'are'} shown less than {'its' if one else 'their'} "
        f"part of the catalogue, beyond chance. Furthest: {worst.category}, with {_number(worst, worst.value)} "
        f"of attention for {_number(worst, worst.target)} of the titles."
    )


def _missing(report: Report) -> list[tuple[int, str]]:
    """How many figures are not given, and why."""
    found = [row.undefined for row in (*report.measurements, *report.differences)]
    return [(number, str(reason)) for reason in Undefined if (number := found.count(reason))]


def _section(report: Report, metric: Metric) -> _Section:
    return _Section(metric, tuple(_row(row) for row in report.select(metric.slug)))


def _row(row: Measurement) -> _Row:
    about = _about(row)
    value = _number(row, row.value) if row.undefined is None else f"undefined ({row.undefined})"
    pointwise = (
        "\N{EN DASH}"
        if row.value is None
        else f"{_number(row, row.pointwise_low)} to {_number(row, row.pointwise_high)}"
    )
    return _Row(about, value, _span(row), pointwise, _number(row, row.target), f"{row.n:,}")


def _about(row: Measurement | Band) -> str:
    """What a figure is of: "genre: noir", "all by genre", "age = old", "all"."""
    of_titles = None if row.attribute is None else f"all by {row.attribute}"
    if row.category is not None:
        of_titles = f"{row.attribute}: {row.category}"
    return ", ".join(each for each in (of_titles, row.group) if each is not None) or "all"


def _span(row: Measurement) -> str:
    return "\N{EN DASH}" if row.value is None else f"{_number(row, row.low)} to {_number(row, row.high)}"


def _number(row: Measurement, number: float | None) -> str:
    if number is None:
        return "\N{EN DASH}"
    text = f"{number:.2%}" if row.metric in _PERCENT else f"{number:.3f}"
    return text.replace("-", "\N{MINUS SIGN}")


def _title(slug: str) -> str:
    # A report may be older than the registry, and hold what is no longer measured.
    return next((metric.title for metric in METRICS if metric.slug == slug), slug)
