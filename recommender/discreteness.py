"""How coarse integer noise may be before the formula for continuous noise stops covering it.

The argument stands in ``recommender.mechanism``: over d coordinates the logarithm of the ratio of the two laws sums to
at most η = (5d + 400)/(8s²), but for an event of probability e^(-100). So ε grows by at most 2η and δ by a factor e^η
plus (1 + e^ε)e^(-100), and both have the share ``MARGIN`` left for it.
"""

import math

from recommender.errors import BadMechanism
from recommender.mechanism import MARGIN


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
