"""Everything that can move the guarantee of an autoencoder's training; what cannot is ``Schedule``.

The noise is drawn as integers, like a release's, so the argument of ``recommender.discreteness`` holds here too: over d
coordinates in all the steps, discrete noise of standard deviation s (in units of the grid) differs from rounded
continuous noise by a factor within e^±η, η = (5d + 400)/(8s²). A sampled step is a mixture over who was in it, so the
factor carries over. A share ``SPARE`` of ε and δ stays unspent: half for the release, half for this.

Two more things stand between the true sum of clipped gradients and the integers that get the noise, so neighbouring
sums may differ by more than the clipping norm C. Rounding to the grid moves each of d coordinates by at most half a
unit: together √d units of C · 2^-26. And adding up n numbers in float64, in whatever order, errs by at most n · 2^-53
of the sum of their sizes, which in L2 is at most nC for n clipped gradients: 2n² · 2^-53 · C for both sums, in the
worst case. Both must fit into the ``SLACK`` by which the noise is larger than accounted for, at the largest batch
that is to be expected: that allows some two million subjects in a step.
"""

import math
from dataclasses import asdict, dataclass, replace

from recommender.accounting import Guarantee, SampledGaussian, epsilon_at, mu_for
from recommender.composition import Cost, compose, composed_epsilon, cost_of, smallest_noise
from recommender.discreteness import LARGEST_EPSILON, MARGIN, verify_margin
from recommender.errors import BadMechanism
from recommender.mechanism import Mechanism, plan

GRADIENT_BITS = 26
"""A sum of gradients is rounded to a grid of max_grad_norm · 2^-26."""

SLACK = 1e-3
"""The noise is larger than accounted for by this share: rounding moves a sum of d numbers by at most √d units."""

SPARE = 2 * MARGIN

LEAST_DELTA = 1e-10
"""Privacy loss distributions are convolved in float64, whose rounding shows in a δ below 1e-11."""

_BETWEEN = 2e-5
"""The accountant's ε at a δ and its δ at that ε differ by a rounding, which this share of noise more than makes up."""

UNEXPECTED = 10.0
"""Standard deviations by which a batch exceeds its mean with a probability far below any δ in use."""


@dataclass(frozen=True, kw_only=True)
class DeepMechanism:
    """The private steps of one training.

    Attributes:
        noise_multiplier: standard deviation of the noise over ``max_grad_norm``; positive.
        max_grad_norm: one subject's gradient is scaled down to this L2 norm; positive.
        sampling_rate: probability with which each subject is in a step, in (0, 1]. A public constant: it is never
           worked out from how many subjects there are.
        steps: how many there are.
        delta: at which the cost is stated, in (0, 1).
    """

    noise_multiplier: float
    max_grad_norm: float
    sampling_rate: float
    steps: int
    delta: float

    def __post_init__(self) -> None:
        if not (0 < self.max_grad_norm < math.inf and 0 < self.delta < 1):
            msg = "an autoencoder's mechanism needs a positive max_grad_norm and delta in (0, 1)"
            raise BadMechanism(msg)
        _ = self.sampled  # refuses the other three

    @property
    def sampled(self) -> SampledGaussian:
        """The steps as accounting sees them."""
        return SampledGaussian(
            noise_multiplier=self.noise_multiplier, sampling_rate=self.sampling_rate, steps=self.steps
        )

    @property
    def noise_scale(self) -> int:
        """Standard deviation of the noise in units of the grid (rounded up)."""
        scale: int = math.ceil(self.noise_multiplier * 2**GRADIENT_BITS * (1 + SLACK))
        return scale

    def beside(self, release: Guarantee) -> Guarantee:
        """What release and training promise together: both read the same subjects.

        Raises:
            BadMechanism: the release promises nothing, so the two together do not.
        """
        if release.mu == math.inf:
            msg = "the release has no guarantee: its noise did not come from an exact source"
            raise BadMechanism(msg)
        cost = compose((cost_of(release), Cost(sampled=(self.sampled,))))
        # A composition is stated at the larger of the two: at the smaller one would promise more than was planned.
        delta = max(release.delta, self.delta)
        return replace(
            release,
            epsilon=composed_epsilon(cost, delta * (1 - SPARE)) / (1 - SPARE),
            delta=delta,
            mu=cost.mu,
            sampled=cost.sampled,
            accountant="privacy loss distributions, rounded up (dp-accounting), with the Gaussian part exact"
            if cost.sampled
            else release.accountant,
            mechanism=f"{release.mechanism}; then {self.steps} steps of DP-SGD (Opacus, ghost clipping in float64) on"
            " Poisson-sampled subjects, their summed gradients rounded to integers with discrete Gaussian noise added",
        )

    def as_dict(self) -> dict[str, float | int]:
        """The parameters, by name: ``DeepMechanism(**as_dict())`` is the same mechanism."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A release and a training on it that spend (ε, δ) together."""

    release: Mechanism
    training: DeepMechanism

    @property
    def guarantee(self) -> Guarantee:
        """What both promise together."""
        return self.training.beside(self.release.guarantee)


def plan_autoencoder(
    epsilon: float,
    delta: float,
    *,
    share: float = 0.3,
    max_grad_norm: float = 0.15,
    sampling_rate: float = 0.5,
    steps: int = 4,
    **release: float,
) -> Plan:
    """A release and a training that spend (ε, δ) together.

    Args:
        epsilon: of both together, in (0, 50].
        delta: of both together, in (0, 1).
        share: share of μ² that the release leaves to the training, in (0, 1).
        max_grad_norm: see ``DeepMechanism``; a public constant.
        sampling_rate: the same.
        steps: the same.
        release: settings of the release, as in ``recommender.mechanism.plan``.

    Raises:
        BadMechanism: a setting is unknown or out of range, or (ε, δ) cannot be met; or δ is so small that the
            accountant of sampled steps could not tell what they cost.
    """
    if sampling_rate < 1 and delta < LEAST_DELTA:
        msg = f"an autoencoder's plan needs delta of at least {LEAST_DELTA:g}, got {delta:g}: below it the rounding of "
        msg += "the accountant of sampled steps is larger than what they cost"
        raise BadMechanism(msg)
    if not (0 < share < 1 and 0 < epsilon <= LARGEST_EPSILON):
        msg = f"an autoencoder's plan needs a share in (0, 1) and epsilon in (0, {LARGEST_EPSILON:g}]"
        raise BadMechanism(msg)
    exact = (epsilon * (1 - SPARE), delta * (1 - SPARE))
    measured = plan(epsilon_at(mu_for(epsilon, delta) * math.sqrt(1 - share), delta), delta, **release)
    noise = smallest_noise(*exact, beside=Cost(mu=measured.mu), sampling_rate=sampling_rate, steps=steps)
    training = DeepMechanism(
        noise_multiplier=noise * (1 + _BETWEEN),
        max_grad_norm=max_grad_norm,
        sampling_rate=sampling_rate,
        steps=steps,
        delta=delta,
    )
    planned = Plan(release=measured, training=training)
    found = planned.guarantee.epsilon
    if found > epsilon:
        msg = f"release and training would cost epsilon {found:.9g} at delta {delta:g}, not {epsilon:g}"
        raise BadMechanism(msg)
    return planned


def largest_batch(mechanism: DeepMechanism, subjects: int) -> float:
    """How many of the subjects a step has at most, but for what never happens."""
    rate = mechanism.sampling_rate
    return subjects * rate + UNEXPECTED * math.sqrt(subjects * rate * (1 - rate))


def verify_fine_enough(mechanism: DeepMechanism, epsilon: float, *, coordinates: int, subjects: int) -> None:
    """Check that the grid is fine enough for so many trained numbers and subjects (see the module's first lines).

    Raises:
        BadMechanism: rounding, or the step from continuous to discrete noise, could use up more than was left for it.
    """
    epsilon = min(epsilon, LARGEST_EPSILON)  # infinite where nothing is promised
    batch, rounding = largest_batch(mechanism, subjects), math.sqrt(coordinates) / 2**GRADIENT_BITS
    if rounding > SLACK:
        msg = f"{coordinates} trained numbers are too many for a grid of 2^-{GRADIENT_BITS}"
        raise BadMechanism(msg)
    if rounding + 2 * batch**2 / 2**53 > SLACK:
        msg = f"batches of {batch:.0f} subjects are too large for sums in float64: lower the sampling rate"
        raise BadMechanism(msg)
    verify_margin(
        finest_scale=mechanism.noise_scale,
        coordinates=coordinates * mechanism.steps,
        epsilon=epsilon,
        delta=mechanism.delta,
    )
