"""One audit of artwork, from tables to report."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from audits.artwork.measures import (
    CAST_BILLED,
    CAST_GAP,
    CAST_LOG_RATIO,
    IMAGE_GAP,
    Figure,
    cast_billed,
    cast_gap,
    cast_log_ratio,
    image_gap,
)
from audits.artwork.policies import (
    CLICK_RATE,
    CLICK_RATE_ROBUST,
    CLICK_RATE_SNIPS,
    COHORT_FLIPS,
    COHORT_SENSITIVITY,
    Exploration,
    OffPolicy,
    cohort_sensitivity,
    exploration,
    off_policy,
)
from audits.artwork.tables import ArtworkInput, Gallery, gallery_from
from audits.artwork.titles import TitleCast, cast_by_title
from audits.bootstrap import Intervals, Resampling, intervals
from audits.columns import Progress
from audits.encoding import decode, encode
from audits.errors import InvalidConfig
from audits.measuring import measurement, rounded
from audits.report import Measurement
from audits.statistics import Smooth

IMAGE_DISTANCE = Figure(
    slug="image_distance",
    title="How far a cohort's images lie from chance",
    formula="half the sum over categories of the absolute image gap (total variation); the ends from those of the gaps",
    low=0.0,
    high=1.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtworkConfig:
    """Settings of one audit of artwork.

    Attributes:
        seed: of the bootstrap; equal seed and input give equal bytes.
        provenance: where categories of images and groups of people come from and who agreed, for people to read;
            production metadata, never a guess from a face.
        floor: chance of being shown that every eligible image must have.
        clip: largest weight of an impression in off-policy estimates; None is no bound.
        replicates: bootstrap resamples of subjects.
        level: joint coverage of all figures' intervals, of those of titles, and of what is said about chances; each
            of the three is a family of its own.
        min_subjects: a figure that rests on fewer subjects is not given.

    Raises:
        InvalidConfig: a value out of range, or no provenance.
    """

    seed: int
    provenance: str
    floor: float = 0.01
    clip: float | None = None
    replicates: int = 1000
    level: float = 0.95
    min_subjects: int = 10

    def __post_init__(self) -> None:
        checks = (
            ("seed", self.seed >= 0, "0 or more"),
            ("provenance", bool(self.provenance.strip()), "where the labels come from"),
            ("floor", 0 < self.floor < 1, "between 0 and 1"),
            ("clip", self.clip is None or self.clip > 0, "a positive weight"),
            ("replicates", self.replicates >= 100, "100 or more"),  # noqa: PLR2004 - fewer cannot place a 95 % quantile
            ("level", 0.5 <= self.level < 1.0, "at least 0.5 and below 1"),  # noqa: PLR2004 - the sentence beside it
            ("min_subjects", self.min_subjects >= 1, "1 or more"),
        )
        for name, holds, expected in checks:
            if not holds:
                msg = f"artwork setting {name}: expected {expected}, got {getattr(self, name)!r}"
                raise InvalidConfig(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtworkReport:
    """The outcome of one audit of artwork.

    Attributes:
        measurements: figures by cohort and category, as in an audit of lists; ``group`` names the cohort.
        titles: whom each title's images show against who is billed, worst first; empty without a cast.
        exploration: whether every eligible image has a chance.
        off_policy: what each cohort's impressions are worth for another policy; empty without propensities and clicks.
        cohorts: how many.
        subjects: who were shown something.
        impressions: images shown.
        provenance: of the labels.
        level: joint coverage of the measurements' intervals, of those of ``titles``, and certainty of ``exploration``:
            three families, each of its own.
        replicates: bootstrap resamples.
        seed: of the bootstrap.
        critical_value: q of the simultaneous intervals.
        caveats: what limits the figures, in sentences.

    Raises:
        InvalidConfig: a figure outside its own interval or without a reason for being none, or a level, a number of
            resamples or a chance out of range.
    """

    measurements: tuple[Measurement, ...]
    titles: tuple[TitleCast, ...]
    exploration: Exploration
    off_policy: tuple[OffPolicy, ...]
    cohorts: int
    subjects: int
    impressions: int
    provenance: str
    level: float
    replicates: int
    seed: int
    critical_value: float
    caveats: tuple[str, ...]

    def __post_init__(self) -> None:
        found = self.exploration
        checks = (
            ("level", 0 < self.level < 1, "between 0 and 1"),
            ("replicates", self.replicates >= 1, "1 or more"),
            (
                "measurements",
                all(map(_is_whole, self.measurements)),
                "figures between their ends, or why there is none",
            ),
            ("exploration", 0 <= found.at_least <= found.at_most <= 1, "chances from 0 to 1, in order"),
        )
        for name, holds, expected in checks:
            if not holds:
                msg = f"artwork, {name}: expected {expected}, got others"
                raise InvalidConfig(msg)

    @property
    def sentence(self) -> str:
        """What was audited, and how sure, in words for a report that takes figures over."""
        return (
            f"Figures of artwork are of {self.impressions:,} impressions to {self.subjects:,} subjects in "
            f"{self.cohorts:,} cohorts (labels: {self.provenance.strip()}). Their intervals hold together at "
            f"{100 * self.level:g}%, what is said of chances does so too, and their errors add to this report's."
        )

    def to_json(self) -> bytes:
        """The report's one encoding; equal reports give equal bytes."""
        return encode(self)

    @classmethod
    def from_json(cls, unverified: bytes) -> "ArtworkReport":
        """The report with exactly this encoding.

        Raises:
            CorruptReport: an unknown, missing or repeated key, a wrong type, another encoding.
            InvalidConfig: a number out of range.
        """
        return decode(cls, unverified)

    def select(self, metric: str, *, group: str | None = None) -> tuple[Measurement, ...]:
        """Figures of a metric, of one cohort where given, in order."""
        return tuple(each for each in self.measurements if each.metric == metric and group in (None, each.group))


def _is_whole(row: Measurement) -> bool:
    if row.value is None or row.low is None or row.high is None:
        return (row.low, row.value, row.high) == (None, None, None) and row.undefined is not None
    return row.low <= row.value <= row.high and row.undefined is None


def audit_artwork(given: ArtworkInput, *, config: ArtworkConfig, progress: Progress | None = None) -> ArtworkReport:
    """Measure everything that the tables allow; intervals hold together over cohorts, categories and figures.

    ``progress(done, replicates)`` is called during the bootstrap.

    Guarantees:
      - the report depends on content alone: row order changes no byte
      - equal input and configuration give equal bytes
    """
    gallery = gallery_from(given)
    worth: tuple[OffPolicy, ...] = ()
    shown = [(IMAGE_GAP, image_gap(gallery))]
    if given.cast is not None:
        of_people = ((CAST_GAP, cast_gap), (CAST_BILLED, cast_billed), (CAST_LOG_RATIO, cast_log_ratio))
        shown += [(figure, measure(gallery, given)) for figure, measure in of_people]
    if gallery.propensity is not None and gallery.clicked is not None:
        rates, worth = off_policy(gallery, clip=config.clip)
        shown += zip((CLICK_RATE, CLICK_RATE_SNIPS, CLICK_RATE_ROBUST), rates, strict=True)
    # Probes may be of other subjects than impressions, so they are resampled by themselves, at half the error each.
    probed = (
        []
        if given.probes is None
        else [*zip((COHORT_SENSITIVITY, COHORT_FLIPS), cohort_sensitivity(given), strict=True)]
    )
    error = (1.0 - config.level) / (2.0 if probed else 1.0)
    found, measured = _measure(shown, config, error, progress)
    if probed:
        measured += _measure(probed, config, error, progress)[1]
    return ArtworkReport(
        measurements=measured + _distances(measured, gallery),
        titles=_rounded_titles(given, gallery, config),
        exploration=exploration(gallery, given, floor=config.floor, level=config.level),
        off_policy=tuple(
            replace(
                each,
                effective=rounded(each.effective),
                largest_weight=rounded(each.largest_weight),
                clipped=rounded(each.clipped),
            )
            for each in worth
        ),
        cohorts=len(gallery.cohorts),
        subjects=gallery.subjects,
        impressions=int(gallery.subject.size),
        provenance=config.provenance,
        level=config.level,
        replicates=config.replicates,
        seed=config.seed,
        critical_value=rounded(found.critical_value),
        caveats=_caveats(given, gallery, config),
    )


def _measure(
    statistics: Sequence[tuple[Figure, Smooth]], config: ArtworkConfig, error: float, progress: Progress | None
) -> tuple[Intervals, tuple[Measurement, ...]]:
    resampling = Resampling(
        replicates=config.replicates, seed=config.seed, level=1.0 - error, min_subjects=config.min_subjects
    )
    found = intervals([each for _, each in statistics], resampling, progress=progress)
    owners = [figure for figure, each in statistics for _ in each.cells]
    return found, tuple(measurement(owner, found, at, config.min_subjects) for at, owner in enumerate(owners))


def _distances(measured: Sequence[Measurement], gallery: Gallery) -> tuple[Measurement, ...]:
    """Total variation of each cohort: between the least and the most that the gaps' intervals allow."""
    rows = []
    for cohort in gallery.cohorts:
        name = f"cohort = {cohort}"
        gaps = [each for each in measured if each.metric == IMAGE_GAP.slug and each.group == name]
        reason = next((each.undefined for each in gaps if each.undefined is not None), None)
        ends = [(each.low, each.value, each.high) for each in gaps]
        low = value = high = None
        if reason is None:
            low = rounded(sum(max(a or 0.0, -(c or 0.0), 0.0) for a, _, c in ends) / 2.0)
            value = rounded(sum(abs(b or 0.0) for _, b, _ in ends) / 2.0)
            high = rounded(min(sum(max(-(a or 0.0), c or 0.0) for a, _, c in ends) / 2.0, 1.0))
        first = gaps[0]
        rows.append(
            replace(
                first,
                metric=IMAGE_DISTANCE.slug,
                category=None,
                value=value,
                low=low,
                high=high,
                pointwise_low=low,
                pointwise_high=high,
                standard_error=None if reason else max(each.standard_error or 0.0 for each in gaps),
                undefined=reason,
            )
        )
    return tuple(rows)


def _rounded_titles(given: ArtworkInput, gallery: Gallery, config: ArtworkConfig) -> tuple[TitleCast, ...]:
    if given.cast is None:
        return ()
    rows = cast_by_title(gallery, given, level=config.level, min_subjects=config.min_subjects)
    return tuple(
        replace(
            row,
            billed=rounded(row.billed),
            shown=rounded(row.shown),
            log_ratio=_rounded_end(row.log_ratio),
            low=_rounded_end(row.low),
            high=_rounded_end(row.high),
        )
        for row in rows
    )


def _rounded_end(number: float | None) -> float | None:
    return None if number is None else rounded(number)


def _caveats(given: ArtworkInput, gallery: Gallery, config: ArtworkConfig) -> tuple[str, ...]:
    sentences = (
        ("Intervals describe other subjects like these; titles and images are taken as they are.", True),
        ("Cohorts stand for what the chooser of images can see of subjects, not for who they are.", True),
        ("No cast was given: whom images show is not compared with who is billed.", given.cast is None),
        ("No probes were given: what the cohort alone does to the choice is not measured.", given.probes is None),
        (
            "No propensities and clicks were given: another policy's clicks are not estimated.",
            gallery.propensity is None or gallery.clicked is None,
        ),
        (
            "Chances are known only of images shown; of others, what those leave and how often they were not is all.",
            given.probes is None,
        ),
        (f"Off-policy weights above {config.clip} are clipped, which biases the estimates.", config.clip is not None),
    )
    return tuple(sentence for sentence, applies in sentences if applies)
