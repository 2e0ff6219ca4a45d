"""Serving with a controller, measured on held-out subjects who come one by one.

They are served four times in the same order: without any mitigation, with prices alone, with the controller alone, and
with prices that the controller corrects, which is what the report is about.

A list depends on what those before were shown, so lists as they fell vary by too little or too much to say how far
utility would differ with other subjects: whoever takes more of a category than others leaves it less dear for them. At
prices p that follow the shares, the mean utility of lists that are best at p moves with a subject not by the own
utility alone but by utility + sum_g p_g (share_g - mean share_g) (the envelope theorem, for the dual whose prices these
are). Where a share is within its limits nothing follows. Hence an interval of utility is the wider one of those two;
one of a difference from prices alone goes by the second, since lists much like each other differ by nearly nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.bootstrap import Resampling
from audits.errors import InvalidConfig
from audits.mitigation.compared_lists import (
    NOTHING,
    Compared,
    Lists,
    Shown,
    compare,
    require_fit,
    wider,
)
from audits.mitigation.held_out import HeldOut
from audits.mitigation.online import Serving, correction_of, mean_prices, serve_all
from audits.mitigation.price_report import certificate_of, fitted_on
from audits.mitigation.prices import PriceFit, serve
from audits.mitigation.problem import Floats, Ints, Mask, Scores
from audits.mitigation.report import Course, MitigationReport, ServedOnline
from audits.statistics import Cell, Smooth

Progress = Callable[[int, int], None]

_USUAL = {"owed": 0.2, "penalty": 50.0}
"""Gain, in units of the range of the scores within a list."""
_POINTS = 160
_FIRST = 10
_SETTLED = 10
"""The worst is looked for from a tenth of the lists on."""

AS_THEY_CAME = (
    "Each list depends on those before it: intervals are about other subjects in the same order of arrival, not about "
    "another order. Those of utility count what later subjects get where earlier ones differ; those of shares and of "
    "ranking quality do not."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Turns:
    """How subjects are served.

    Attributes:
        controller: name of the correction (``audits.mitigation.online.CONTROLLERS``).
        gain: how strongly it corrects.
        order: places of the subjects as they come, (n,), each once.
        arrival: what order that is, in words: "in order of age".
    """

    controller: str
    gain: float
    order: Ints
    arrival: str


def usual_gain(name: str, scores: Scores, k: int, excluded: Mask | None = None) -> float:
    """A gain for scores of this scale: so much for the mean difference between a list's best and last score.

    Raises:
        InvalidConfig: every subject's best k scores are equal, which says nothing of a scale.
    """
    open_scores = scores if excluded is None else np.where(excluded, -np.inf, scores)
    best = np.partition(open_scores, -k, axis=1)[:, -k:]
    span = float((best.max(axis=1) - best.min(axis=1)).mean(dtype=np.float64))
    if not span > 0:
        msg = f"online serving, gain: expected scores that differ within a list to take it from, got {k} equal ones"
        raise InvalidConfig(msg)
    return float(f"{_USUAL[name] * span:.2g}")


def report_online(
    fit: PriceFit,
    shown: Shown,
    held_out: HeldOut,
    turns: Turns,
    *,
    resampling: Resampling,
    caveats: Sequence[str] = (),
    progress: Progress | None = None,
) -> MitigationReport:
    """Serve held-out subjects one by one, and measure what the controller on these prices does.

    ``shown`` is ``Shown.of`` the fit; ``progress(served, of)`` is called on the way.

    Raises:
        InvalidConfig: shapes that do not fit the prices, an order that is none, no such controller, or a gain that is
            not positive.

    Guarantees:
      - subjects that the prices were fitted on are refused, not measured
      - equal input gives equal bytes
    """
    require_fit(held_out, shown)
    served = _served(shown, held_out, turns, progress)
    answers = [_answer(shown, served[_WAYS.index((True, priced))], turns, priced=priced) for priced in (False, True)]
    found = compare(
        Lists(before=served[0], after=served[-1], answer=answers[-1]),
        shown,
        held_out,
        resampling=resampling,
        beside=[_kept([shown.utility(lists, held_out.scores) for lists in served], answers)],
    )
    return MitigationReport(
        certificate=certificate_of(fit),
        utility=found.utility,
        exposure=found.exposure,
        ratios=found.ratios,
        k=shown.attention.size,
        subjects=len(held_out.subjects),
        fitted_on=fitted_on(fit, held_out),
        level=resampling.level,
        replicates=resampling.replicates,
        seed=resampling.seed,
        caveats=(*caveats, AS_THEY_CAME),
        served=_told(turns, shown, served, found),
    )


def violations(lists: Ints, shown: Shown) -> Floats:
    """By how much a share lies outside its limits after each list, at most, (n,); lists in the order of serving."""
    given = np.cumsum(shown.shares(lists), axis=0)
    shares = given / np.arange(1, lists.shape[0] + 1)[:, None]
    return np.asarray(np.maximum(shown.lower - shares, shares - shown.upper).max(axis=1).clip(min=0.0))


_WAYS = ((False, False), (False, True), (True, False), (True, True))
"""Whether the controller corrects, and whether prices are where it starts from."""


def _served(shown: Shown, held_out: HeldOut, turns: Turns, progress: Progress | None) -> list[Ints]:
    """Lists of each way, (n, k), in the order in which subjects are named."""
    n, scores, excluded = len(held_out.subjects), held_out.scores, held_out.excluded
    if not np.array_equal(np.sort(turns.order), np.arange(n)):
        msg = f"online serving, arrival: expected each of {n} subjects once, got another order"
        raise InvalidConfig(msg)
    correction, found = correction_of(turns.controller, turns.gain), []
    for corrected, priced in _WAYS:
        serving = _serving(shown, priced=priced)
        if not corrected:
            found.append(serve(scores, shown.groups @ serving.prices, shown.attention.size, excluded))
            continue
        in_turn, _ = serve_all(
            serving,
            serving.start(),
            [scores[place] for place in turns.order],
            correction,
            excluded=None if excluded is None else [excluded[place] for place in turns.order],
            progress=_half_of(progress, second=priced),
        )
        lists = np.empty_like(in_turn)
        lists[turns.order] = in_turn
        found.append(lists)
    return found


def _serving(shown: Shown, *, priced: bool) -> Serving:
    return Serving(
        names=tuple(shown.names),
        groups=shown.groups,
        weights=shown.attention,
        lower=shown.lower,
        upper=shown.upper,
        prices=shown.prices if priced else np.zeros(len(shown.names)),
    )


def _answer(shown: Shown, lists: Ints, turns: Turns, *, priced: bool) -> Floats:
    """By how much each subject moves everybody's mean utility through prices that follow the shares, (n,), mean 0."""
    correction = correction_of(turns.controller, turns.gain)
    prices = mean_prices(_serving(shown, priced=priced), lists[turns.order], correction)
    shares = shown.shares(lists)
    return np.asarray((shares - shares.mean(axis=0)) @ prices)


def _half_of(progress: Progress | None, *, second: bool) -> Progress | None:
    """Progress of the first or second of two equal parts."""
    if progress is None:
        return None
    return lambda served, n: progress(served + (n if second else 0), 2 * n)


def _kept(utilities: Sequence[Floats], answers: Sequence[Floats]) -> Smooth:
    """Utility kept by every way but the first, then by both that are corrected with what others answer.

    At the end, by how much these two keep more than prices alone.
    """
    n, ways = utilities[0].size, len(_WAYS)
    cells = [Cell(n=n, span=1.0)] * (ways + 1) + [Cell(n=n, span=2.0)] * 2

    def value_of(means: NDArray[np.inexact]) -> NDArray[np.inexact]:
        kept = means[..., 1:] / means[..., :1]
        return np.concatenate([kept, kept[..., ways - 1 :] - kept[..., :1]], axis=-1)

    answered = [utility + answer for utility, answer in zip(utilities[2:], answers, strict=True)]
    return Smooth(cells=tuple(cells), channels=np.stack([*utilities, *answered], axis=1), value_of=value_of)


def _told(turns: Turns, shown: Shown, served: Sequence[Ints], found: Compared) -> ServedOnline:
    n = served[0].shape[0]
    after = np.unique(np.geomspace(min(_FIRST, n), n, _POINTS).round().astype(np.int64))
    settled = max(min(_FIRST, n), n // _SETTLED)
    # Where there is nothing to keep a part of, ratios are of no meaning, and neither is one of them less another.
    told = found.utility[0].kept is not None
    prices, *others = found.beside if told else [NOTHING] * len(found.beside)
    kept = [wider(*each) for each in zip(others[:2], others[2:4], strict=True)]
    estimates = [(1.0 if told else None, None, None), prices, *kept]
    against = [NOTHING, NOTHING, *others[4:]]
    courses = []
    for place, (corrected, priced) in enumerate(_WAYS):
        violation = violations(served[place][turns.order], shown)
        courses.append(
            Course(
                corrected=corrected,
                priced=priced,
                kept=estimates[place][0],
                low=estimates[place][1],
                high=estimates[place][2],
                against_prices=against[place][0],
                against_prices_low=against[place][1],
                against_prices_high=against[place][2],
                violation=tuple(violation[after - 1].tolist()),
                worst=float(violation[settled - 1 :].max()),
            )
        )
    return ServedOnline(
        controller=turns.controller,
        gain=turns.gain,
        arrival=turns.arrival,
        after=tuple(after.tolist()),
        settled=settled,
        courses=tuple(courses),
    )
