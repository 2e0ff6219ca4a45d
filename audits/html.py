"""The page a reviewer reads: one file, no network, no script."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from audits.figures import concentration_figure, exposure_figure, quality_figure
from audits.metrics import METRICS
from audits.metrics.metric import Metric
from audits.report import Measurement, Report

_PERCENT = frozenset({"exposure_share", "coverage"})


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


def render(report: Report, *, title: str, decision: Sequence[str] | None = None) -> str:
    """One HTML document; equal arguments give equal text.

    ``decision`` is what the gate said, in plain sentences, put first; None where nothing has been decided. Text is
    escaped.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files("audits") / "templates" / "report.html.j2").read_text(encoding="utf-8"))
    return template.render(
        title=title,
        decision=decision,
        report=report,
        facts=_facts(report),
        exposure=[(name, _svg(exposure_figure(report, name)), _reading(report, name)) for name in _attributes(report)],
        concentration=_svg(concentration_figure(report)),
        quality=[_svg(quality_figure(report, m.slug, m.title)) for m in METRICS if _quality(report, m)],
        sections=[section for metric in METRICS if (section := _section(report, metric)).rows],
        spreads=[(each, _title(each.metric)) for each in report.group_spreads],
    )


def _svg(figure: str) -> Markup:
    return Markup(figure)  # noqa: S704 - drawn by us, with every text escaped


def _quality(report: Report, metric: Metric) -> bool:
    return metric.slug in {"ndcg", "recall"} and bool(report.select(metric.slug))


def _attributes(report: Report) -> list[str]:
    return [
        labels.attribute
        for labels in report.unknown_labels
        if report.select("exposure_share", attribute=labels.attribute)
    ]


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


def _section(report: Report, metric: Metric) -> _Section:
    return _Section(metric, tuple(_row(row) for row in report.select(metric.slug)))


def _row(row: Measurement) -> _Row:
    about = f"{row.attribute}: {row.category}" if row.category is not None else row.group or "all"
    value = _number(row, row.value) if row.undefined is None else f"undefined ({row.undefined})"
    pointwise = (
        "\N{EN DASH}"
        if row.value is None
        else f"{_number(row, row.pointwise_low)} to {_number(row, row.pointwise_high)}"
    )
    return _Row(about, value, _span(row), pointwise, _number(row, row.target), f"{row.n:,}")


def _span(row: Measurement) -> str:
    return "\N{EN DASH}" if row.value is None else f"{_number(row, row.low)} to {_number(row, row.high)}"


def _number(row: Measurement, number: float | None) -> str:
    if number is None:
        return "\N{EN DASH}"
    text = f"{number:.2%}" if row.metric in _PERCENT else f"{number:.3f}"
    return text.replace("-", "\N{MINUS SIGN}")


def _title(slug: str) -> str:
    return next(metric.title for metric in METRICS if metric.slug == slug)
