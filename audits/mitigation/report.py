"""What a mitigation does to subjects it was not fitted on: what it costs, who pays, and what is shown.

There are three: exposure prices, prices that a controller corrects while serving (``ServedOnline``), and an option for
single lists (``Reranked``). Each is tuned on the subjects it was fitted on, so figures from those flatter it.
Everything here but the certificate of prices is measured on held-out subjects (``held_out`` beside this), before and
after, subject by subject; all intervals of a report hold together.
"""

from dataclasses import dataclass, field

from audits.encoding import LATER, decode, encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What the fit proves about the subjects it was made on; utilities are attention-weighted mean scores.

    Attributes:
        subjects: how many these were.
        unconstrained_utility: without limits.
        utility: with the prices.
        bound: no lists within the limits have more.
        gap: (bound - utility) / bound.
        largest_violation: by how much a share lies outside its limits, at most; read it together with ``gap``.
        converged: whether the bound was met by a mixture of lists within the limits.
        evaluations: how often lists were made.
    """

    subjects: int
    unconstrained_utility: float
    utility: float
    bound: float
    gap: float
    largest_violation: float
    converged: bool
    evaluations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UtilityKept:
    """The utility that subjects keep, on held-out subjects.

    Attributes:
        measure: "score" (attention-weighted mean score) or "ndcg" (against what they went on to choose).
        attribute: what divides the subjects ("activity"), None for everyone.
        group: which of them, None for everyone.
        n: subjects the figures rest on.
        before: mean without prices.
        after: mean with prices.
        kept: after / before.
        low: lower end of its simultaneous interval.
        high: upper end.
        against_others: kept by this group less kept by all others that the attribute divides, None for everyone.
        against_others_low: lower end of its simultaneous interval.
        against_others_high: upper end; below 0, the group surely pays more than others.

    Numbers are None where there are too few subjects, or nothing to divide by.
    """

    measure: str
    attribute: str | None
    group: str | None
    n: int
    before: float | None
    after: float | None
    kept: float | None
    low: float | None
    high: float | None
    against_others: float | None
    against_others_low: float | None
    against_others_high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureChange:
    """A category before and after, on held-out subjects; shares are of all attention.

    Attributes:
        attribute: what it is a category of.
        category: which.
        price: what every item of it gains in score.
        floor: of the share.
        ceiling: of the share.
        catalogue: its part of the catalogue.
        before: share without prices.
        after: share with prices.
        low: lower end of the simultaneous interval of ``after``.
        high: upper end.
    """

    attribute: str
    category: str
    price: float
    floor: float
    ceiling: float
    catalogue: float
    before: float
    after: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureRatio:
    """Exposure relative to the catalogue over an attribute's limited categories: smallest / largest.

    1 is parity for all. Titles without a label are no category of their own.
    """

    attribute: str
    before: float
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One way of serving the held-out subjects in turn.

    Attributes:
        corrected: whether the controller corrected it.
        priced: whether it started from the fitted prices.
        kept: utility with it / utility without any mitigation; None where the latter is not positive.
        low: lower end of the simultaneous interval of ``kept``.
        high: upper end.
        against_prices: kept with it less kept with prices alone; None for these themselves, and without either.
        against_prices_low: lower end of its simultaneous interval.
        against_prices_high: upper end.
        violation: by how much a share lay outside its limits after each of the report's points, at most.
        worst: the largest of that from a tenth of the lists on.
    """

    corrected: bool
    priced: bool
    kept: float | None
    low: float | None
    high: float | None
    against_prices: float | None
    against_prices_low: float | None
    against_prices_high: float | None
    violation: tuple[float, ...]
    worst: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedOnline:
    """Serving with a controller, and the ways it is compared with.

    Attributes:
        controller: its name.
        gain: how strongly it corrects.
        arrival: in which order subjects came, in words.
        after: lists served at each point of the courses.
        settled: from how many lists on ``Course.worst`` counts.
        courses: without any mitigation, with prices alone, with the controller alone, with both.
    """

    controller: str
    gain: float
    arrival: str
    after: tuple[int, ...]
    settled: int
    courses: tuple[Course, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reranked:
    """An option for single lists, its strength, and what it is there to change.

    Attributes:
        option: "calibrated" or "diverse".
        attribute: whose categories it looks at.
        strength: 0 is the order of the scores, 1 looks at categories alone.
        keep: the part of their utility that subjects should keep, where the strength was chosen by that.
        kept_in_choosing: the part that those kept on whom it was chosen.
        figure: "miscalibration" (C_KL, lower is closer to the subject's own mix) or "intra-list diversity" (mean
            distance of two items of a list, by the cosine of their categories).
        n: subjects the figures rest on.
        left_alone: held-out subjects without a history, whose lists are as they were.
        before: mean figure without the option.
        after: mean figure with it.
        change: after less before.
        low: lower end of the simultaneous interval of ``change``.
        high: upper end.
    """

    option: str
    attribute: str
    strength: float
    keep: float | None
    kept_in_choosing: float | None
    figure: str
    n: int
    left_alone: int
    before: float | None
    after: float | None
    change: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationReport:
    """The outcome of one mitigation.

    Attributes:
        certificate: of prices, on the subjects they were fitted on; None where there are none.
        utility: everyone first, then group by group.
        exposure: category by category, in the order of the prices where there are any.
        ratios: one per attribute.
        k: ranks counted.
        subjects: held-out subjects measured.
        fitted_on: what the mitigation was fitted on, in words.
        level: joint coverage of the intervals.
        replicates: bootstrap resamples.
        seed: of the bootstrap.
        caveats: what limits the figures, in sentences.
        served: how subjects were served with a controller; None where none was asked for.
        reranked: the option for single lists; None where none was asked for.
    """

    certificate: Certificate | None
    utility: tuple[UtilityKept, ...]
    exposure: tuple[ExposureChange, ...]
    ratios: tuple[ExposureRatio, ...]
    k: int
    subjects: int
    fitted_on: str
    level: float
    replicates: int
    seed: int
    caveats: tuple[str, ...]
    served: ServedOnline | None = field(default=None, metadata=LATER)
    reranked: Reranked | None = field(default=None, metadata=LATER)

    def to_json(self) -> bytes:
        """The report's one encoding; equal reports give equal bytes."""
        return encode(self)

    @classmethod
    def from_json(cls, unverified: bytes) -> "MitigationReport":
        """The report with exactly this encoding.

        Raises:
            CorruptReport: an unknown, missing or repeated key, a wrong type, another encoding.
        """
        return decode(cls, unverified)
