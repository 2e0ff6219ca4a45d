"""What of an audit is published: figures, the rule by which they may leave, and which of them that rule withholds.

Two rules give one: suppression below a threshold (``audits.disclosure``), or differential privacy
(``audits.private_release``). ``audits.publication_formats`` writes it as a page, a table or JSON.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from audits.disclosure import disclosable
from audits.encoding import decode, encode
from audits.metrics import METRICS
from audits.private_release import PrivateFigure, PrivateRelease
from audits.report import Measurement, Report, Undefined

SUPPRESSED = "suppressed"
_OF_LISTS = {"list_exposure_share": "Exposure share of a list, averaged over subjects", "ndcg": "nDCG"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure, or the mark in its place.

    Attributes:
        metric: slug of the metric.
        title: what it is called for people.
        about: what it is of: "origin = european", "age = old", "all".
        value: the figure; None together with its interval where there is none.
        low: lower end of its interval.
        high: upper end.
        error: standard deviation that noise alone gives the value; None where there is no noise.
        subjects: how many it rests on; None where noise hides that too.
        mark: ``suppressed``, or why else there is no figure; empty where there is one.
    """

    metric: str
    title: str
    about: str
    value: float | None
    low: float | None
    high: float | None
    error: float | None
    subjects: int | None
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The figures of one audit, what it was of and what limits them."""

    title: str
    facts: tuple[tuple[str, str], ...]
    figures: tuple[Figure, ...]
    caveats: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What leaves the building.

    ``rule`` are sentences that a reader needs to know what is withheld from whom; ``terms`` is the same for programs,
    name by name.
    """

    title: str
    rule: tuple[str, ...]
    terms: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]

    def to_json(self) -> bytes:
        """Its one encoding; equal publications give equal bytes."""
        return encode(self)

    @classmethod
    def from_json(cls, unverified: bytes) -> "Publication":
        """The publication with exactly this encoding.

        Raises:
            CorruptReport: these bytes are none.
        """
        return decode(cls, unverified)

    @property
    def suppressed(self) -> int:
        """How many rows carry the mark."""
        return sum(each.mark == SUPPRESSED for section in self.sections for each in section.figures)


def disclosed(reports: Sequence[Report], *, k: int, titles: Sequence[str]) -> Publication:
    """The reports with every figure suppressed that rests on fewer than ``k`` subjects or would give one away.

    Reports that go together hide the same groups. ``titles`` names each of them for people.

    Raises:
        InvalidConfig: no report, a threshold below 2, or a report about fewer than ``k`` subjects.

    Guarantees: see ``audits.disclosure.disclosable``.
    """
    released = disclosable(reports, k=k)
    sections = tuple(_section(report, title) for report, title in zip(released, titles, strict=True))
    return Publication(
        title="Audit of recommendations",
        rule=_threshold_words(k, len(reports)),
        terms=(("rule", "threshold"), ("at_least", str(k)), ("secondary_suppression", "yes")),
        sections=sections,
    )


def noised(release: PrivateRelease, *, title: str, facts: Sequence[tuple[str, str]]) -> Publication:
    """A release under differential privacy, with the guarantee in words; ``facts`` say what it is of."""
    promise = release.guarantee
    section = Section(
        title=title, facts=tuple(facts), figures=tuple(map(_private_figure, release.figures)), caveats=_NOISE_CAVEATS
    )
    return Publication(
        title="Audit of recommendations, under differential privacy",
        rule=(
            (
                f"All figures together are ({promise.epsilon:g}, {promise.delta:g})-differentially private: with or "
                "without any one subject, whatever that subject did, this page would say nearly the same. How "
                "nearly is that pair of numbers, whatever else anybody knows."
            ),
            f"Unit: {promise.unit}. Neighbouring data: {promise.neighbours}.",
            f"Mechanism: {promise.mechanism}. Accountant: {promise.accountant}.",
            f"Intervals are at the level {release.level:.0%} each, for other subjects like these; noise is in them.",
        ),
        terms=(
            ("rule", "differential privacy"),
            ("epsilon", repr(promise.epsilon)),
            ("delta", repr(promise.delta)),
            ("unit", promise.unit),
            ("neighbours", promise.neighbours),
            ("mechanism", promise.mechanism),
            ("accountant", promise.accountant),
            ("level", repr(release.level)),
        ),
        sections=(section,),
    )


_NOISE_CAVEATS = (
    "The catalogue with its categories, the length of lists and the attention model count as public.",
    "Figures were not made to agree with each other: shares of an attribute may add up to a little less or more.",
)


def _threshold_words(k: int, reports: int) -> tuple[str, ...]:
    together = f"The {reports} audits below were released together and hide the same groups."
    return (
        f"A figure that rests on fewer than {k} subjects is suppressed.",
        (
            "Where such a figure would follow from others by subtraction, further figures are suppressed, until none "
            f"does and until the subjects missing from a total are {k} or more together."
        ),
        "Suppressed groups of one attribute share one row, marked so, with the number of subjects they have together.",
        (
            "This guards against reading a small group's figure off this page. It does not hide whether one subject "
            "took part from somebody who compares audits of different subjects; noise does."
        ),
        *((together,) if reports > 1 else ()),
    )


def _section(report: Report, title: str) -> Section:
    facts = (
        ("Subjects", f"{report.subjects:,}"),
        ("Titles in the catalogue", f"{report.items:,}"),
        ("Length of lists", str(report.k)),
        ("Attention", report.attention),
        ("Intervals hold together at", f"{report.level:.0%}"),
    )
    return Section(title=title, facts=facts, figures=tuple(_figures(report)), caveats=report.caveats)


def _figures(report: Report) -> Iterator[Figure]:
    yield from (_figure(row, _title(row.metric)) for row in report.measurements)
    yield from (_figure(row, f"{_title(row.metric)}, less the baseline's") for row in report.differences)


def _figure(row: Measurement, title: str) -> Figure:
    mark = "" if row.undefined is None else f"not given: {row.undefined}"
    return Figure(
        metric=row.metric,
        title=title,
        about=_about(row),
        value=row.value,
        low=row.low,
        high=row.high,
        error=None,
        subjects=row.n,
        mark=SUPPRESSED if row.undefined == Undefined.SUPPRESSED else mark,
    )


def _private_figure(row: PrivateFigure) -> Figure:
    return Figure(
        metric=row.metric,
        title=_OF_LISTS[row.metric],
        about=_about(row),
        value=row.value,
        low=row.low,
        high=row.high,
        error=row.noise_error,
        subjects=None,
        mark="" if row.value is not None else "not given: noise left no subjects to divide by",
    )


def _about(row: Measurement | PrivateFigure) -> str:
    of_titles = None if row.attribute is None else f"all by {row.attribute}"
    if row.category is not None:
        of_titles = f"{row.attribute} = {row.category}"
    # Groups of an attribute without a name are called by their own name alone.
    group = f"group = {row.group}" if row.group is not None and " = " not in row.group else row.group
    return ", ".join(each for each in (of_titles, group) if each is not None) or "all"


def _title(slug: str) -> str:
    return next((metric.title for metric in METRICS if metric.slug == slug), slug)
