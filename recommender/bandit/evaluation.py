"""What another policy would have earned, from the log of the one that ran.

With ρ = target probability / logged propensity of the title shown:

    ips     mean of ρ r                                     unbiased (Horvitz and Thompson 1952)
    snips   Σ ρ r / Σ ρ                                     a small bias, less variance (Swaminathan, Joachims 2015)
    dr      mean of q(target) + ρ (r - q(shown))            unbiased whatever q is (Dudík, Langford, Li 2011)

A subject may stand in the log many times, so errors are counted by subject: the linear parts of an estimate are summed
per subject first, and intervals resample subjects.

These are exact statistics of private logs, without noise: no guarantee covers an estimate, its interval or its
effective size, nor a choice between policies that is made by them. Whoever shows one outside the house, or lets it
decide what everybody is served, spends privacy that no budget has charged.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recommender.errors import BadInteractions, EmptyInteractions, UnsupportedPolicy

LARGEST_UNSUPPORTED = 1e-9
"""Probability of the target policy outside the log's support, on average, above which nothing is estimated."""

FEWEST_EFFECTIVE = 30.0
"""Effective sample size below which an estimate is marked as weak."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Log:
    """Explored slots and what the target policy would do there. Arrays of shape (n,).

    Attributes:
        subjects: whose slot it was, as any labels.
        rewards: what came of it.
        propensities: probability with which the title shown was drawn, in (0, 1].
        target: the target policy's probability of that title.
        unsupported: the target policy's probability of all titles whose logged propensity was 0.
    """

    subjects: np.ndarray
    rewards: np.ndarray
    propensities: np.ndarray
    target: np.ndarray
    unsupported: np.ndarray

    def __post_init__(self) -> None:
        arrays = (self.rewards, self.propensities, self.target, self.unsupported)
        if len(self.subjects) == 0:
            msg = "the log is empty"
            raise EmptyInteractions(msg)
        if any(a.shape != (len(self.subjects),) or not np.isfinite(a).all() for a in arrays):
            msg = "a log has finite arrays of one length"
            raise BadInteractions(msg)
        if ((self.target < 0) | (self.target > 1)).any() or (self.propensities > 1).any():
            msg = "probabilities lie in [0, 1]"
            raise BadInteractions(msg)
        if (self.propensities <= 0).any():
            msg = f"{int((self.propensities <= 0).sum())} titles were shown with a propensity of 0, which cannot be"
            raise UnsupportedPolicy(msg)
        if float(self.unsupported.mean()) > LARGEST_UNSUPPORTED:
            msg = (
                f"the target policy shows titles that were never drawn in {self.unsupported.mean():.1%} of its choices"
            )
            raise UnsupportedPolicy(msg)

    def __repr__(self) -> str:
        """Shapes only."""
        return f"{type(self).__name__}({len(self.subjects)} slots)"

    @property
    def ratios(self) -> np.ndarray:
        """ρ of each slot."""
        result: np.ndarray = self.target / self.propensities
        return result

    @property
    def effective(self) -> float:
        """(Σρ)²/Σρ²: how many slots drawn by the target policy would tell as much."""
        ratios = self.ratios
        return float(ratios.sum() ** 2 / max(float((ratios**2).sum()), 1e-300))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A policy's estimated mean reward.

    Attributes:
        value: the estimate.
        error: its standard error over subjects.
        low: lower end of the 95 % bootstrap interval over subjects.
        high: its upper end.
        effective: effective number of slots.
        weak: whether that is too few to lean on.
    """

    value: float
    error: float
    low: float
    high: float
    effective: float
    weak: bool


def ips(log: Log, *, rng: np.random.Generator, replicates: int = 1000) -> Estimate:
    """Inverse propensity scoring."""
    return _estimate(log, log.ratios * log.rewards, np.ones(len(log.rewards)), rng, replicates)


def snips(log: Log, *, rng: np.random.Generator, replicates: int = 1000) -> Estimate:
    """Self-normalised inverse propensity scoring.

    Raises:
        UnsupportedPolicy: the target policy would have shown none of the titles in the log.
    """
    if not log.ratios.sum() > 0:
        msg = "the target policy would have shown none of the titles in the log"
        raise UnsupportedPolicy(msg)
    return _estimate(log, log.ratios * log.rewards, log.ratios, rng, replicates)


def doubly_robust(
    log: Log, shown: np.ndarray, expected: np.ndarray, *, rng: np.random.Generator, replicates: int = 1000
) -> Estimate:
    """Doubly robust.

    Args:
        log: the log.
        shown: predicted reward of the title shown, by a model that was not fitted on this log: shape (n,).
        expected: predicted mean reward under the target policy: shape (n,).
        rng: for the bootstrap.
        replicates: of the bootstrap.

    Raises:
        BadInteractions: the predictions do not fit the log.
    """
    if shown.shape != log.rewards.shape or expected.shape != log.rewards.shape:
        msg = "each slot of the log needs two predictions"
        raise BadInteractions(msg)
    values = expected + log.ratios * (log.rewards - shown)
    return _estimate(log, values, np.ones(len(values)), rng, replicates)


def _estimate(log: Log, tops: np.ndarray, bottoms: np.ndarray, rng: np.random.Generator, replicates: int) -> Estimate:
    """A ratio of sums with errors by subject: Σ tops / Σ bottoms."""
    _, codes = np.unique(log.subjects, return_inverse=True)
    top, bottom = np.bincount(codes, tops), np.bincount(codes, bottoms)
    value = float(top.sum() / bottom.sum())
    count = len(top)
    parts = (top - value * bottom) / bottom.sum()
    error = float(np.sqrt((parts**2).sum() * count / (count - 1))) if count > 1 else float("inf")
    low, high = _interval(lambda w: (w @ top) / np.maximum(w @ bottom, 1e-300), count, rng, replicates)
    return Estimate(value, error, low, high, log.effective, log.effective < FEWEST_EFFECTIVE)


def _interval(
    statistic: Callable[[np.ndarray], np.ndarray], count: int, rng: np.random.Generator, replicates: int
) -> tuple[float, float]:
    """Percentile interval; subjects are resampled, a hundred replicates at a time."""
    found = []
    for start in range(0, replicates, 100):
        size = min(100, replicates - start)
        found.append(statistic(rng.multinomial(count, np.full(count, 1 / count), size=size).astype(np.float64)))
    low, high = np.quantile(np.concatenate(found), [0.025, 0.975])
    return float(low), float(high)
