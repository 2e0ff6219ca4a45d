"""Everything that can move the guarantee of a release, in one frozen type; what cannot is ``Performance``.

Why the continuous formula may be used for integer noise is proved in ``recommender.discreteness``.
"""

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

from recommender.accounting import Guarantee, compose_mu, epsilon_at, mu_for
from recommender.discreteness import LARGEST_EPSILON, MARGIN, verify_margin
from recommender.errors import BadMechanism
from recommender.fixed_point import COUNT_BITS
from recommender.signals import get_signal


@dataclass(frozen=True, kw_only=True)
class Mechanism:
    """One private measurement: noisy counts decide which items are kept, then a noisy Gram matrix of histories.

    Attributes:
        epsilon: what the whole release may cost one subject, in (0, 50].
        delta: in (0, 1); at most one over the number of subjects to mean anything.
        counts_share: share of μ² that the counts get, in (0, 1).
        max_items_per_subject: longer histories are cut to this many items.
        kept_sigmas: an item is kept when its noisy count exceeds this many standard deviations of the count noise.
        kept_at_most: the Gram matrix is at most this wide; costs time (the noise is drawn entry by entry), not
           privacy.
        kept_at_least: never fewer items than this, so that a small population still gets a model.
        gram_bits: a history is rounded to a grid of 2^-gram_bits, 12 to 20.
        count_exponent: a history weighs an item by its noisy count to the power of minus this, 0 to 1.
        shares: share of μ² of each further signal, by its slug in ``SIGNALS``; the Gram matrix gets what these and the
            counts leave. In the order in which they are given.
        trending_days: how long the window of the signal ``trending`` is.
        through_lens: whether histories are measured along fewer directions where noise would drown the others
            (``recommender.lens``). Changes what a release says, not what it guarantees.
    """

    epsilon: float
    delta: float
    counts_share: float = 0.15
    max_items_per_subject: int = 500
    kept_sigmas: float = 2.0
    kept_at_most: int = 1500
    kept_at_least: int = 10
    gram_bits: int = 16
    count_exponent: float = 0.25
    shares: tuple[tuple[str, float], ...] = ()
    trending_days: int = 7
    through_lens: bool = True

    def __post_init__(self) -> None:
        # JSON brings lists.
        object.__setattr__(self, "shares", tuple((str(slug), float(share)) for slug, share in self.shares))
        slugs = [get_signal(slug).slug for slug, _ in self.shares]
        for holds, wanted in (
            (0 < self.epsilon <= LARGEST_EPSILON, f"epsilon in (0, {LARGEST_EPSILON:g}]"),
            (0 < self.delta < 1, "delta in (0, 1)"),
            (0 < self.counts_share < 1, "counts_share in (0, 1)"),
            (self.max_items_per_subject >= 1, "max_items_per_subject of at least 1"),
            (0 <= self.kept_sigmas < math.inf, "kept_sigmas of at least 0"),
            (1 <= self.kept_at_least <= self.kept_at_most, "1 <= kept_at_least <= kept_at_most"),
            (12 <= self.gram_bits <= 20, "gram_bits from 12 to 20"),  # noqa: PLR2004 - the sentence beside it names the limits
            (0 <= self.count_exponent <= 1, "count_exponent in [0, 1]"),
            (len(set(slugs)) == len(slugs), "each signal in shares once"),
            (all(share > 0 for _, share in self.shares), "shares above 0"),
            (self.gram_share > 0, "counts_share and shares that leave something to the Gram matrix"),
            (self.trending_days >= 1, "trending_days of at least 1"),
        ):
            if not holds:
                msg = f"a mechanism needs {wanted}"
                raise BadMechanism(msg)

    @cached_property
    def _target_mu(self) -> float:
        """What the planned noise may cost at most."""
        return mu_for(self.epsilon * (1 - MARGIN), self.delta * (1 - MARGIN))

    @property
    def count_scale(self) -> int:
        """Standard deviation of the count noise in units of 2^-32 (rounded up)."""
        scale: int = math.ceil(2**COUNT_BITS / (self._target_mu * math.sqrt(self.counts_share)))
        return scale

    @property
    def gram_share(self) -> float:
        """Share of μ² of the Gram matrix: what counts and signals leave."""
        return 1 - self.counts_share - math.fsum(share for _, share in self.shares)

    @property
    def gram_scale(self) -> int:
        """Standard deviation of the noise of a Gram entry off the diagonal in units of 4^-gram_bits (rounded up)."""
        scale: int = math.ceil(4**self.gram_bits / (math.sqrt(2) * self._target_mu * math.sqrt(self.gram_share)))
        return scale

    @cached_property
    def signal_scales(self) -> dict[str, int]:
        """Standard deviation of the noise of each signal in its integers (rounded up; off a diagonal), by slug."""
        return {
            slug: math.ceil(get_signal(slug).sensitivity(self.gram_bits) / (self._target_mu * math.sqrt(share)))
            for slug, share in self.shares
        }

    @property
    def mu(self) -> float:
        """μ of the release as it is really drawn, from the integer scales."""
        return compose_mu(self.mu_by_sum.values())

    @property
    def mu_by_sum(self) -> dict[str, float]:
        """μ of each sum of the release: of ``counts``, of the ``gram`` matrix, and of each signal by its slug."""
        counts = 2**COUNT_BITS / self.count_scale
        gram = 4**self.gram_bits / (math.sqrt(2) * self.gram_scale)
        scales = self.signal_scales.items()
        signals = {slug: get_signal(slug).sensitivity(self.gram_bits) / scale for slug, scale in scales}
        return {"counts": counts, "gram": gram, **signals}

    @property
    def guarantee(self) -> Guarantee:
        """What a subject is promised by one release, when its noise comes from an exact source."""
        return Guarantee(
            epsilon=self.epsilon,
            delta=self.delta,
            mu=self.mu,
            unit=f"subject: everything one person did, at most {self.max_items_per_subject} items",
            neighbouring="add or remove one subject",
            accountant="Gaussian differential privacy, exact (Dong, Roth, Su 2022; Balle, Wang 2018)",
            mechanism=self.measured(),
        )

    def measured(self, directions: int | None = None) -> str:
        """What gets the noise, in words; ``directions``: how many of them histories were seen along, if not all.

        What is planned does not know them yet, for they follow from the noisy counts.
        """
        gram = "on the integer Gram matrix of normalised histories"
        if directions is not None:
            gram = f"on the integer Gram matrix of histories seen along {directions} directions, normalised"
        if not self.shares:
            return f"discrete Gaussian on integer counts and {gram}"
        return f"discrete Gaussian on integer counts, {gram} and on the signals {', '.join(self.signal_scales)}"

    def as_dict(self) -> dict[str, Any]:
        """The parameters, by name: ``Mechanism(**as_dict())`` is the same mechanism.

        Those of further signals are left out where there is none, so that what was written before there were any keeps
        its bytes.
        """
        fields = asdict(self)
        if self.through_lens:
            del fields["through_lens"]
        if not self.shares:
            del fields["shares"], fields["trending_days"]
            return fields
        return fields | {"shares": [list(share) for share in self.shares]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """What changes how fast the same release is measured, and never what it guarantees or contains.

    Attributes:
        threads: of torch on the CPU.
        chunk_rows: how many histories a dense product takes at once.
        device: where torch adds up.
        layout: dense products, pairs of the sparse histories, or whichever should be faster.
        engine: an Ibis backend that adds up instead of torch, through a lens too, where all rows are dense and torch is
            faster; the caller opens and closes it.
    """

    threads: int = 2
    chunk_rows: int = 1024
    device: Literal["cpu", "cuda"] = "cpu"
    layout: Literal["auto", "dense", "sparse"] = "auto"
    engine: Any = None

    def __post_init__(self) -> None:
        if self.device not in ("cpu", "cuda") or self.layout not in ("auto", "dense", "sparse"):
            msg = f"expected a device cpu or cuda and a layout auto, dense or sparse, got {self.device}, {self.layout}"
            raise BadMechanism(msg)
        if self.threads < 1 or self.chunk_rows < 1:
            msg = f"threads and chunk_rows must be at least 1, got {self.threads} and {self.chunk_rows}"
            raise BadMechanism(msg)


def plan(epsilon: float, delta: float, **settings: Any) -> Mechanism:  # noqa: ANN401 - checked by the mechanism itself
    """The mechanism that spends (ε, δ), with the given settings in place of the defaults.

    Raises:
        BadMechanism: a setting is unknown or out of range, or (ε, δ) cannot be met.
    """
    try:
        mechanism = Mechanism(epsilon=epsilon, delta=delta, **settings)
    except TypeError as cause:
        unknown = sorted(set(settings) - set(Mechanism.__dataclass_fields__))
        msg = f"a mechanism has no such setting: {', '.join(unknown)}"
        raise BadMechanism(msg) from cause
    if epsilon_at(mechanism.mu, delta) > epsilon:
        msg = f"the planned noise costs more than epsilon {epsilon} at delta {delta}"
        raise BadMechanism(msg)
    return mechanism


def verify_fine_enough(mechanism: Mechanism, *, coordinates: int) -> None:
    """Check that the grid is fine enough for the continuous formula (``recommender.discreteness`` says why it must be).

    Raises:
        BadMechanism: the integer noise is so coarse, for that many coordinates, that the margin would not cover it.
    """
    finest = min(mechanism.count_scale, mechanism.gram_scale, *mechanism.signal_scales.values())
    verify_margin(finest_scale=finest, coordinates=coordinates, epsilon=mechanism.epsilon, delta=mechanism.delta)
