"""How far canaries stand out of the Gaussian noise of one sum, and so how much it leaks at least. Pure mathematics.

Guesses run into a ceiling: however many of 4,000 are right, they refute at 95 % no μ above 2.7, which ε = 16 has
at δ = 1e-6. This has none. It asks for more: that the noise of the sum is Gaussian and of one size, as is claimed.

The auditor knows the coins b_c, what each canary adds, v_c, and what the others add. What is released is regressed on
S = Σ (b_c - ½) v_c, beside Σ v_c and the others' sum, each with a factor of its own. If the code adds k v_c and noise
of τ times the claimed size, then the slope over its estimated error has Student's t distribution with the
noncentrality (k/τ)‖S‖, in units of the claimed noise (noise is the error of a linear regression). That gives exact
lower bounds on k/τ, and on μ: k/τ times the longest v_c. Only coins are believed, since what code adds besides k v_c
(for everybody alike, or to the wrong subject) either has a factor of its own or counts as noise.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recommender.attacks.likelihood import NoisySum, Reading, Rows

_QUIETEST = 1e-3
"""Noise, over what is claimed, below which none at all is told from it."""

_NUISANCES = 2
_POINTS, _FAR = 401, 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far the canaries of one run stand out of one sum.

    Attributes:
        statistic: the slope over its estimated error.
        expected: its noncentrality if contributions and noise are as claimed.
        freedom: degrees of freedom of the error: numbers in the sum less those that were estimated.
        longest: of the canaries' contributions, over the claimed noise: the μ that they would show.
    """

    statistic: float
    expected: float
    freedom: int
    longest: float

    def mu_lower(self, confidence: float) -> float:
        """The largest μ that is refuted with this confidence; 0 where nothing is shown."""
        error = 1 - confidence
        if self.freedom < 1 or self.expected <= 0 or exceeded(self.statistic, 0.0, self.freedom) > error:
            return 0.0
        highest = 2 * self.statistic + 10.0
        least = _root(lambda each: exceeded(self.statistic, each, self.freedom) - error, highest)
        return least / self.expected * self.longest

    def needed(self, mu: float, confidence: float) -> float:
        """The statistic above which μ is refuted; infinite where none does."""
        if self.freedom < 1 or self.longest <= 0:
            return math.inf
        return critical(self.expected * mu / self.longest, self.freedom, confidence)

    def chance(self, mu: float, confidence: float, *, times: float = 2.0, canaries: float = 1.0) -> float:
        """How surely μ is refuted by a sum that leaks ``times`` what its contributions and claimed noise leak.

        Args:
            mu: claimed.
            confidence: of the bound.
            times: 2 is half of the noise.
            canaries: how many, over how many there were: noncentralities grow with the root.
        """
        if self.freedom < 1 or self.longest <= 0:
            return 0.0
        grown = self.expected * math.sqrt(canaries)
        return exceeded(critical(grown * mu / self.longest, self.freedom, confidence), times * grown, self.freedom)


def standing(seen: Reading, name: str, included: np.ndarray) -> Standing:
    """How far canaries stand out of one sum. Where canaries add nothing, nothing is read.

    Numbers that no canary touches are left out of vectors: a title that is kept for a count that noise made high has
    noise of another distribution. Canary titles are kept whatever the noise is (``attacks.fitting``).
    """
    noisy, rows, known = seen.sums[name], seen.rows[name], seen.known[name]
    everybody, coins = noisy.add(rows, np.ones(len(included))), noisy.add(rows, included - 0.5)
    touched = everybody if noisy.outer else (everybody != 0).astype(float)

    def kept(values: np.ndarray) -> np.ndarray:
        whole: np.ndarray = values / noisy.noise if noisy.outer else values * touched / noisy.noise
        return whole

    left = [kept(noisy.values), kept(coins)]
    for nuisance in _orthogonal(noisy, [kept(known), kept(everybody)]):
        left = [each - noisy.product(each, nuisance) * nuisance for each in left]
    released, signal = left
    strength = noisy.product(signal, signal)
    width = len(noisy.values)
    freedom = (width * (width + 1) // 2 if noisy.outer else int(touched.sum())) - _NUISANCES - 1
    longest = math.sqrt(float(_lengths(noisy, rows).max(initial=0.0)))
    if strength <= 0 or freedom < 1:
        return Standing(statistic=0.0, expected=0.0, freedom=max(freedom, 0), longest=longest)
    slope = noisy.product(released, signal) / strength
    rest = released - slope * signal
    noise = max(math.sqrt(noisy.product(rest, rest) / freedom), _QUIETEST)
    expected = math.sqrt(strength)
    return Standing(statistic=slope * expected / noise, expected=expected, freedom=freedom, longest=longest)


def exceeded(statistic: float, noncentrality: float, freedom: int) -> float:
    """Pr[T ≥ statistic] of Student's noncentral t: the mean of Φ(noncentrality - statistic · x), x² being χ²/freedom.

    Accurate to 1e-9 with 10 degrees of freedom and more (SciPy's own fails at the large values that occur here).
    """
    from scipy.special import ndtr

    width = _FAR / math.sqrt(2 * freedom)
    x = np.linspace(max(1 - width, 1e-6), 1 + width, _POINTS)
    log_density = (freedom - 1) * np.log(x) - freedom * x**2 / 2
    weights = np.exp(log_density - log_density.max())
    return min(float(weights @ ndtr(noncentrality - statistic * x) / weights.sum()), 1.0)


def critical(noncentrality: float, freedom: int, confidence: float) -> float:
    """The statistic that is exceeded with the error that the confidence leaves."""
    highest, error = 2 * noncentrality + 10.0, 1 - confidence
    while exceeded(highest, noncentrality, freedom) > error:
        highest *= 2
    return _root(lambda each: exceeded(each, noncentrality, freedom) - error, highest)


def _root(excess: Callable[[float], float], highest: float) -> float:
    """Of a function that changes its sign once between 0 and there."""
    from scipy.optimize import brentq

    return float(brentq(excess, 0.0, highest, xtol=1e-9, rtol=1e-9))


def _orthogonal(noisy: NoisySum, directions: list[np.ndarray]) -> list[np.ndarray]:
    """The same span by directions of length one, less those that add nothing to it (Gram and Schmidt)."""
    found: list[np.ndarray] = []
    for direction in directions:
        left = direction
        for each in found:
            left = left - noisy.product(left, each) * each
        length = math.sqrt(noisy.product(left, left))
        if length > 1e-9 * math.sqrt(noisy.product(direction, direction)):
            found.append(left / length)
    return found


def _lengths(noisy: NoisySum, rows: Rows) -> np.ndarray:
    """Squared length of each contribution over the noise."""
    squares = rows**2 if isinstance(rows, np.ndarray) else rows.multiply(rows)
    whole = np.asarray(squares.sum(axis=1)).ravel()
    lengths: np.ndarray = (whole**2 / 2 if noisy.outer else whole) / noisy.noise**2
    return lengths
