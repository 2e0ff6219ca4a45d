"""The trade-off curve of steps that are claimed, for an audit that tests all of it and not one (ε, δ)."""

from collections.abc import Callable

import numpy as np

from recommender.composition import Cost, composed_delta

_LOSSES = np.linspace(0.0, 20.0, 161)


def trade_off(cost: Cost) -> Callable[[float], float]:
    """The function r ↦ f(1 - r): at least how often a test is wrong on one input if right, with r, on the other.

    Each ε with its δ(ε) says f(a) ≥ max(1 - δ - e^ε a, e^-ε (1 - δ - a)) (Wasserman and Zhou 2010); f is taken as the
    largest of these over a grid of ε, so it is never above the true curve, and whoever is refuted by it is refuted.
    """
    deltas = np.array([composed_delta(cost, float(epsilon)) for epsilon in _LOSSES])
    growth = np.exp(_LOSSES)

    def least_wrong(right: float) -> float:
        missed = 1 - right
        steep, flat = 1 - deltas - growth * missed, (1 - deltas - missed) / growth
        return max(0.0, float(steep.max()), float(flat.max()))

    return least_wrong
