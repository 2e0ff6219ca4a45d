"""How coarse integer noise may be before the formula for continuous noise stops covering it.

Why that formula may be used at all. Adding N(0, s²) to an integer and rounding is post-processing of the Gaussian
mechanism, hence exactly μ-GDP. The discrete Gaussian has nearly the same law: for one coordinate, the logarithm of the
ratio of the two at k lies in [-1/(8s²), k²/(8s⁴)] (expand the integral of the density over [k - ½, k + ½] around k;
its normaliser is 1 up to e^(-2π²s²)). Over d coordinates that sums to at most η = (5d + 400)/(8s²), except where
Σ k²/s² > 4d + 400, which has probability below e^(-100) by Chernoff. So ε grows by at most 2η and δ by a factor e^η
plus (1 + e^ε) e^(-100). A plan spends only the share 1 - ``MARGIN`` of ε and of δ, and ``verify_margin`` refuses noise
whose η could use that up. Where sums have noise of different scales, η of the finest of them and of all coordinates
together bounds the sum.
"""

import math

from recommender.errors import BadMechanism

MARGIN = 1e-6
"""Share of ε and of δ that is left unspent, to cover the step from rounded to discrete Gaussian noise."""

LARGEST_EPSILON = 50.0
"""Above it e^ε e^(-100) is no longer small beside any δ in use, and the guarantee would mean nothing anyway."""


def verify_margin(*, finest_scale: int, coordinates: int, epsilon: float, delta: float) -> None:
    """Check that the unspent margin covers the step from rounded to discrete Gaussian noise.

    Args:
        finest_scale: the smallest standard deviation of any of the integers, in steps of its grid.
        coordinates: how many integers get noise, all releases under one guarantee together.
        epsilon: of the guarantee.
        delta: of the guarantee.

    Raises:
        BadMechanism: it does not.
    """
    eta = (5 * coordinates + 400) / (8 * finest_scale**2)
    tail = (1 + math.exp(epsilon)) * math.exp(-100)
    if 2 * eta > MARGIN * epsilon or math.expm1(eta) + tail / delta > MARGIN:
        msg = f"noise of {finest_scale} grid steps is too coarse for {coordinates} numbers at epsilon {epsilon:g}"
        raise BadMechanism(msg)
