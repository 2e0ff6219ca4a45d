"""What a simulated loop showed, in sentences and as a page: one file, no network, no script, readable on a phone."""

from dataclasses import dataclass

from markupsafe import Markup

from audits.feedback_report import (
    FRAGMENTATION,
    LIST_ENTROPY,
    MEASURES,
    Excess,
    FeedbackReport,
    Measure,
    Trajectory,
)
from audits.pages import page
from audits.plots import Line, lines

_DASH, _MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    first: str
    last: str
    drift: str
    interval: str
    beyond: str


@dataclass(frozen=True, slots=True)
class _Section:
    title: str
    slug: str
    picture: Markup
    rows: tuple[_Row, ...]


def sentences(report: FeedbackReport) -> tuple[str, ...]:
    """What closes, what only the simulation does, and what is not decided; every sentence stands for itself."""
    baseline = report.baselines[0]
    found = []
    for attribute in dict.fromkeys(each.attribute for each in report.excesses if each.attribute is not None):
        narrower, apart = (_excess(report, measure, attribute, baseline) for measure in (LIST_ENTROPY, FRAGMENTATION))
        found.append(_closing(report, attribute, narrower, apart))
        found.append(_in_words(report, LIST_ENTROPY, attribute, narrower, "a list's variety", " bits"))
    found += [
        _in_words(report, measure, None, _excess(report, measure, None, baseline), *_WORDS[measure.slug])
        for measure in MEASURES
        if not measure.by_attribute
    ]
    return tuple(found)


_WORDS = {
    "item_fragmentation": ("the distance between two subjects' lists", ""),
    "exposure_entropy": ("the variety of exposure over the catalogue", " bits"),
    "exposure_gini": ("the concentration of exposure", ""),
    "coverage": ("the share of the catalogue in any list", ""),
}


def sure(low: float | None, high: float | None) -> bool:
    """Whether an interval leaves 0 out."""
    return low is not None and high is not None and (low > 0 or high < 0)


def _closing(report: FeedbackReport, attribute: str, narrower: Excess, apart: Excess) -> str:
    """The sign of a filter bubble is both at once: each list narrower, and lists further apart."""
    what = f"by {attribute}, beyond what {report.baselines[0]} do"
    if narrower.high is None or apart.low is None:
        return f"Whether a bubble closes {what}, one seed does not tell from chance."
    if narrower.high < 0 and apart.low > 0:
        return f"A bubble closes {what}: lists become narrower and subjects' lists move apart."
    if narrower.high < 0:
        return f"Lists become narrower {what}; subjects' lists do not surely move apart."
    if apart.low > 0:
        return f"Subjects' lists move apart {what}; each does not surely become narrower."
    return f"No bubble was found {what}: lists do not surely become narrower, nor move apart."


def _in_words(  # noqa: PLR0917 - the parts of one sentence
    report: FeedbackReport, measure: Measure, attribute: str | None, found: Excess, words: str, unit: str
) -> str:
    ours, theirs = (_trajectory(report, name, measure, attribute) for name in (report.recommender, report.baselines[0]))
    about = "" if attribute is None else f" by {attribute}"
    beyond = signed(found.excess) + ("" if found.low is None else f" ({ends(found.low, found.high)})")
    chance = "" if found.low is None or sure(found.low, found.high) else ", which may be chance"
    return (
        f"Over {report.rounds} rounds {words}{about} moves by {signed(ours.drift)}{unit} (from {_plain(ours.means[0])} "
        f"to {_plain(ours.means[-1])}), with {report.baselines[0]} by {signed(theirs.drift)}; beyond them "
        f"{beyond}{chance}."
    )


def render_feedback(report: FeedbackReport, *, title: str) -> str:
    """One HTML document; equal arguments give equal text. Text is escaped."""
    measured = dict.fromkeys((each.measure, each.attribute) for each in report.trajectories)
    titles = {measure.slug: measure.title for measure in MEASURES}
    return page(
        "feedback.html.j2",
        title=title,
        report=report,
        sentences=sentences(report),
        sections=[_section(report, titles[slug], slug, attribute) for slug, attribute in measured],
    )


def _section(report: FeedbackReport, title: str, slug: str, attribute: str | None) -> _Section:
    found = [each for each in report.trajectories if (each.measure, each.attribute) == (slug, attribute)]
    whole = title if attribute is None else f"{title}, by {attribute}"
    picture = lines(
        [Line(name=each.recommender, values=each.means, lows=each.lows, highs=each.highs) for each in found],
        label=f"{whole}, round by round",
        x_label="round",
    )
    return _Section(whole, slug, picture, tuple(_row(report, each) for each in found))


def _row(report: FeedbackReport, each: Trajectory) -> _Row:
    beyond = _DASH
    if each.recommender in report.baselines:
        (excess,) = [
            found
            for found in report.excesses
            if (found.baseline, found.measure, found.attribute) == (each.recommender, each.measure, each.attribute)
        ]
        beyond = f"{signed(excess.excess)} ({ends(excess.low, excess.high)})"
    return _Row(
        name=each.recommender,
        first=_plain(each.means[0]),
        last=_plain(each.means[-1]),
        drift=signed(each.drift),
        interval=ends(each.drift_low, each.drift_high),
        beyond=beyond,
    )


def ends(low: float | None, high: float | None) -> str:
    """An interval in words."""
    return "no interval" if low is None or high is None else f"{signed(low)} to {signed(high)}"


def signed(number: float) -> str:
    """Three decimals, with its sign."""
    return f"{number:+z.3f}".replace("-", _MINUS)


def _plain(number: float) -> str:
    return f"{number:z.3f}".replace("-", _MINUS)


def _excess(report: FeedbackReport, measure: Measure, attribute: str | None, baseline: str) -> Excess:
    wanted = (baseline, measure.slug, attribute)
    return next(each for each in report.excesses if (each.baseline, each.measure, each.attribute) == wanted)


def _trajectory(report: FeedbackReport, name: str, measure: Measure, attribute: str | None) -> Trajectory:
    wanted = (name, measure.slug, attribute)
    return next(each for each in report.trajectories if (each.recommender, each.measure, each.attribute) == wanted)
