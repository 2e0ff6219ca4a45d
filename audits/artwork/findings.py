"""What an audit of artwork finds against limits: pass, fail or inconclusive, and every reason for it.

Three families of statements have an error rate of their own: intervals of figures, intervals of titles, and chances
below the floor. Who asks for several divides the error among them (``level_of_each``), so that a chooser within all
limits fails with the chance asked at most.
"""

import math
from dataclasses import dataclass, replace

from audits.artwork.measures import CAST_BILLED, CAST_GAP, CAST_LOG_RATIO, IMAGE_GAP
from audits.artwork.policies import COHORT_SENSITIVITY
from audits.artwork.report import ArtworkReport
from audits.errors import InvalidConfig
from audits.measuring import rounded
from audits.report import Measurement, Undefined
from audits.verdict import Limits, Outcome, judge

FLOOR, TITLES = "exploration_floor", "title_cast_log_ratio"

_WORST = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtworkLimits:
    """What is asked; None asks nothing.

    Attributes:
        image_gap: largest distance between a cohort's share of a kind of image and what chance would show it.
        cast_log_ratio: largest distance from 0 of ln(people shown / roles billed), of everybody and of each cohort.
        title_log_ratio: the same of each title.
        cohort_sensitivity: largest mean distance between what two cohorts would be shown, all else equal.
        floor: whether every eligible image must have the chance that the report was made with.

    Raises:
        InvalidConfig: a limit that is not positive, or not finite.
    """

    image_gap: float | None = None
    cast_log_ratio: float | None = None
    title_log_ratio: float | None = None
    cohort_sensitivity: float | None = None
    floor: bool = False

    def __post_init__(self) -> None:
        for name in ("image_gap", "cast_log_ratio", "title_log_ratio", "cohort_sensitivity"):
            limit = getattr(self, name)
            if limit is not None and not 0 < limit < math.inf:
                msg = f"artwork, {name}: expected a positive limit, got {limit}"
                raise InvalidConfig(msg)

    @property
    def families(self) -> int:
        """How many families of statements are judged."""
        figures = any(each is not None for each in (self.image_gap, self.cast_log_ratio, self.cohort_sensitivity))
        return figures + (self.title_log_ratio is not None) + self.floor


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtworkFinding:
    """One figure against its limit.

    Attributes:
        check: slug of the figure, ``title_cast_log_ratio`` or ``exploration_floor``.
        about: what it is of: "cohort = x, woman".
        value: the figure, None where there is none.
        low: simultaneous interval's lower end; None is no end on that side, or no figure.
        high: the same, upper end.
        limit: what was asked: a distance from parity, or a chance.
        outcome: pass, fail or inconclusive.
        n: subjects it rests on.
        n_to_decide: subjects that would decide it, were the truth what was found; None where nobody can say.
        reason: why there is no figure, or None.
    """

    check: str
    about: str
    value: float | None
    low: float | None
    high: float | None
    limit: float
    outcome: Outcome
    n: int
    n_to_decide: int | None
    reason: str | None


def level_of_each(level: float, limits: ArtworkLimits) -> float:
    """The joint level at which each family must hold, so that all hold together at ``level``."""
    return 1.0 - (1.0 - level) / max(limits.families, 1)


def findings(report: ArtworkReport, limits: ArtworkLimits) -> tuple[ArtworkFinding, ...]:
    """Everything that was asked, worst first: what fails, what is undecided, what passes; the furthest of each first.

    A figure of too few subjects is undecided: nothing that was not looked at passes. A group that no title of a cohort
    bills is not judged there. Titles that fewer than
    ``min_subjects`` saw are not in the report, and are not judged.

    Raises:
        InvalidConfig: a limit on a figure that the tables did not allow.
    """
    found = [
        *_figures(report, IMAGE_GAP.slug, limits.image_gap),
        *_figures(report, CAST_LOG_RATIO.slug, limits.cast_log_ratio),
        *_figures(report, COHORT_SENSITIVITY.slug, limits.cohort_sensitivity),
        *_titles(report, limits.title_log_ratio),
    ]
    if limits.floor:
        found.append(_floor(report))
    return tuple(sorted(found, key=_badness))


def held(report: ArtworkReport, metric: str) -> tuple[Measurement, ...]:
    """A metric's figures as limits are held to them: none of a group that is not billed, and with the nearer ends.

    Of a group that is never shown the logarithm is undefined; its gap is not.
    """
    rows = (row for row in report.select(metric) if not _is_not_billed(report, row))
    return tuple(_nearer(report, row) for row in rows)


def outcome_of(found: tuple[ArtworkFinding, ...]) -> Outcome | None:
    """All of them in one word; None where nothing was asked."""
    return min((each.outcome for each in found), key=_WORST.index, default=None)


def _figures(report: ArtworkReport, metric: str, limit: float | None) -> list[ArtworkFinding]:
    if limit is None:
        return []
    rows = report.select(metric)
    if not rows:
        msg = f"artwork: expected the tables that {metric} needs, because a limit is asked of it, got none of them"
        raise InvalidConfig(msg)
    return [_of_figure(report, row, limit) for row in rows if not _is_not_billed(report, row)]


def _of_figure(report: ArtworkReport, row: Measurement, limit: float) -> ArtworkFinding:
    # A distance has no parity of its own: it is 0 or more.
    limits = Limits(ceiling=limit) if row.target is None else Limits.around(row.target, limit)
    verdict = judge(row, limits, critical_value=report.critical_value)
    outcome, low, high = verdict.outcome, row.low, row.high
    reason = None if row.undefined is None else str(row.undefined)
    if row.metric == CAST_LOG_RATIO.slug:
        low, high = _nearer_ends(row, _by_the_gap(report, row))
        outcome = _of_ends(low, high, limit)
        reason = "never shown" if row.undefined is Undefined.NO_DENOMINATOR else reason
    return ArtworkFinding(
        check=row.metric,
        about=about(row),
        value=row.value,
        low=low,
        high=high,
        limit=limit,
        outcome=outcome,
        n=row.n,
        n_to_decide=verdict.n_to_decide if outcome is Outcome.INCONCLUSIVE else None,
        reason=reason,
    )


def _of_cohort(report: ArtworkReport, metric: str, row: Measurement) -> Measurement | None:
    """The figure of the same cohort and group of people; None where there is none, and of everybody."""
    found = [each for each in report.select(metric, group=row.group) if each.category == row.category]
    return found[0] if found and found[0].group is not None and found[0].value is not None else None


def _is_not_billed(report: ArtworkReport, row: Measurement) -> bool:
    """Whether the titles that a cohort was shown bill nobody of the group: there is no share to keep."""
    billed = _of_cohort(report, CAST_BILLED.slug, row)
    return row.metric == CAST_LOG_RATIO.slug and billed is not None and billed.value == 0


def _by_the_gap(report: ArtworkReport, row: Measurement) -> tuple[float | None, float | None]:
    """Ends of a logarithm from those of the gap g and the billed share b, which hold together with it: ln(1 + g / b).

    They exist where the logarithm does not, and are nearer where a group is hardly ever shown. Of a group that is never
    shown, resamples see no variation: as many other subjects as equal draws allow could have been shown nobody else.
    """
    gap, billed = (_of_cohort(report, metric, row) for metric in (CAST_GAP.slug, CAST_BILLED.slug))
    if gap is None or billed is None:
        return None, None
    low, high = gap.low or 0.0, gap.high or 0.0
    if row.undefined is Undefined.NO_DENOMINATOR:
        unseen = 1.0 - ((1.0 - report.level) / len(report.measurements)) ** (1.0 / row.n)
        high = max(high, (gap.value or 0.0) + unseen)
    return (
        _log_of_one_plus(low, billed.low if low < 0 else billed.high),
        _log_of_one_plus(high, billed.high if high < 0 else billed.low),
    )


def _log_of_one_plus(gap: float, billed: float | None) -> float | None:
    """ln(1 + gap / billed), None where that is no number."""
    ratio = 1.0 + gap / billed if billed else 0.0
    return rounded(math.log(ratio)) if ratio > 0 else None


def _nearer(report: ArtworkReport, row: Measurement) -> Measurement:
    if row.metric != CAST_LOG_RATIO.slug or row.value is None:
        return row
    low, high = _nearer_ends(row, _by_the_gap(report, row))
    return replace(row, low=low, high=high)


def _nearer_ends(row: Measurement, other: tuple[float | None, float | None]) -> tuple[float | None, float | None]:
    """Of two intervals that both hold, what they have in common."""
    lows = [end for end in (row.low, other[0]) if end is not None]
    highs = [end for end in (row.high, other[1]) if end is not None]
    return max(lows, default=None), min(highs, default=None)


def _titles(report: ArtworkReport, limit: float | None) -> list[ArtworkFinding]:
    if limit is None:
        return []
    if not report.titles:
        msg = (
            "artwork: expected a cast, who is pictured and titles that enough subjects saw, because a limit is asked "
            "of titles, got none"
        )
        raise InvalidConfig(msg)
    return [
        ArtworkFinding(
            check=TITLES,
            about=f"{row.title}, {row.group}",
            value=row.log_ratio,
            low=row.low,
            high=row.high,
            limit=limit,
            outcome=_of_ends(row.low, row.high, limit),
            n=row.subjects,
            n_to_decide=None,
            reason="never shown" if row.log_ratio is None else None,
        )
        for row in report.titles
    ]


def _of_ends(low: float | None, high: float | None, limit: float) -> Outcome:
    """None is no end on that side."""
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    if high < -limit or low > limit:
        return Outcome.FAIL
    return Outcome.PASS if -limit <= low and high <= limit else Outcome.INCONCLUSIVE


def _floor(report: ArtworkReport) -> ArtworkFinding:
    found = report.exploration
    outcome = {True: Outcome.PASS, False: Outcome.FAIL, None: Outcome.INCONCLUSIVE}[found.holds]
    unknown = f"too little is known of {found.unknown} images" if found.holds is None else None
    return ArtworkFinding(
        check=FLOOR,
        about=f"{found.eligible} images, of which {found.below} below",
        value=found.smallest,
        low=None,
        high=None,
        limit=found.floor,
        outcome=outcome,
        n=report.subjects,
        n_to_decide=None,
        reason=unknown,
    )


def about(row: Measurement) -> str:
    """What a figure is of: "cohort = x, woman", "woman", "everybody"."""
    return ", ".join(each for each in (row.group, row.category) if each is not None) or "everybody"


def _badness(found: ArtworkFinding) -> tuple[int, float, str, str]:
    """Outcome, then how far the nearer end surely lies beyond parity, in limits."""
    ends = (found.low or 0.0, -(found.high or 0.0))
    far = max(*ends, 0.0) if found.check != FLOOR else math.inf
    return _WORST.index(found.outcome), -far / found.limit, found.check, found.about
