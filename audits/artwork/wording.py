"""What an audit of artwork says, in sentences and in the order in which a reader should meet it."""

from collections.abc import Iterable, Sequence
from math import exp

from audits.artwork.findings import FLOOR, ArtworkFinding, about
from audits.artwork.measures import CAST_BILLED, CAST_GAP, CAST_LOG_RATIO, IMAGE_GAP, Figure
from audits.artwork.policies import (
    CLICK_RATE,
    CLICK_RATE_ROBUST,
    CLICK_RATE_SNIPS,
    COHORT_FLIPS,
    COHORT_SENSITIVITY,
)
from audits.artwork.report import IMAGE_DISTANCE, ArtworkReport
from audits.report import Measurement
from audits.verdict import Outcome

FIGURES: tuple[Figure, ...] = (
    IMAGE_GAP,
    IMAGE_DISTANCE,
    CAST_LOG_RATIO,
    CAST_GAP,
    CAST_BILLED,
    COHORT_SENSITIVITY,
    COHORT_FLIPS,
    CLICK_RATE,
    CLICK_RATE_SNIPS,
    CLICK_RATE_ROBUST,
)
"""Every figure, in the order of a page."""

GIVEN = (
    "Cohorts are those given, and who is on a picture is what production metadata say: "
    "nothing is inferred from faces, and nobody's group from what they watch."
)
_WORST = 3
_OUTCOMES = {
    Outcome.PASS: "every limit that was asked for holds",
    Outcome.FAIL: "a limit that was asked for is broken",
    Outcome.INCONCLUSIVE: "what there is does not decide every limit that was asked for",
}


def surely(row: Measurement) -> float:
    """How far from parity a figure surely is: the distance of its nearer end, 0 where parity may hold."""
    if row.low is None or row.high is None:
        return 0.0
    parity = row.target or 0.0
    return max(row.low - parity, parity - row.high, 0.0)


def worst_first(rows: Iterable[Measurement]) -> list[Measurement]:
    """What surely lies furthest from parity first, figures that could not be given last."""
    return sorted(rows, key=lambda row: (row.value is None, -surely(row), -abs(row.value or 0.0), about(row)))


def sentences(report: ArtworkReport) -> tuple[str, ...]:
    """What was found, the worst first; every sentence stands for itself."""
    return (
        *_images(report),
        *_cast(report),
        *_titles(report),
        *_probes(report),
        _exploration(report),
        *_missing(report),
        GIVEN,
    )


def verdict_sentences(outcome: Outcome, found: Sequence[ArtworkFinding]) -> tuple[str, ...]:
    """The decision in one sentence, and then everything that did not pass."""
    return (
        f"Artwork: {outcome}, {_OUTCOMES[outcome]}.",
        *(finding_sentence(each) for each in found if each.outcome is not Outcome.PASS),
    )


def finding_sentence(found: ArtworkFinding) -> str:
    """One finding: what was asked, what there is."""
    if found.check == FLOOR:
        return f"{found.check}: {found.outcome}; {found.about} a chance of {found.limit:g}" + _because(found)
    asked = f"{found.check} of {found.about}: {found.outcome}; at most {found.limit:g} from parity was asked"
    if found.reason is not None:
        return asked + _because(found)
    need = "" if found.n_to_decide is None else f"; {found.n_to_decide:,} subjects would decide it"
    return f"{asked}, it is {_figure(found.value)} ({span(found.low, found.high)}){need}."


def span(low: float | None, high: float | None) -> str:
    """An interval in words; None is no end on that side."""
    if low is None and high is None:
        return "no interval"
    if low is None:
        return f"up to {_figure(high)}"
    return f"from {_figure(low)}" if high is None else f"{_figure(low)} to {_figure(high)}"


def _because(found: ArtworkFinding) -> str:
    if found.reason is None:
        return "."
    upper = f", and surely below {_figure(found.high)}" if found.high is not None else ""
    return f": {found.reason}{upper}."


def _images(report: ArtworkReport) -> list[str]:
    sure = [row for row in worst_first(report.select(IMAGE_GAP.slug)) if surely(row) > 0]
    if not sure:
        return ["No cohort is shown a kind of image more or less often than chance would show it, beyond chance."]
    return [
        f"{_whom(row)}: images of {row.category} are shown in {abs(row.value or 0.0) * 100:.1f} points "
        f"{'more' if (row.value or 0.0) > 0 else 'fewer'} of the impressions than chance would show them of the same "
        f"titles (simultaneous interval {(row.low or 0.0) * 100:+.1f} to {(row.high or 0.0) * 100:+.1f} points)."
        for row in sure[:_WORST]
    ] + _further(len(sure), "image gap", "image gaps")


def _cast(report: ArtworkReport) -> list[str]:
    rows = worst_first(report.select(CAST_LOG_RATIO.slug))
    sure = [row for row in rows if surely(row) > 0]
    found = [
        f"{_whom(row)}: {row.category} are shown at {exp(row.value or 0.0):.0%} of their share of the billed roles "
        f"(logarithm {row.value or 0.0:+.3f}, {span(row.low, row.high)})."
        for row in sure[:_WORST]
    ] + _further(len(sure), "ratio of people shown to roles billed", "ratios of people shown to roles billed")
    if rows and not sure:
        found = ["Images show people as the titles bill them, up to chance."]
    return found


def _titles(report: ArtworkReport) -> list[str]:
    sure = [row for row in report.titles if (row.low or 0.0) > 0 or (row.high is not None and row.high < 0)]
    if not report.titles:
        return []
    if not sure:
        return ["No title's images show a group more or less than the title bills it, beyond chance."]
    worst, off, all_titles = sure[0], {row.title for row in sure}, {row.title for row in report.titles}
    said = (
        f"{len(off)} of {len(all_titles)} titles show a group more or less than they bill it, beyond chance; furthest: "
        f"{worst.title}, where {worst.group} are {worst.shown:.1%} of the people shown and {worst.billed:.1%} of the "
        "billed roles."
    )
    return [said]


def _probes(report: ArtworkReport) -> list[str]:
    rows = [row for row in report.select(COHORT_SENSITIVITY.slug) if row.value is not None]
    return [
        f"The cohort alone, title and subject held fixed, moves {row.value:.1%} of the chances between images "
        f"({row.low:.1%} to {row.high:.1%})."
        for row in rows
    ]


def _exploration(report: ArtworkReport) -> str:
    found = report.exploration
    if found.below:
        return (
            f"{found.below} of {found.eligible} eligible images have less than the chance {found.floor:g} of being "
            f"shown to some cohort, such as {found.worst[0]}."
        )
    if found.unknown:
        return (
            f"Whether every eligible image has the chance {found.floor:g} is not known of {found.unknown} of "
            f"{found.eligible} images."
        )
    return f"Every eligible image has a chance of at least {found.floor:g}."


def _missing(report: ArtworkReport) -> list[str]:
    found = [row for row in report.measurements if row.undefined is not None]
    if not found:
        return []
    reasons = ", ".join(
        f"{sum(row.undefined is reason for row in found)} because of: {reason}"
        for reason in dict.fromkeys(row.undefined for row in found)
    )
    return [f"{len(found)} of {len(report.measurements)} figures are not given ({reasons})."]


def _further(number: int, one: str, several: str) -> list[str]:
    more = number - _WORST
    if more <= 0:
        return []
    return [f"One further {one} lies beyond chance." if more == 1 else f"{more} further {several} lie beyond chance."]


def _whom(row: Measurement) -> str:
    return "Everybody" if row.group is None else f"Cohort {row.group.removeprefix('cohort = ')}"


def _figure(number: float | None) -> str:
    return "none" if number is None else f"{number:+.3f}"
