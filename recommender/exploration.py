"""From scores to the chances with which candidates are drawn: mostly the best, and each with at least a known floor.

Pure functions. What explores draws with exactly these chances and logs them: a log can judge another rule (inverse
propensity weighting; Horvitz and Thompson 1952; Li, Chu, Langford, Wang 2011) as long as no chance is 0.
"""

import numpy as np

from recommender.errors import BadMechanism, EmptyInteractions


def greedy(scores: np.ndarray, *, floor: float) -> np.ndarray:
    """ε-greedy: the best score (ties share) gets what the floor leaves. Probabilities, shape (candidates,).

    Raises:
        EmptyInteractions, BadMechanism: as ``with_floor``.
    """
    best = (scores == scores.max(initial=-np.inf)).astype(np.float64)
    return with_floor(best / max(best.sum(), 1.0), floor)


def softmax(scores: np.ndarray, *, temperature: float, floor: float) -> np.ndarray:
    """Probabilities in proportion to exp(score/temperature), above the floor.

    Raises:
        BadMechanism: the temperature is not positive, or as ``with_floor``.
        EmptyInteractions: as ``with_floor``.
    """
    if not temperature > 0:
        msg = f"a temperature is positive, got {temperature}"
        raise BadMechanism(msg)
    below = scores - scores.max(initial=-np.inf)
    with np.errstate(under="ignore", over="ignore"):  # what lies far below the best has weight 0, which is right
        weights = np.exp(below / temperature)
    return with_floor(weights / max(weights.sum(), 1.0), floor)


def with_floor(probabilities: np.ndarray, floor: float) -> np.ndarray:
    """Probabilities floor + (1 - n·floor)·p for each of the n candidates: nobody falls below the floor.

    Raises:
        EmptyInteractions: there is no candidate.
        BadMechanism: that many candidates cannot all have the floor.
    """
    count = len(probabilities)
    if count == 0:
        msg = "nothing is eligible for exploration"
        raise EmptyInteractions(msg)
    if not 0 <= floor * count <= 1:
        msg = f"{count} candidates cannot each have a propensity of {floor}: at most {1 / count:.3g}"
        raise BadMechanism(msg)
    result: np.ndarray = floor + (1 - count * floor) * probabilities
    return result
