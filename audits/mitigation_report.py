"""What exposure prices do to subjects they were not fitted on: what they cost, who pays, what is shown, and the proof.

Prices are tuned on the subjects they were fitted on, so figures from those flatter them. Everything here but the
certificate is measured on held-out subjects (``audits.held_out``), before and after, subject by subject; all intervals
of a report hold together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from audits.encoding import decode, encode


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
class MitigationReport:
    """The outcome of one mitigation.

    Attributes:
        certificate: on the subjects the prices were fitted on.
        utility: everyone first, then group by group.
        exposure: category by category, in the order of the prices.
        ratios: one per attribute.
        k: ranks counted.
        subjects: held-out subjects measured.
        fitted_on: what the prices were fitted on, in words.
        level: joint coverage of the intervals.
        replicates: bootstrap resamples.
        seed: of the bootstrap.
        caveats: what limits the figures, in sentences.
    """

    certificate: Certificate
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


def price_in_words(change: ExposureChange) -> str:
    """For people: ``+0.06 to documentary``."""
    return f"{_signed(change.price)} {'on' if change.price < 0 else 'to'} {change.category}"


def sentences(report: MitigationReport) -> tuple[str, ...]:
    """The report in a few sentences: the cost, the proof, who pays, what is shown."""
    proof = report.certificate
    said = [_cost(row) for row in report.utility if row.group is None and row.kept is not None]
    said.append(
        f"On {report.fitted_on}, no lists within the limits have more than {proof.bound:.4f} of utility; these prices "
        f"reach {proof.utility:.4f}, with no share further than {max(proof.largest_violation, 1e-4):.2%} of attention "
        "outside its limits."
    )
    if not proof.converged:
        said.append(
            "The fit did not converge: no mixture of lists within the limits was found that reaches this bound."
        )
    priced = sorted((row for row in report.exposure if row.price), key=lambda row: -abs(row.price))[:_MOST_PRICES]
    if priced:
        said.append(f"The largest prices: {', '.join(map(price_in_words, priced))}.")
    said += _payers(report.utility)
    said += [
        f"By {ratio.attribute}, the category shown least for its part of the catalogue had {ratio.before:.2f} of the "
        f"exposure of the one shown most, and now has {ratio.after:.2f}."
        for ratio in report.ratios
    ]
    said += [_outside(row) for row in report.exposure if surely_outside(row)]
    return tuple(said)


def surely_outside(row: ExposureChange) -> bool:
    """Whether the whole interval of the share with prices lies beyond a limit."""
    return (row.high is not None and row.high < row.floor) or (row.low is not None and row.low > row.ceiling)


_MOST_PRICES = 5

MEASURES = {"score": "utility", "ndcg": "ranking quality (nDCG)"}
"""What reports call each measure."""


def _cost(row: UtilityKept) -> str:
    interval = "" if row.low is None or row.high is None else f" ({row.low:.1%} to {row.high:.1%})"
    subjects = f"{row.n:,} subjects the prices were not fitted on"
    return f"{subjects} keep {row.kept:.1%}{interval} of their {MEASURES[row.measure]}."


def _payers(utility: Sequence[UtilityKept]) -> list[str]:
    highs = [(row, row.against_others_high) for row in utility if row.against_others_high is not None]
    if not highs:
        return ["No groups of subjects were compared."]
    payers = [_payer(row) for row, high in highs if high < 0]
    return payers or ["No group of subjects surely pays more than the others."]


def _payer(row: UtilityKept) -> str:
    less = -100 * (row.against_others or 0.0)
    return (
        f"{row.attribute} = {row.group} pays more than others: it keeps {row.kept:.1%} of its {MEASURES[row.measure]}, "
        f"{less:.1f} points less than the rest."
    )


def _outside(row: ExposureChange) -> str:
    return (
        f"{row.category} is surely outside its limits for other subjects: {row.after:.2%} of attention, limits "
        f"{row.floor:.2%} to {row.ceiling:.2%}."
    )


def _signed(number: float) -> str:
    return f"{number:+.2f}".replace("-", "\N{MINUS SIGN}")
