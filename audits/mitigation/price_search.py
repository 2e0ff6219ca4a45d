"""Search for the prices at which the dual is least: cutting planes, each the best lists at some prices.

Kelley's method (1960) with HiGHS, queried between the best prices so far and the model's own minimum (Ben-Ameur & Neto
2007), which needs about a third of the evaluations.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from audits.errors import InfeasibleLimits, PriceAtBox
from audits.mitigation.contenders import Contenders, Response
from audits.mitigation.problem import Floats, Problem

Progress = Callable[[int, int], None]

_AT_BOX = 0.99
_STEP = 0.15


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Master:
    """The model's minimum: its value, where it lies, and the weight of each cut that holds it up."""

    value: float
    prices: Floats
    cut_weights: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Search:
    """What was found.

    Attributes:
        cuts: the lists that were best at the prices tried.
        master: the model they make.
        bound: least value of the dual at any prices tried: no lists within the limits have more utility.
        converged: whether the model's minimum came within the tolerance of ``bound``.
    """

    cuts: tuple[Response, ...]
    master: Master
    bound: float
    converged: bool


def search(
    problem: Problem,
    contenders: Contenders,
    *,
    box: float,
    tolerance: float,
    max_evaluations: int,
    progress: Progress | None,
) -> Search:
    """Cut until model and dual meet within ``tolerance`` of each other, relatively, or evaluations run out.

    Raises:
        PriceAtBox: a price reached ``box``: the limits cannot be met together.
        InfeasibleLimits: the model has no minimum.
    """
    cuts = [contenders.respond(np.zeros(len(problem.names)))]
    best, bound = cuts[0], cuts[0].value
    while True:
        master = _solved(problem, cuts, box)
        converged = bound - master.value <= tolerance * abs(bound)
        if progress is not None:
            progress(len(cuts), max_evaluations)
        if converged or len(cuts) >= max_evaluations:
            _refuse_price_at_box(problem, master.prices if converged else best.prices, box)
            return Search(cuts=tuple(cuts), master=master, bound=bound, converged=converged)
        # Kelley's own next point, master.prices, jumps about; a short step towards it needs a third of the evaluations.
        # Either the new cut lifts the model there, or the best prices get better.
        cuts.append(contenders.respond(best.prices + _STEP * (master.prices - best.prices)))
        value = dual(problem, cuts[-1])
        if value < bound:
            best, bound = cuts[-1], value


def dual(problem: Problem, response: Response) -> float:
    """The dual at the response's prices: at least the utility of any lists within the limits."""
    prices = response.prices
    return response.value - float(np.where(prices > 0, problem.lower * prices, problem.upper * prices).sum())


def _solved(problem: Problem, cuts: Sequence[Response], box: float) -> Master:
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
    return Master(
        value=float(found.fun), prices=found.x[:size] - found.x[size : 2 * size], cut_weights=weights / weights.sum()
    )


def _refuse_price_at_box(problem: Problem, prices: Floats, box: float) -> None:
    # The model's own minimum says nothing before it has met the dual: early on it always lies at the box.
    stuck = np.flatnonzero(np.abs(prices) >= box * _AT_BOX)
    if stuck.size:
        named = ", ".join(" ".join(problem.names[j]) for j in stuck)
        msg = f"exposure limits: expected prices below {box:g}, got {named} at it; the limits cannot be met together"
        raise PriceAtBox(msg)
