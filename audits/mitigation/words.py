"""A mitigation's report in sentences."""

from collections.abc import Sequence

from audits.mitigation.report import (
    Certificate,
    Course,
    ExposureChange,
    MitigationReport,
    Reranked,
    ServedOnline,
    UtilityKept,
)

MEASURES = {"score": "utility", "ndcg": "ranking quality (nDCG)"}
"""What reports call each measure."""

_TITLES = {"calibrated": "Lists with each subject's own mix", "diverse": "Lists of varied items"}
_MOST_PRICES = 5
_SHORT = 0.01
_SMALLEST = 1e-4
"""Of all attention: what is below is not told apart."""


def title_of(report: MitigationReport) -> str:
    """What a page about this mitigation is called."""
    if report.served is not None:
        return "Exposure limits while serving"
    if report.reranked is not None:
        return _TITLES[report.reranked.option]
    return "Exposure prices"


def sentences(report: MitigationReport) -> tuple[str, ...]:
    """The report in a few sentences: the cost, what came of it, the proof, who pays, what is shown."""
    whom = "held-out subjects" if report.certificate is None else "subjects the prices were not fitted on"
    said = [_cost(row, whom) for row in report.utility if row.group is None]
    if report.served is not None:
        said += _served(report.served)
    if report.reranked is not None:
        said += _reranked(report.reranked, report.fitted_on)
    if report.certificate is not None:
        said += _proved(report.certificate, report.fitted_on)
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


def price_in_words(change: ExposureChange) -> str:
    """For people: ``+0.06 to documentary``."""
    small = abs(change.price) < _SHORT
    return f"{signed(change.price, 4 if small else 2)} {'on' if change.price < 0 else 'to'} {change.category}"


def course_in_words(course: Course) -> str:
    """For people: how a course of serving was mitigated."""
    if course.corrected:
        return "prices and controller" if course.priced else "controller alone"
    return "prices alone" if course.priced else "no mitigation"


def limits_in_words(floor: float, ceiling: float) -> str:
    """For people: ``at least 2.00%``; what cannot be broken is not said."""
    if floor <= 0 and ceiling >= 1:
        return "any share"
    if ceiling >= 1:
        return f"at least {floor:.2%}"
    return f"at most {ceiling:.2%}" if floor <= 0 else f"{floor:.2%} to {ceiling:.2%}"


def surely_outside(row: ExposureChange) -> bool:
    """Whether the whole interval of the share afterwards lies beyond a limit."""
    return (row.high is not None and row.high < row.floor) or (row.low is not None and row.low > row.ceiling)


def signed(number: float, decimals: int = 2) -> str:
    """For people: with its sign."""
    # Nothing is not shown as less than nothing.
    return f"{round(number, decimals) + 0.0:+.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def _cost(row: UtilityKept, whom: str) -> str:
    if row.kept is None:
        of = f"it takes some subjects (here {row.n:,}) and a positive mean without the mitigation"
        return f"What part {whom} keep of their {MEASURES[row.measure]} cannot be told: {of}."
    interval = "" if row.low is None or row.high is None else f" ({row.low:.1%} to {row.high:.1%})"
    return f"{row.n:,} {whom} keep {row.kept:.1%}{interval} of their {MEASURES[row.measure]}."


def _proved(proof: Certificate, fitted_on: str) -> list[str]:
    bound = (
        f"On {fitted_on}, no lists within the limits have more than {proof.bound:.4f} of utility; these prices reach "
        f"{proof.utility:.4f}, with no share further than {max(proof.largest_violation, _SMALLEST):.2%} of attention "
        "outside its limits."
    )
    unmet = "The fit did not converge: no mixture of lists within the limits was found that reaches this bound."
    return [bound] if proof.converged else [bound, unmet]


def _served(served: ServedOnline) -> list[str]:
    ends = [f"{_share(course.violation[-1])} with {course_in_words(course)}" for course in served.courses]
    worst = [f"{_share(course.worst)} with {course_in_words(course)}" for course in served.courses if course.priced]
    corrected = f"each list was corrected by what had been shown ({served.controller}, gain {served.gain:.4g})"
    said = [
        f"Subjects came {served.arrival}, and {corrected}.",
        f"After the last list the share furthest outside its limits was off by {', '.join(ends)} (of all attention).",
        f"From list {served.settled:,} on it was never off by more than {', by more than '.join(worst)}.",
    ]
    both = next(course for course in served.courses if course.corrected and course.priced)
    if both.against_prices is not None and both.against_prices_low is not None and both.against_prices_high is not None:
        low, high = 100 * both.against_prices_low, 100 * both.against_prices_high
        said.append(
            f"Against prices alone, the controller changes the utility kept by {signed(100 * both.against_prices)} "
            f"points ({signed(low)} to {signed(high)})."
        )
    return said


def _reranked(option: Reranked, fitted_on: str) -> list[str]:
    if option.keep is None:
        said = [f"The strength, {option.strength:.4g}, was given."]
    else:
        asked = f"at which {fitted_on} keep {option.keep:.1%} of their utility; they keep {option.kept_in_choosing:.2%}"
        said = [f"The strength, {option.strength:.4g}, is the largest found {asked}."]
    if option.change is not None and option.low is not None and option.high is not None:
        said.append(
            f"By {option.attribute}, {option.figure} goes from {option.before:.3f} to {option.after:.3f}, a change of "
            f"{signed(option.change, 3)} ({signed(option.low, 3)} to {signed(option.high, 3)})."
        )
    if option.left_alone:
        said.append(f"{option.left_alone:,} of them have no history: their lists are as they were.")
    return said


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
    limits = limits_in_words(row.floor, row.ceiling)
    return (
        f"{row.category} is surely outside its limits for other subjects: {row.after:.2%} of attention, where it "
        f"should have {limits}."
    )


def _share(share: float) -> str:
    return f"{share:.2%}" if share >= _SMALLEST or not share else f"less than {_SMALLEST:.2%}"
