"""What several private steps cost one subject together, Gaussian or Poisson-sampled Gaussian, in one accountant.

Gaussian steps alone are composed in closed form (``recommender.accounting``), which loses nothing. Where Poisson-
sampled steps are among them, as in DP-SGD, Google's dp-accounting convolves privacy loss distributions, on a grid and
rounded so that δ is never understated (Doroshenko, Ghazi, Kamath, Kumar, Manurangsi 2022, "Connect the Dots"). dp-
accounting is loaded only then.

The neighbours are data sets of which one has one subject more; both directions are accounted for.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from recommender.accounting import Guarantee, SampledGaussian, compose_mu, delta_at, epsilon_at, mu_for
from recommender.errors import BadMechanism

COARSEST = 5e-3
FINEST = 1e-5
"""Limits of the grid of privacy losses. Between them it is a tenth of a step's typical loss, so that rounding up adds
less than one per cent to the variance; a coarser grid is faster and more pessimistic, never optimistic."""

_PRECISION = 2e-5
_WIDER = 1.1
_NOTHING = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """All that accounting needs to know of private steps on the same subjects, adaptively chosen or not.

    Attributes:
        mu: of all Gaussian steps together, not negative.
        sampled: the Poisson-sampled steps.
    """

    mu: float = 0.0
    sampled: tuple[SampledGaussian, ...] = ()


def cost_of(guarantee: Guarantee) -> Cost:
    """What the steps behind a guarantee cost."""
    return Cost(mu=guarantee.mu, sampled=guarantee.sampled)


def compose(costs: Iterable[Cost]) -> Cost:
    """All the costs together: steps that everybody is in join the Gaussian ones, and equal steps are counted up."""
    mus: list[float] = []
    steps: dict[tuple[float, float], int] = {}
    for cost in costs:
        mus.append(cost.mu)
        for each in cost.sampled:
            if each.sampling_rate == 1:
                mus.append(math.sqrt(each.steps) / each.noise_multiplier)
            else:
                place = (each.noise_multiplier, each.sampling_rate)
                steps[place] = steps.get(place, 0) + each.steps
    sampled = tuple(
        SampledGaussian(noise_multiplier=noise, sampling_rate=rate, steps=count)
        for (noise, rate), count in sorted(steps.items())
    )
    return Cost(mu=compose_mu(mus), sampled=sampled)


def composed_delta(cost: Cost, epsilon: float) -> float:
    """A δ for which the cost is (ε, δ)-DP, ε ≥ 0: the smallest one, up to the rounding of the grid."""
    whole = compose((cost,))
    if not whole.sampled:
        return delta_at(whole.mu, epsilon)
    grid = _grid(whole.sampled)
    losses = _sampled_losses(whole.sampled, grid)
    if whole.mu == 0:
        return float(losses.get_delta_for_epsilon(epsilon))
    return float(losses.get_delta_for_epsilon_for_composed_pld(_gaussian_losses(whole.mu, grid), epsilon))


def composed_epsilon(cost: Cost, delta: float) -> float:
    """An ε ≥ 0 for which the cost is (ε, δ)-DP: the smallest one, up to the rounding of the grid.

    Raises:
        BadMechanism: δ is not inside (0, 1).
    """
    whole = compose((cost,))
    if not (whole.sampled and 0 < delta < 1):
        return epsilon_at(whole.mu, delta)
    grid = _grid(whole.sampled)
    losses = _sampled_losses(whole.sampled, grid)
    if whole.mu > 0:
        losses = losses.compose(_gaussian_losses(whole.mu, grid))
    return max(float(losses.get_epsilon_for_delta(delta)), 0.0)


def equivalent_mu(cost: Cost, delta: float) -> float:
    """μ of the Gaussian step that costs as much at δ: for comparing costs, not for composing them further."""
    whole = compose((cost,))
    return mu_for(max(composed_epsilon(whole, delta), _PRECISION), delta) if whole.sampled else whole.mu


@lru_cache(maxsize=64)
def largest_mu_beside(cost: Cost, epsilon: float, delta: float) -> float:
    """μ of the largest Gaussian step that fits beside the cost within (ε, δ); 0 where nothing fits.

    Raises:
        BadMechanism: ε is not positive and finite, or δ is not inside (0, 1).
    """
    whole = compose((cost,))
    most = mu_for(epsilon, delta)
    if not whole.sampled:
        return math.sqrt(max(most**2 - whole.mu**2, 0.0))
    if composed_delta(Cost(sampled=whole.sampled), epsilon) > delta:
        return 0.0
    aside = equivalent_mu(Cost(sampled=whole.sampled), delta)
    guess = math.sqrt(max(most**2 - aside**2, (most * _PRECISION) ** 2))
    total = _largest(lambda mu: composed_delta(Cost(mu=mu, sampled=whole.sampled), epsilon), guess, delta)
    return math.sqrt(max(total**2 - whole.mu**2, 0.0))


def smallest_noise(epsilon: float, delta: float, *, beside: Cost, sampling_rate: float, steps: int) -> float:
    """The smallest noise multiplier at which the sampled steps and what is ``beside`` them stay within (ε, δ).

    From above, to 1e-4 relative.

    Raises:
        BadMechanism: (ε, δ) is spent by what is beside, or is no budget.
    """
    left = largest_mu_beside(beside, epsilon, delta)
    if left <= 0:
        msg = f"epsilon {epsilon} at delta {delta} is spent: no noise is large enough"
        raise BadMechanism(msg)
    unsampled = left / math.sqrt(steps)
    if sampling_rate == 1:
        return 1 / unsampled

    def spent(inverse: float) -> float:
        step = SampledGaussian(noise_multiplier=1 / inverse, sampling_rate=sampling_rate, steps=steps)
        return composed_delta(compose((beside, Cost(sampled=(step,)))), epsilon)

    # The central limit of sampled steps (Bu, Dong, Long, Su 2020) says where to look.
    guess = math.sqrt(math.log1p((unsampled / sampling_rate) ** 2))
    return 1 / _largest(spent, guess, delta)


def _largest(spent: Callable[[float], float], guess: float, delta: float) -> float:
    """The largest positive value at which no more than δ is spent, from below; spending grows with the value."""
    from scipy.optimize import brentq

    def excess(value: float) -> float:
        return math.log(max(spent(value), _NOTHING) / delta)

    low, high = guess / _WIDER, guess * _WIDER
    while excess(low) > 0:
        low, high = low / 2, low
        if low < guess * _PRECISION:
            return 0.0
    while excess(high) < 0:
        low, high = high, high * 2
    found = float(brentq(excess, low, high, xtol=high * _PRECISION, rtol=_PRECISION))
    while spent(found) > delta:
        found *= 1 - _PRECISION
    return found


def _grid(sampled: tuple[SampledGaussian, ...]) -> float:
    typical = min(each.sampling_rate / each.noise_multiplier for each in sampled)
    return min(max(typical / 10, FINEST), COARSEST)


@lru_cache(maxsize=16)
def _sampled_losses(sampled: tuple[SampledGaussian, ...], grid: float) -> Any:  # noqa: ANN401 - dp-accounting has no types
    from dp_accounting.pld.privacy_loss_distribution import from_gaussian_mechanism, identity

    losses = identity(value_discretization_interval=grid)
    for each in sampled:
        step = from_gaussian_mechanism(
            each.noise_multiplier, sampling_prob=each.sampling_rate, value_discretization_interval=grid
        )
        losses = losses.compose(step.self_compose(each.steps))
    return losses


def _gaussian_losses(mu: float, grid: float) -> Any:  # noqa: ANN401 - dp-accounting has no types
    from dp_accounting.pld.privacy_loss_distribution import from_gaussian_mechanism

    return from_gaussian_mechanism(1 / mu, value_discretization_interval=grid)
