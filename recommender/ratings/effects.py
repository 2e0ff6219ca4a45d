"""How well each title is liked, from noisy sums: an empirical-Bayes regression on what is publicly known.

A title's effect b_i has the prior N(f_i·γ, v) with f_i its categories and its noisy popularity. The sums say
y_i = b_i + error with a variance that follows from the known noise and the number of ratings. γ and v maximise the
likelihood (expectation maximisation), so a title that nobody rates gets what its categories say, and all shrinkage
follows from what is known: towards the categories as ε → 0, towards the plain mean as ε → ∞.

Two rounds, because a subject's own mean, around which the first round is centred, already holds the effects of the
titles rated: the second round measures what the first one missed.
"""

from dataclasses import dataclass

import numpy as np

from recommender.immutable import Immutable

_ROUNDS = 30
_SMALLEST_VARIANCE = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FirstRound(Immutable):
    """The noisy first round, in the units of its parts.

    Attributes:
        counts: Σ_u 1[i ∈ I_u]/√|I_u| plus noise, shape (m,); ``count_noise`` its standard deviation.
        sums: Σ_u of normalised residuals plus noise, shape (m,); ``sum_noise`` its standard deviation.
        subjects: how many subjects rated anything.
        length: mean number of ratings per subject.
        mean: mean over subjects of their mean rating.
        spread: mean over subjects of the root mean square of their ratings around their mean.
    """

    counts: np.ndarray
    count_noise: float
    sums: np.ndarray
    sum_noise: float
    subjects: float
    length: float
    mean: float
    spread: float

    @property
    def clear_counts(self) -> np.ndarray:
        """Counts that stand out of their noise; the others are 0."""
        return np.where(self.counts > self.count_noise, self.counts, 0.0)

    @property
    def root_length(self) -> float:
        """Mean over subjects of √|I_u|, at least 1."""
        return max(float(self.counts.sum()) / self.subjects, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Noisy sums read as measurements of the effects: ``values`` with ``precisions`` (0: nothing known), shape (m,)."""

    values: np.ndarray
    precisions: np.ndarray

    def with_more(self, more: "Sums") -> "Sums":
        """Both measurements together."""
        precisions = self.precisions + more.precisions
        weighted = self.values * self.precisions + more.values * more.precisions
        return Sums(np.divide(weighted, precisions, out=np.zeros_like(weighted), where=precisions > 0), precisions)


def read_sums(first: FirstRound, sums: np.ndarray, noise: float, *, spread: float, around: np.ndarray) -> Sums:
    """Sums of normalised residuals around ``around`` as measurements of effects, in rating units.

    The variance counts the noise of the sum, the noise of the count it is divided by, and how much the ratings
    themselves vary.
    """
    counts = first.clear_counts
    known = counts > 0
    ratios = np.divide(sums, counts, out=np.zeros_like(sums), where=known)
    variance = noise**2 + (first.count_noise * ratios) ** 2 + counts / first.root_length
    precisions = np.where(known, counts**2 / np.maximum(variance, 1e-12), 0.0) / spread**2
    return Sums(around + ratios * spread, precisions)


def design(first: FirstRound, categories: np.ndarray) -> np.ndarray:
    """What the prior of an effect may depend on: constant, categories, logarithm of popularity. Shape (m, 2 + g)."""
    popularity = np.log(np.maximum(first.counts, max(first.count_noise, 0.5)))
    popularity = (popularity - popularity.mean()) / max(float(popularity.std()), 1e-12)
    return np.column_stack([np.ones(len(popularity)), categories, popularity])


def fit_effects(sums: Sums, columns: np.ndarray) -> np.ndarray:
    """Posterior mean of the effects: float64, shape (m,)."""
    known = sums.precisions > 0
    variance, effects = 0.1, np.zeros(len(known))
    if not known.any():
        return effects
    errors = 1 / np.maximum(sums.precisions[known], 1e-12)
    rows, values = columns[known], sums.values[known]
    for _ in range(_ROUNDS):
        weights = 1 / (variance + errors)
        normal = rows.T @ (rows * weights[:, None]) + np.eye(rows.shape[1]) / variance
        prior = columns @ np.linalg.solve(normal, rows.T @ (weights * values))
        left = 1 / (1 / variance + sums.precisions)
        effects = left * (prior / variance + sums.precisions * sums.values)
        variance = max(float(np.mean(((effects - prior) ** 2 + left)[known])), _SMALLEST_VARIANCE)
    return effects
