"""Gaussian differential privacy: what a composition of Gaussian mechanisms guarantees, exactly.

A mechanism is μ-GDP when telling two neighbouring inputs apart is at least as hard as telling N(0, 1) from N(μ, 1)
with one draw. A Gaussian mechanism with L2 sensitivity Δ and standard deviation s is Δ/s-GDP, and compositions,
adaptive ones included, add up as μ² = Σ μ_i² (Dong, Roth, Su 2022, "Gaussian Differential Privacy", Theorem 2.7 and
Corollary 3.3). The conversion to (ε, δ) is Balle and Wang 2018, Theorem 8. No bound is lost on the way, unlike with
Rényi accounting.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from recommender.errors import BadMechanism

LARGEST_MU = 1e3
SMALLEST_MU = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledGaussian:
    """Steps of DP-SGD: each subject is in a step with a known probability, and the step's sum gets Gaussian noise.

    Attributes:
        noise_multiplier: standard deviation of the noise over the most that one subject moves the sum (L2); positive.
        sampling_rate: probability, in (0, 1], with which each subject is in a step, independently of all else.
        steps: how many there are, at least 1.

    Raises:
        BadMechanism: one is out of its range.
    """

    noise_multiplier: float
    sampling_rate: float
    steps: int

    def __post_init__(self) -> None:
        if not (0 < self.noise_multiplier < math.inf and 0 < self.sampling_rate <= 1 and self.steps >= 1):
            msg = (
                "sampled Gaussian steps need a positive noise_multiplier, a sampling_rate in (0, 1] and at least one "
                f"step, got {self.noise_multiplier}, {self.sampling_rate} and {self.steps}"
            )
            raise BadMechanism(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantee:
    """What a release, or a model, promises to each subject. The parts mean nothing alone, so they travel together.

    ``epsilon`` is infinite and ``delta`` 1 where nothing is promised (see ``no_guarantee``). ``mu`` is what all plain
    Gaussian steps cost together, and ``sampled`` are the Poisson-sampled ones beside them: from these two any further
    composition is computed exactly (``recommender.composition``).
    """

    epsilon: float
    delta: float
    mu: float
    unit: str
    neighbouring: str
    accountant: str
    mechanism: str
    sampled: tuple[SampledGaussian, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON without infinities: those are written as the text ``inf``, which ``from_dict`` reads back."""
        fields = {k: "inf" if v == math.inf else v for k, v in asdict(self).items() if k != "sampled"}
        if self.sampled:  # left out where there is none: what was written before there were any keeps its digest
            fields["sampled"] = [asdict(each) for each in self.sampled]
        return fields

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Raises: KeyError, TypeError, ValueError or BadMechanism when a field is absent or not what it should be."""
        numbers = {name: float(fields[name]) for name in ("epsilon", "delta", "mu")}
        words = {name: str(fields[name]) for name in ("unit", "neighbouring", "accountant", "mechanism")}
        return cls(**numbers, **words, sampled=sampled_from(fields))  # type: ignore[arg-type]


def sampled_from(fields: Mapping[str, Any]) -> tuple[SampledGaussian, ...]:
    """The sampled steps of a guarantee as ``as_dict`` wrote it. Raises: TypeError or BadMechanism."""
    return tuple(SampledGaussian(**each) for each in fields.get("sampled", ()))


def no_guarantee(mechanism: str) -> Guarantee:
    """The honest statement about a measurement whose noise was not drawn by an exact, secure source."""
    return Guarantee(
        epsilon=math.inf,
        delta=1.0,
        mu=math.inf,
        unit="none",
        neighbouring="none",
        accountant="none",
        mechanism=mechanism,
    )


def delta_at(mu: float, epsilon: float) -> float:
    """The smallest δ for which μ-GDP implies (ε, δ)-DP: Φ(-ε/μ + μ/2) - e^ε Φ(-ε/μ - μ/2).

    ``mu`` > 0, ``epsilon`` ≥ 0. Worked in logarithms, so that e^ε does not overflow and the difference keeps its
    digits.
    """
    from scipy.special import log_ndtr  # SciPy takes half a second, which who only reads a guarantee need not wait for

    if mu <= 0:
        return 0.0
    first = float(log_ndtr(-epsilon / mu + mu / 2))
    second = epsilon + float(log_ndtr(-epsilon / mu - mu / 2))
    return -math.exp(first) * math.expm1(min(second - first, 0.0))


def epsilon_at(mu: float, delta: float) -> float:
    """The smallest ε ≥ 0 with ``delta_at(mu, ε)`` ≤ δ.

    Raises:
        BadMechanism: δ is not inside (0, 1).
    """
    _check_delta(delta)
    if delta_at(mu, 0.0) <= delta:
        return 0.0
    high = 1.0
    while delta_at(mu, high) > delta:
        high *= 2
    return _root(lambda epsilon: delta_at(mu, epsilon) - delta, 0.0, high, tolerance=1e-13)


def mu_for(epsilon: float, delta: float) -> float:
    """The largest μ that still implies (ε, δ)-DP, by root finding to 1e-14 relative.

    Raises:
        BadMechanism: ε is not positive and finite, or δ is not inside (0, 1).
    """
    _check_delta(delta)
    if not (0 < epsilon < math.inf):
        msg = f"epsilon must be positive and finite, got {epsilon}"
        raise BadMechanism(msg)
    return _root(lambda mu: delta_at(mu, epsilon) - delta, SMALLEST_MU, LARGEST_MU, tolerance=1e-15)


def compose_mu(mus: Iterable[float]) -> float:
    """μ of all the mechanisms together, adaptively chosen or not: the root of the sum of squares."""
    return math.hypot(*mus)


def _root(excess: Callable[[float], float], low: float, high: float, *, tolerance: float) -> float:
    from scipy.optimize import brentq

    return float(brentq(excess, low, high, xtol=tolerance, rtol=1e-14))


def _check_delta(delta: float) -> None:
    if not (0 < delta < 1):
        msg = f"delta must lie strictly between 0 and 1, got {delta}"
        raise BadMechanism(msg)
