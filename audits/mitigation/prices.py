"""Exposure limits at the least cost in utility: one price per category, fitted by the dual, with a certificate.

Problem, for subjects u, items i, ranks r, attention w(r) and N = subjects * sum w: choose lists, possibly at random,
that maximise sum w(r) s_ui subject to ``lower_g <= share_g <= upper_g``, where share_g is the attention given to
category g divided by N. Giving the limit of category g a price mu_g separates the problem by subject, and the best list
is the top k of s_ui + sum_g G_ig mu_g. The dual

    d(mu) = sum_u sum_r w(r) (r-th largest of s_u + G mu) / N - sum_g (lower_g mu_g if mu_g > 0 else upper_g mu_g)

is convex and piecewise linear, and at every mu at least the best utility under the limits (weak duality). Its minimum
is found by cutting planes (``audits.mitigation.price_search``) over the items that can enter a list at all
(``audits.mitigation.contenders``). All utilities are per unit of attention: an attention-weighted mean score.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audits.mitigation.contenders import Contenders, Response, contenders_of, top
from audits.mitigation.price_search import Progress, Search, search
from audits.mitigation.problem import Floats, Ints, Mask, Name, Problem, Scores

_ROWS = 128
_SLACK = 1e-9
_POLISHING = 8
_ENOUGH = 0.25
_LEAST_LIMIT = 1e-3
_GOOD_GAP, _GOOD_MISS = 1e-4, 5e-3
"""Of the bound's utility, and of a limit: what plain serving may miss before it is not worth improving."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MixturePart:
    """Serve the lists of these prices with probability ``weight``."""

    weight: float
    prices: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFit:
    """Prices and what they achieve.

    Attributes:
        names: (attribute, category) of each price.
        lower: floor of each category's share.
        upper: its ceiling.
        prices: added to the score of an item in proportion to its share of the category; positive supports a category
            below its floor.
        bound: no lists within the limits have more utility than this.
        relaxed_utility: what ``mixture`` achieves exactly within the limits; at most ``bound``.
        utility: what plain serving by ``prices`` achieves; it can exceed ``bound`` only by breaking limits.
        unconstrained_utility: utility without limits.
        shares: exposure share of each category under plain serving.
        gap: (bound - utility) / bound.
        largest_violation: by how much plain serving misses a limit, in share; read it together with ``gap``.
        mixture: random serving that meets every limit in expectation, to the fit's tolerance.
        subjects: how many the prices were fitted on.
        evaluations: how often lists were made.
        converged: whether ``bound`` and ``relaxed_utility`` met within the tolerance.
    """

    names: tuple[Name, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    prices: tuple[float, ...]
    bound: float
    relaxed_utility: float
    utility: float
    unconstrained_utility: float
    shares: tuple[float, ...]
    gap: float
    largest_violation: float
    mixture: tuple[MixturePart, ...]
    subjects: int
    evaluations: int
    converged: bool

    def price_of(self) -> dict[Name, float]:
        """Price by (attribute, category)."""
        return dict(zip(self.names, self.prices, strict=True))

    def item_prices(self, groups: Floats) -> Floats:
        """What each item's score gains, shape (m,)."""
        return np.asarray(groups @ np.array(self.prices), dtype=np.float64)


def fit_prices(  # noqa: PLR0917 - the problem's own parts and how exactly to solve it
    scores: Scores,
    groups: Floats,
    names: Sequence[Name],
    attention: Floats,
    lower: Floats,
    upper: Floats,
    *,
    excluded: Mask | None = None,
    tolerance: float = 1e-5,
    max_evaluations: int = 300,
    box: float | None = None,
    progress: Progress | None = None,
) -> PriceFit:
    """Prices that meet exposure limits at the least loss of utility.

    ``tolerance`` is the relative gap at which to stop, ``box`` the largest price considered (default: three times the
    range of the scores). Single precision scores stay in single precision. ``progress(evaluations, max_evaluations)``
    is called as the fit goes on.

    Raises:
        InvalidConfig: see ``Problem``.
        InfeasibleLimits: limits that no lists can meet, alone.
        PriceAtBox: a price reached ``box``: the limits cannot be met together.

    Guarantees:
      - ``bound`` is at least the utility of any lists, random or not, within the limits
      - with equal input the same prices, bit for bit, on one machine
    """
    problem = Problem(
        scores=scores,
        groups=np.asarray(groups, dtype=np.float64),
        names=tuple(names),
        weights=np.asarray(attention, dtype=np.float64),
        lower=np.asarray(lower, dtype=np.float64),
        upper=np.asarray(upper, dtype=np.float64),
        excluded=excluded,
    )
    limit = 3.0 * float(scores.max() - scores.min()) if box is None else box
    contenders = contenders_of(problem)
    found = search(
        problem, contenders, box=limit, tolerance=tolerance, max_evaluations=max_evaluations, progress=progress
    )
    return _fit(problem, contenders, found)


def serve(scores: Scores, item_prices: Floats, k: int, excluded: Mask | None = None) -> Ints:
    """Items with the k largest ``scores + item_prices`` for each subject, best first, shape (n, k)."""
    n = scores.shape[0]
    added = item_prices.astype(np.float32 if scores.dtype == np.float32 else np.float64)
    lists = np.empty((n, k), dtype=np.int64)
    for start in range(0, n, _ROWS):
        rows = slice(start, start + _ROWS)
        priced = np.add(scores[rows], added)
        if excluded is not None:
            priced[excluded[rows]] = -np.inf
        lists[rows] = top(priced, k)
    return lists


def _fit(problem: Problem, contenders: Contenders, found: Search) -> PriceFit:
    tried = _polished(problem, contenders, found)
    weights = found.master.cut_weights
    # What serving does is measured by serving: items of equal score could have fallen otherwise among the contenders.
    chosen = _served(problem, min([*found.cuts, *tried], key=lambda cut: _shortfall(problem, cut, found.bound)).prices)
    return PriceFit(
        names=problem.names,
        lower=_plain(problem.lower),
        upper=_plain(problem.upper),
        prices=_plain(chosen.prices),
        bound=found.bound,
        relaxed_utility=found.master.value,
        utility=chosen.utility,
        unconstrained_utility=found.cuts[0].utility,
        shares=_plain(chosen.shares),
        gap=(found.bound - chosen.utility) / found.bound if found.bound else 0.0,
        largest_violation=float(_violation(problem, chosen).max(initial=0.0)),
        mixture=tuple(
            MixturePart(weight=float(weights[j]), prices=_plain(found.cuts[int(j)].prices))
            for j in np.flatnonzero(weights > _SLACK)
        ),
        subjects=problem.scores.shape[0],
        evaluations=len(found.cuts) + len(tried) + 1,
        converged=found.converged,
    )


def _polished(problem: Problem, contenders: Contenders, found: Search) -> list[Response]:
    """Responses to prices near the optimum at which plain serving meets the limits better.

    Near the optimum lists tie, and one set of prices alone can carry many ties to one side. The mixture's mean prices
    divide the ties; from there Newton steps follow how shares have answered to prices among the nearest cuts.
    """
    mean = np.sum(
        [weight * cut.prices for weight, cut in zip(found.master.cut_weights, found.cuts, strict=True)], axis=0
    )
    tried = [contenders.respond(mean)]
    active = np.flatnonzero(mean != 0)
    if not active.size:
        return tried
    answer = _answer([*found.cuts, *tried], active, mean)
    best = tried[0]
    for _ in range(_POLISHING):
        if _shortfall(problem, best, found.bound) <= _ENOUGH:
            break
        wanted = np.where(best.prices > 0, problem.lower, problem.upper)
        step = np.zeros_like(mean)
        step[active] = np.linalg.pinv(answer) @ (wanted - best.shares)[active]
        if not step.any():
            break
        tried.append(contenders.respond(best.prices + step))
        if _shortfall(problem, tried[-1], found.bound) < _shortfall(problem, best, found.bound):
            best = tried[-1]
        else:
            answer = 2.0 * answer
    return tried


def _answer(cuts: Sequence[Response], active: Ints, near: Floats) -> Floats:
    """How the shares of these categories answer to their prices: a symmetric matrix, from the cuts nearest a point."""
    distance = [float(np.abs(cut.prices - near).sum()) for cut in cuts]
    nearest = [cuts[j] for j in np.argsort(distance, kind="stable")[: 3 * active.size]]
    prices = np.array([cut.prices[active] for cut in nearest])
    shares = np.array([cut.shares[active] for cut in nearest])
    found, *_ = np.linalg.lstsq(prices - prices.mean(axis=0), shares - shares.mean(axis=0))
    symmetric: Floats = (found + found.T) / 2.0
    return symmetric


def _served(problem: Problem, prices: Floats) -> Response:
    """Plain serving: utility and shares of the lists that ``serve`` makes."""
    lists = serve(problem.scores, problem.groups @ prices, problem.weights.size, problem.excluded)
    attention = lists.shape[0] * float(problem.weights.sum())
    chosen = np.take_along_axis(problem.scores, lists, axis=1)
    utility = float(chosen.sum(axis=0, dtype=np.float64) @ problem.weights) / attention
    exposure = np.bincount(lists.ravel(), np.tile(problem.weights, lists.shape[0]), minlength=problem.groups.shape[0])
    shares = exposure @ problem.groups / attention
    return Response(prices=prices, utility=utility, shares=shares, value=utility + float(shares @ prices))


def _shortfall(problem: Problem, response: Response, bound: float) -> float:
    """Utility that is missing and the limit that is missed most, in units of what is good enough: 1 is."""
    gap = max(0.0, bound - response.utility) / (abs(bound) or 1.0)
    limit = np.where(response.shares < problem.lower, problem.lower, problem.upper)
    missed = _violation(problem, response) / np.maximum(limit, _LEAST_LIMIT)
    return max(gap / _GOOD_GAP, float(missed.max(initial=0.0)) / _GOOD_MISS)


def _violation(problem: Problem, response: Response) -> Floats:
    return np.maximum(np.maximum(problem.lower - response.shares, response.shares - problem.upper), 0.0)


def _plain(numbers: Floats) -> tuple[float, ...]:
    return tuple(float(number) + 0.0 for number in numbers)
