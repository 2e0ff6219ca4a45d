"""What an audit with so many canaries could find, before it is run: how many guesses to make, and how sure it is.

All of it follows from the claim, never from a run, so the number of guesses is fixed beforehand as the bounds ask.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recommender.attacks.one_run import mu_lower_bound, p_value, refutes_mu
from recommender.errors import BadAttack

MOST_CANARIES = 1_000_000

_SHARES = (0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What to expect of an audit.

    Attributes:
        guesses: r.
        needed: the fewest right guesses that refute the claimed μ; r + 1 where none do.
        expected: right guesses against a mechanism that leaks ``times`` as much, on average.
        sigmas: how many standard deviations of the right guesses lie between the two; above 2 the fault is all but
           sure to be found.
    """

    guesses: int
    needed: int
    expected: float
    sigmas: float


def best_guesses(mu: float, *, canaries: int, times: float = 2.0, confidence: float = 0.95) -> Power:
    """The number of guesses that finds a leak of ``times`` the claimed μ most surely.

    Few guesses are surer ones, many are more evidence; which matters more depends on μ and the number of canaries.
    Where no number of guesses can refute μ, it is the one whose bound comes closest to it if all are right.

    Raises:
        BadAttack: μ or ``times`` is not positive, or there are no canaries.
    """
    if not (mu > 0 and times > 0):
        msg = f"power is asked of a positive mu and leak, got {mu} and {times}"
        raise BadAttack(msg)
    numbers = sorted({max(1, round(share * canaries)) for share in _SHARES})
    found = [power_of(mu, canaries, r, times=times, confidence=confidence) for r in numbers]
    if all(each.needed > each.guesses for each in found):
        return max(found, key=lambda each: _ceiling(each, canaries, confidence))
    return max(found, key=_sureness)


def power_of(mu: float, canaries: int, guesses: int, *, times: float = 2.0, confidence: float = 0.95) -> Power:
    """What to expect of that many guesses."""
    needed = fewest_for_mu(mu, canaries, guesses, confidence=confidence)
    chance = accuracy(mu * times, guesses / canaries)
    spread = np.sqrt(max(guesses * chance * (1 - chance), 1e-2))
    expected = guesses * chance
    sigmas = -np.inf if needed > guesses else (expected - needed + 0.5) / spread
    return Power(guesses=guesses, needed=needed, expected=expected, sigmas=float(sigmas))


def fewest_for_mu(mu: float, canaries: int, guesses: int, *, confidence: float = 0.95) -> int:
    """The fewest right guesses that refute μ; r + 1 where none do."""
    return _fewest(
        lambda v: refutes_mu(mu, canaries=canaries, guesses=guesses, correct=v, confidence=confidence), guesses
    )


def fewest_canaries(chance: Callable[[int], float], enough: float) -> int | None:
    """The fewest canaries with which an audit finds what it looks for with a chance of ``enough``.

    Args:
        chance: of so many; rising.
        enough: in (0, 1).

    Returns:
        None where ``MOST_CANARIES`` are too few.
    """
    found = _fewest(lambda number: number > 0 and chance(number) >= enough, MOST_CANARIES)
    return found if found <= MOST_CANARIES else None


def fewest_for_epsilon(epsilon: float, delta: float, canaries: int, guesses: int, *, confidence: float = 0.95) -> int:
    """The fewest right guesses that refute (ε, δ) of any mechanism; r + 1 where none do."""

    def refuted(correct: int) -> bool:
        found = p_value(canaries=canaries, guesses=guesses, correct=correct, epsilon=epsilon, delta=delta)
        return found <= 1 - confidence

    return _fewest(refuted, guesses)


def accuracy(mu: float, share: float) -> float:
    """How often the best attacker is right about the ``share`` of canaries that it is surest of, if μ is what leaks.

    Scores are N(±μ/2, 1). Guessed are those beyond ±t with Φ(-t + μ/2) + Φ(-t - μ/2) = ``share``; the first term is
    right. Always above ½ for μ > 0.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr

    if share >= 1:
        return float(ndtr(mu / 2))
    edge = brentq(lambda t: ndtr(mu / 2 - t) + ndtr(-mu / 2 - t) - share, 0.0, 40.0 + mu)
    return float(ndtr(mu / 2 - edge) / share)


def _fewest(refuted: Callable[[int], bool], guesses: int) -> int:
    """By bisection: more right guesses refute what fewer do."""
    low, high = 0, guesses + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if refuted(middle) else (middle, high)
    return high


def _ceiling(power: Power, canaries: int, confidence: float) -> float:
    """The bound on μ if all guesses are right."""
    return mu_lower_bound(canaries=canaries, guesses=power.guesses, correct=power.guesses, confidence=confidence)


def _sureness(power: Power) -> float:
    return power.sigmas
