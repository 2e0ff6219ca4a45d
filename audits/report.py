"""What an audit says: figures with intervals, and everything one needs to judge them."""

from dataclasses import dataclass
from enum import StrEnum

from audits.encoding import decode, encode
from audits.group_sizes import GroupSize
from audits.privacy import PrivacyAttack
from audits.quality import GroupSpread
from audits.sensitivity import Sensitivity


class Undefined(StrEnum):
    """Why a figure does not exist. It is never written as a number."""

    NO_SUBJECT = "n = 0"
    TOO_FEW = "too few subjects"
    NO_DENOMINATOR = "nothing to divide by"
    UNSTEADY = "undefined in some resamples"
    SUPPRESSED = "suppressed"
    UNSURE = "its interval is less certain than the audit's"
    REDRAWN = "resampled otherwise than the audit: fewer times, or from another seed"
    BLIND = "the attack may well have missed half of the noise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One figure.

    Attributes:
        metric: slug of the metric.
        attribute: attribute of the category, or None.
        category: category it is about, or None for the whole catalogue.
        group: group of subjects it is about, or None for all.
        value: the figure; None together with all bounds where it is undefined.
        low: simultaneous interval's lower end: all intervals of a report hold together at its level.
        high: the same, upper end.
        pointwise_low: lower end of the interval for this figure alone.
        pointwise_high: the same, upper end.
        standard_error: 0 where subjects do not differ at all; None where undefined, and of a bound that has none.
        n: subjects the figure rests on.
        target: the value that means parity, or None.
        undefined: why there is no figure, or None.
    """

    metric: str
    attribute: str | None
    category: str | None
    group: str | None
    value: float | None
    low: float | None
    high: float | None
    pointwise_low: float | None
    pointwise_high: float | None
    standard_error: float | None
    n: int
    target: float | None
    undefined: Undefined | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownLabels:
    """How much of an attribute is unlabelled: share of the catalogue's items, and of the exposure."""

    attribute: str
    catalogue: float
    exposure: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of one audit.

    Attributes:
        measurements: the figures, in the order of the registry.
        differences: where a baseline was given, the same figures less the baseline's, subject by subject.
        group_spreads: best and worst served group by metric, a description without interval.
        unknown_labels: one row per audited attribute.
        lorenz: share of exposure that the least shown 0, 2, 4 … 100 % of the catalogue receive; 51 numbers.
        k: ranks counted.
        attention: slug of the attention model.
        attention_formula: its formula.
        subjects: lists measured.
        subjects_with_targets: of those, with held-out targets.
        items: titles in the catalogue.
        level: joint coverage of the simultaneous intervals.
        replicates: bootstrap resamples.
        seed: of the bootstrap.
        critical_value: q of the simultaneous intervals.
        critical_value_error: Monte-Carlo standard error of q.
        resampling: how subjects were resampled.
        caveats: what limits the figures, in sentences.
        model_digest: what made the lists.
        inputs_digest: SHA-256 of everything read.
        sensitivity: figures under other attention models, or None where that was not asked for.
        attack: the result of an attack on the recommender, or None where none was given.
        group_sizes: every group of subjects in the input, before small ones are merged; labels and numbers only.
    """

    measurements: tuple[Measurement, ...]
    differences: tuple[Measurement, ...]
    group_spreads: tuple[GroupSpread, ...]
    unknown_labels: tuple[UnknownLabels, ...]
    lorenz: tuple[float, ...]
    k: int
    attention: str
    attention_formula: str
    subjects: int
    subjects_with_targets: int
    items: int
    level: float
    replicates: int
    seed: int
    critical_value: float
    critical_value_error: float
    resampling: str
    caveats: tuple[str, ...]
    model_digest: str
    inputs_digest: str
    sensitivity: Sensitivity | None = None
    attack: PrivacyAttack | None = None
    group_sizes: tuple[GroupSize, ...] = ()

    def to_json(self) -> bytes:
        """The report's one encoding; equal reports give equal bytes."""
        return encode(self)

    @classmethod
    def from_json(cls, unverified: bytes) -> "Report":
        """The report with exactly this encoding.

        Raises:
            CorruptReport: an unknown, missing or repeated key, a wrong type, another encoding.
        """
        return decode(cls, unverified)

    def select(
        self, metric: str, *, attribute: str | None = None, category: str | None = None
    ) -> tuple[Measurement, ...]:
        """Figures of a metric, of one attribute or category where given, in order."""
        return tuple(
            each
            for each in self.measurements
            if each.metric == metric and attribute in (None, each.attribute) and category in (None, each.category)
        )
