"""All that can move the guarantee of a rating release. See ``recommender.discreteness`` for the argument."""

import math
from dataclasses import asdict, dataclass
from functools import cached_property

from recommender.accounting import Guarantee, compose_mu, epsilon_at, mu_for
from recommender.discreteness import LARGEST_EPSILON, MARGIN
from recommender.errors import BadMechanism

LEVEL_BITS = 24
"""Fixed point of counts, sums of ratings and moments: a subject moves them all together by at most 2^24 in L2."""


@dataclass(frozen=True, kw_only=True)
class RatingMechanism:
    """Counts and centred ratings, then centred ratings again around what was learnt, then their covariance.

    Attributes:
        epsilon: what the whole release may cost one subject, in (0, 50].
        delta: in (0, 1).
        first_share: share of μ² of the first round of counts and centred ratings.
        second_share: share of the second round; the covariance gets the rest.
        max_items_per_subject: longer histories are cut to this many ratings.
        kept_sigmas: an item enters the covariance when its noisy count exceeds this many of its standard deviations.
        kept_at_most: the covariance is at most this wide.
        gram_bits: centred ratings are rounded to a grid of 2^-gram_bits, 12 to 20.
    """

    epsilon: float
    delta: float
    first_share: float = 0.3
    second_share: float = 0.2
    max_items_per_subject: int = 500
    kept_sigmas: float = 2.0
    kept_at_most: int = 1000
    gram_bits: int = 16

    def __post_init__(self) -> None:
        for holds, wanted in (
            (0 < self.epsilon <= LARGEST_EPSILON, f"epsilon in (0, {LARGEST_EPSILON:g}]"),
            (0 < self.delta < 1, "delta in (0, 1)"),
            (self.first_share > 0 and self.second_share > 0, "positive shares"),
            (self.first_share + self.second_share < 1, "shares that leave some for the covariance"),
            (self.max_items_per_subject >= 1, "max_items_per_subject of at least 1"),
            (0 <= self.kept_sigmas < math.inf, "kept_sigmas of at least 0"),
            (self.kept_at_most >= 1, "kept_at_most of at least 1"),
            (12 <= self.gram_bits <= 20, "gram_bits from 12 to 20"),  # noqa: PLR2004 - the sentence beside it names the limits
        ):
            if not holds:
                msg = f"a rating mechanism needs {wanted}"
                raise BadMechanism(msg)

    @cached_property
    def _target_mu(self) -> float:
        return mu_for(self.epsilon * (1 - MARGIN), self.delta * (1 - MARGIN))

    @property
    def first_scale(self) -> int:
        """Standard deviation of the first round's noise in units of 2^-24 (rounded up)."""
        scale: int = math.ceil(2**LEVEL_BITS / (self._target_mu * math.sqrt(self.first_share)))
        return scale

    @property
    def second_scale(self) -> int:
        """The same for the second round."""
        scale: int = math.ceil(2**LEVEL_BITS / (self._target_mu * math.sqrt(self.second_share)))
        return scale

    @property
    def gram_scale(self) -> int:
        """Standard deviation of a covariance entry off the diagonal in units of 4^-gram_bits (rounded up)."""
        share = 1 - self.first_share - self.second_share
        scale: int = math.ceil(4**self.gram_bits / (math.sqrt(2) * self._target_mu * math.sqrt(share)))
        return scale

    @property
    def mu(self) -> float:
        """μ of the release as it is really drawn, from the integer scales."""
        levels = (2**LEVEL_BITS / self.first_scale, 2**LEVEL_BITS / self.second_scale)
        return compose_mu((*levels, 4**self.gram_bits / (math.sqrt(2) * self.gram_scale)))

    @property
    def guarantee(self) -> Guarantee:
        """What a subject is promised by one release, when its noise comes from an exact source."""
        return Guarantee(
            epsilon=self.epsilon,
            delta=self.delta,
            mu=self.mu,
            unit=f"subject: everything one person rated, at most {self.max_items_per_subject} ratings",
            neighbouring="add or remove one subject",
            accountant="Gaussian differential privacy, exact (Dong, Roth, Su 2022; Balle, Wang 2018)",
            mechanism="discrete Gaussian on integer counts, sums and covariance of normalised centred ratings",
        )

    def as_dict(self) -> dict[str, float | int]:
        """The parameters, by name: ``RatingMechanism(**as_dict())`` is the same mechanism."""
        return asdict(self)


def plan_ratings(epsilon: float, delta: float, **settings: float) -> RatingMechanism:
    """The mechanism that spends (ε, δ), with the given settings in place of the defaults.

    Raises:
        BadMechanism: a setting is unknown or out of range, or (ε, δ) cannot be met.
    """
    unknown = sorted(set(settings) - set(RatingMechanism.__dataclass_fields__))
    if unknown:
        msg = f"a rating mechanism has no such setting: {', '.join(unknown)}"
        raise BadMechanism(msg)
    mechanism = RatingMechanism(epsilon=epsilon, delta=delta, **settings)  # type: ignore[arg-type]
    if epsilon_at(mechanism.mu, delta) > epsilon:
        msg = f"the planned noise costs more than epsilon {epsilon} at delta {delta}"
        raise BadMechanism(msg)
    return mechanism
