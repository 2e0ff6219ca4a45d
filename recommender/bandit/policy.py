"""Which title goes into the explore slot, and with which probability.

Pure functions: randomness is an argument. The probability that is logged is the one the title was drawn with. For
Thompson sampling, whose own probabilities have no closed form, parameters are drawn first, and the title is then drawn
from how often each title was best among them: given those draws, that share is the exact probability.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from recommender.errors import BadMechanism
from recommender.exploration import with_floor


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """What is believed about the reward's linear coefficients: N(mean, covariance). Shapes (d,) and (d, d)."""

    mean: np.ndarray
    covariance: np.ndarray


@dataclass(frozen=True, slots=True)
class ExploredSlot:
    """One explored slot, as it is shown and logged.

    Attributes:
        items: the list with the explored title in its slot.
        slot: its place, from 0.
        item: the explored title.
        propensity: the probability with which it was drawn, positive.
        candidates: what else could have been drawn, in the order of ``propensities``.
        propensities: the probability of each candidate; they sum to 1.
    """

    items: tuple[str, ...]
    slot: int
    item: str
    propensity: float
    candidates: tuple[str, ...]
    propensities: tuple[float, ...]


def contextual_features(profile: np.ndarray, titles: np.ndarray) -> np.ndarray:
    """What a title is, and how far that is what the subject likes: shape (candidates, 2f), each row of norm at most 1.

    Args:
        profile: how much the subject's history holds of each category, not negative, shape (f,).
        titles: categories of the candidates, shape (candidates, f).
    """
    scaled = titles / np.maximum(np.linalg.norm(titles, axis=1, keepdims=True), 1e-12)
    liking = profile / max(float(profile.max(initial=0.0)), 1e-12)
    result: np.ndarray = np.hstack([scaled, scaled * liking]) / np.sqrt(2)
    return result


def belief_from(gram: np.ndarray, rewards: np.ndarray, *, noise: float, reward_deviation: float = 0.5) -> Belief:
    """Ridge regression of rewards on features.

    Args:
        gram: Σ φ φᵀ, noisy or not, shape (d, d).
        rewards: Σ reward · φ, shape (d,).
        noise: standard deviation of the noise of an entry of ``gram``. The ridge grows by its spectral edge 2·noise·√d,
           so that the matrix stays positive (Shariff and Sheffet 2018, "shifted regularizer").
        reward_deviation: standard deviation of one reward; at most ½ for rewards in [0, 1].
    """
    values, vectors = scipy.linalg.eigh((gram + gram.T) / 2)
    ridge = 1.0 + 2 * noise * np.sqrt(len(gram))
    inverse = (vectors / (np.maximum(values, 0.0) + ridge)) @ vectors.T
    return Belief(inverse @ rewards, reward_deviation**2 * inverse)


def expected_rewards(belief: Belief, features: np.ndarray) -> np.ndarray:
    """φ·mean of each candidate; ``features`` has shape (candidates, d)."""
    expected: np.ndarray = features @ belief.mean
    return expected


def optimistic_rewards(belief: Belief, features: np.ndarray, *, width: float = 1.0) -> np.ndarray:
    """Expected reward plus ``width`` standard deviations: the scores of LinUCB (Li et al. 2010)."""
    spread = np.sqrt(np.maximum(np.einsum("kd,de,ke->k", features, belief.covariance, features), 0.0))
    result: np.ndarray = expected_rewards(belief, features) + width * spread
    return result


def thompson(belief: Belief, features: np.ndarray, *, draws: int, floor: float, rng: np.random.Generator) -> np.ndarray:
    """How often each candidate is best among ``draws`` drawn beliefs, above the floor; the module says why."""
    root = np.linalg.cholesky(belief.covariance + 1e-12 * np.eye(len(belief.mean)))
    beliefs = belief.mean + rng.standard_normal((draws, len(belief.mean))) @ root.T
    best = (beliefs @ features.T).argmax(axis=1)
    return with_floor(np.bincount(best, minlength=len(features)) / draws, floor)


def eligible_rows(
    candidates: Sequence[str], *, eligible: Collection[str] | None, history: Collection[str]
) -> np.ndarray:
    """Numbers of the candidates that may be shown: eligible (all, where not given) and not in the history."""
    return np.array(
        [n for n, c in enumerate(candidates) if c not in history and (eligible is None or c in eligible)],
        dtype=np.int64,
    )


def explore(
    items: Sequence[str], candidates: Sequence[str], propensities: np.ndarray, *, slot: int, rng: np.random.Generator
) -> ExploredSlot:
    """Draw a candidate into the slot of a list; where the list already holds it, it moves.

    Raises:
        BadMechanism: the propensities are not probabilities of the candidates, or the slot is not in the list.
    """
    if len(propensities) != len(candidates) or (propensities < 0).any() or abs(propensities.sum() - 1) > 1e-9:  # noqa: PLR2004 - rounding
        msg = "each candidate has one propensity, and together they are 1"
        raise BadMechanism(msg)
    if not 0 <= slot < max(len(items), 1):
        msg = f"a list of {len(items)} has no slot {slot}"
        raise BadMechanism(msg)
    drawn = int(rng.choice(len(candidates), p=propensities / propensities.sum()))
    item = candidates[drawn]
    others = [other for other in items if other != item]
    shown = (*others[:slot], item, *others[slot:])[: max(len(items), 1)]
    return ExploredSlot(
        shown, slot, item, float(propensities[drawn]), tuple(candidates), tuple(float(p) for p in propensities)
    )
