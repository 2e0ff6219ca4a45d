"""Exposure limits at the least cost in utility: one price per category, fitted by the dual, with a certificate.

Problem, for subjects u, items i, ranks r, attention w(r) and N = subjects * sum w: choose lists, possibly at random,
that maximise sum w(r) s_ui subject to ``lower_g <= share_g <= upper_g``, where share_g is the attention given to
category g divided by N. Giving the limit of category g a price mu_g separates the problem by subject, and the best list
is the top k of s_ui + sum_g G_ig mu_g. The dual

    d(mu) = sum_u sum_r w(r) (r-th largest of s_u + G mu) / N - sum_g (lower_g mu_g if mu_g > 0 else upper_g mu_g)

is convex and piecewise linear, and at every mu at least the best utility under the limits (weak duality). Its minimum
is found by cutting planes (Kelley 1960) with HiGHS, queried between the best prices so far and the model's
(Ben-Ameur & Neto 2007), which needs about a third of the evaluations. All utilities are per unit of attention: an
attention-weighted mean score.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from audits.errors import InfeasibleLimits, PriceAtBox
from audits.exposure_problem import Floats, Ints, Mask, Name, Problem, Scores

Progress = Callable[[int, int], None]

_ROWS = 128
_SLACK = 1e-9
_AT_BOX = 0.99
_STEP = 0.2


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
        evaluations: how often lists were made.
        converged: whether ``bound`` and ``relaxed_utility`` met within the tolerance.
    """

    names: tuple[Name, ...]
    prices: tuple[float, ...]
    bound: float
    relaxed_utility: float
    utility: float
    unconstrained_utility: float
    shares: tuple[float, ...]
    gap: float
    largest_violation: float
    mixture: tuple[MixturePart, ...]
    evaluations: int
    converged: bool

    def price_of(self) -> dict[Name, float]:
        """Price by (attribute, category)."""
        return dict(zip(self.names, self.prices, strict=True))

    def item_prices(self, groups: Floats) -> Floats:
        """What each item's score gains, shape (m,)."""
        return np.asarray(groups @ np.array(self.prices), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cut:
    """Lists that were best at ``prices``: their utility and shares, and the dual's value there."""

    prices: Floats
    utility: float
    shares: Floats
    dual: float


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
      - ``bound`` is at least the utility of any lists, random or not, within the limits (to the precision of the
        scores)
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
    cuts, master = _cutting_planes(problem, limit, tolerance, max_evaluations, progress)
    bound = min(cut.dual for cut in cuts)
    converged = bound - master.value <= tolerance * abs(bound)
    _refuse_price_at_box(problem, cuts, master, limit, converged=converged)
    return _fit(problem, cuts, master, bound, converged=converged)


def serve(scores: Scores, item_prices: Floats, k: int, excluded: Mask | None = None) -> Ints:
    """Items with the k largest ``scores + item_prices`` for each subject, best first, shape (n, k)."""
    n, m = scores.shape
    added = item_prices.astype(np.float32 if scores.dtype == np.float32 else np.float64)
    lists = np.empty((n, k), dtype=np.int64)
    for start in range(0, n, _ROWS):
        rows = slice(start, start + _ROWS)
        priced = np.add(scores[rows], added)
        if excluded is not None:
            priced[excluded[rows]] = -np.inf
        # A partition finds the k best in linear time; only those are sorted.
        best = np.argpartition(priced, m - k, axis=1)[:, m - k :]
        order = np.argsort(-np.take_along_axis(priced, best, axis=1), axis=1, kind="stable")
        lists[rows] = np.take_along_axis(best, order, axis=1)
    return lists


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Master:
    """The model's minimum: its value, where it lies, and the weight of each cut that holds it up."""

    value: float
    prices: Floats
    cut_weights: Floats


def _cutting_planes(
    problem: Problem, box: float, tolerance: float, max_evaluations: int, progress: Progress | None
) -> tuple[list[_Cut], _Master]:
    cuts = [_evaluate(problem, np.zeros(len(problem.names)))]
    while True:
        master = _solve_master(problem, cuts, box)
        best = min(cuts, key=lambda cut: cut.dual)
        if progress is not None:
            progress(len(cuts), max_evaluations)
        if best.dual - master.value <= tolerance * abs(best.dual) or len(cuts) >= max_evaluations:
            return cuts, master
        # Kelley's own next point, master.prices, jumps about; a step of a fifth towards it needs a third of the
        # evaluations. Either the new cut lifts the model there, or the best prices get better.
        cuts.append(_evaluate(problem, best.prices + _STEP * (master.prices - best.prices)))


def _evaluate(problem: Problem, prices: Floats) -> _Cut:
    lists = serve(problem.scores, problem.groups @ prices, problem.weights.size, problem.excluded)
    attention = lists.shape[0] * problem.weights.sum()
    utility = float(
        (np.take_along_axis(problem.scores, lists, axis=1).sum(axis=0, dtype=np.float64) @ problem.weights) / attention
    )
    exposure = np.bincount(lists.ravel(), np.tile(problem.weights, lists.shape[0]), minlength=problem.groups.shape[0])
    shares = exposure @ problem.groups / attention
    return _Cut(
        prices=prices,
        utility=utility,
        shares=shares,
        dual=utility + float(shares @ prices) - _limit_cost(problem, prices),
    )


def _limit_cost(problem: Problem, prices: Floats) -> float:
    return float(np.where(prices > 0, problem.lower * prices, problem.upper * prices).sum())


def _solve_master(problem: Problem, cuts: Sequence[_Cut], box: float) -> _Master:
    size = len(problem.names)
    shares = np.array([cut.shares for cut in cuts])
    found = linprog(
        np.r_[-problem.lower, problem.upper, 1.0],
        A_ub=np.hstack([shares, -shares, -np.ones((len(cuts), 1))]),
        b_ub=-np.array([cut.utility for cut in cuts]),
        bounds=[(0.0, 0.0 if fixed else box) for fixed in problem.fixed] * 2 + [(None, None)],
        method="highs",
    )
    if found.status != 0 or found.x is None or found.fun is None:
        msg = f"prices: expected the master problem of {len(cuts)} cuts to be solved, got solver status {found.status}"
        raise InfeasibleLimits(msg)
    weights = np.maximum(-found.ineqlin.marginals, 0.0)
    return _Master(
        value=float(found.fun), prices=found.x[:size] - found.x[size : 2 * size], cut_weights=weights / weights.sum()
    )


def _fit(problem: Problem, cuts: Sequence[_Cut], master: _Master, bound: float, *, converged: bool) -> PriceFit:
    used = np.flatnonzero(master.cut_weights > _SLACK)
    chosen = _chosen(problem, cuts, master, bound)
    return PriceFit(
        names=problem.names,
        prices=_plain(chosen.prices),
        bound=bound,
        relaxed_utility=master.value,
        utility=chosen.utility,
        unconstrained_utility=cuts[0].utility,
        shares=_plain(chosen.shares),
        gap=(bound - chosen.utility) / bound if bound else 0.0,
        largest_violation=_violation(problem, chosen),
        mixture=tuple(
            MixturePart(weight=float(master.cut_weights[j]), prices=_plain(cuts[int(j)].prices)) for j in used
        ),
        evaluations=len(cuts),
        converged=converged,
    )


def _chosen(problem: Problem, cuts: Sequence[_Cut], master: _Master, bound: float) -> _Cut:
    """The prices to serve by, with their lists.

    Near the optimum lists tie, and one set of prices alone can carry many ties to one side. The mixture's mean prices
    divide the ties; of these and all prices tried, those with the least shortfall of utility and limits are taken.
    """
    mean = np.sum([weight * cut.prices for weight, cut in zip(master.cut_weights, cuts, strict=True)], axis=0)
    scale = abs(bound) or 1.0

    def shortfall(cut: _Cut) -> float:
        return max(0.0, bound - cut.utility) / scale + _violation(problem, cut)

    return min([*cuts, _evaluate(problem, mean)], key=shortfall)


def _violation(problem: Problem, cut: _Cut) -> float:
    return float(np.maximum(problem.lower - cut.shares, cut.shares - problem.upper).max(initial=0.0))


def _plain(numbers: Floats) -> tuple[float, ...]:
    return tuple(float(number) + 0.0 for number in numbers)


def _refuse_price_at_box(
    problem: Problem, cuts: Sequence[_Cut], master: _Master, box: float, *, converged: bool
) -> None:
    best = min(cuts, key=lambda cut: cut.dual)
    # The model's own minimum says nothing before it has met the dual: early on it always lies at the box.
    at = np.abs(master.prices) if converged else np.abs(best.prices)
    stuck = np.flatnonzero(at >= box * _AT_BOX)
    if stuck.size:
        named = ", ".join(" ".join(problem.names[j]) for j in stuck)
        msg = f"exposure limits: expected prices below {box:g}, got {named} at it; the limits cannot be met together"
        raise PriceAtBox(msg)
