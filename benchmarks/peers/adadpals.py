"""Adaptive DPALS, the best published private recommender, with the weak points of its published code mended.

Chien, Jain, Krichene, Rendle, Song, Thakurta and Zhang, "Private Alternating Least Squares", ICML 2021; Krichene, Jain,
Song, Sundararajan, Thakurta and Zhang, "Multi-Task Differential Privacy Under Distribution Skew", ICML 2023. The item
side is released, the subject side is solved locally by whoever holds the history.

What is mended: the Gaussian mechanisms are composed exactly instead of by RDP, items are cut by noisy counts, the noise
of a symmetric matrix is drawn once for each pair, and what enters R_i is clipped. Noise here is drawn in floating
point, so a fit is a figure in a table and no release.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from recommender.accounting import mu_for

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaDpalsSettings:
    """What the papers tune.

    Attributes:
        items: kept, the largest noisy counts.
        dimensions: of a factor.
        rounds: T, how often both sides are solved.
        clip: Γ, the largest norm of a subject's factor on the item side.
        ridge: of both sides.
        unobserved: a₀, weight of what was not watched.
        exponent: of the counts in the weights; they are squared there, as published.
        items_each: k, at most this many items of a subject enter the item side.
        shares: of μ² for the counts, then of the rest for the global Gramian, L and R of all rounds together.
    """

    items: int
    dimensions: int
    rounds: int
    clip: float
    ridge: float
    unobserved: float
    exponent: float
    items_each: int = 100
    shares: tuple[float, float, float, float] = (0.06, 0.08, 0.38, 0.54)


SETTINGS = {
    0.5: AdaDpalsSettings(
        items=200, dimensions=6, rounds=3, clip=0.007, ridge=4, unobserved=0.8, exponent=-1 / 3, items_each=60,
        shares=(0.12, 0.08, 0.35, 0.57),
    ),
    1.0: AdaDpalsSettings(
        items=180, dimensions=10, rounds=3, clip=0.011, ridge=5, unobserved=0.7, exponent=-0.15, items_each=40
    ),
    2.0: AdaDpalsSettings(
        items=400, dimensions=16, rounds=2, clip=0.011, ridge=5, unobserved=0.8, exponent=-1 / 3,
        shares=(0.07, 0.05, 0.18, 0.77),
    ),
    5.0: AdaDpalsSettings(items=960, dimensions=16, rounds=3, clip=0.02, ridge=5, unobserved=1.0, exponent=-1 / 3),
    10.0: AdaDpalsSettings(items=900, dimensions=24, rounds=2, clip=0.03, ridge=5, unobserved=1.0, exponent=-1 / 3),
    20.0: AdaDpalsSettings(items=900, dimensions=24, rounds=3, clip=0.03, ridge=5, unobserved=1.2, exponent=-1 / 3),
}  # fmt: skip
"""Chosen on held-out subjects of MovieLens-1M, about 5,000 trained on, by ε: from settings that are known to be good
there, then at random around the best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseMultipliers:
    """Standard deviations: of a count; of the global Gramian in Γ²; of each L_i in Γ²; of each R_i in Γ."""

    count: float
    gramian: float
    left: float
    right: float


@dataclass(frozen=True, slots=True, eq=False)
class AdaDpals:
    """Released item factors and global Gramian; a history is folded in locally."""

    factors: np.ndarray
    kept: np.ndarray
    width: int
    settings: AdaDpalsSettings

    def __call__(self, shown: csr_matrix) -> np.ndarray:
        """Scores (n, items) for histories of zeros and ones; items that were not kept get -inf."""
        scores = np.full((shown.shape[0], self.width), -np.inf)
        scores[:, self.kept] = subject_factors(csr_matrix(shown[:, self.kept]), self.factors, self.settings) @ (
            self.factors.T
        )
        return scores


def settings_for(epsilon: float) -> AdaDpalsSettings:
    """Those of the nearest ε, by ratio."""
    return SETTINGS[min(SETTINGS, key=lambda known: abs(np.log(known / epsilon)))]


def mu_of(noise: NoiseMultipliers, *, items_each: int, rounds: int) -> float:
    """μ of the whole fit under adding or removing a subject: μ² = k/s_c² + T (1/s₀² + k/s₁² + k/s₂²).

    A subject adds 1 to at most k counts; a matrix of norm at most Γ² to the Gramian; and, as its weights have Σ w² = k,
    at most √k Γ² to all L_i together and √k Γ to all R_i.
    """
    each = 1 / noise.gramian**2 + items_each / noise.left**2 + items_each / noise.right**2
    return float(np.sqrt(items_each / noise.count**2 + rounds * each))


def noise_for(mu: float, settings: AdaDpalsSettings) -> NoiseMultipliers:
    """The noise that spends exactly μ in the settings' shares."""
    counts, *rest = settings.shares
    gramian, left, right = (share / sum(rest) * (1 - counts) / settings.rounds for share in rest)
    k = settings.items_each
    return NoiseMultipliers(
        count=float(np.sqrt(k / counts) / mu),
        gramian=float(np.sqrt(1 / gramian) / mu),
        left=float(np.sqrt(k / left) / mu),
        right=float(np.sqrt(k / right) / mu),
    )


def fit_adadpals(
    train: csr_matrix,
    epsilon: float,
    delta: float,
    *,
    rng: np.random.Generator,
    settings: AdaDpalsSettings | None = None,
    progress: Progress | None = None,
) -> AdaDpals:
    """Fit under (ε, δ) for adding or removing one subject, by exact Gaussian differential privacy."""
    chosen = settings or settings_for(epsilon)
    noise = noise_for(mu_for(epsilon, delta), chosen)
    histories = csr_matrix(train, dtype=np.float64)
    counts = np.bincount(sampled(histories, chosen.items_each, rng).indices, minlength=train.shape[1])
    noisy = counts + noise.count * rng.standard_normal(len(counts))
    kept = np.sort(np.argsort(-noisy, kind="stable")[: chosen.items])
    histories = csr_matrix(histories[:, kept])
    weights = adaptive_weights(sampled(histories, chosen.items_each, rng), np.maximum(noisy[kept], 1.0), chosen)
    factors = 0.1 * rng.standard_normal((len(kept), chosen.dimensions))
    for done in range(chosen.rounds):
        subjects = clipped(subject_factors(histories, factors, chosen), chosen.clip)
        factors = item_factors(subjects, weights, noise, chosen, rng)
        if progress is not None:
            progress(done + 1, chosen.rounds)
    return AdaDpals(factors, kept, train.shape[1], chosen)


def sampled(histories: csr_matrix, at_most: int, rng: np.random.Generator) -> csr_matrix:
    """At most so many items of each history, at random."""
    lengths = np.diff(histories.indptr)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((rng.random(histories.nnz), rows))
    taken = order[np.arange(histories.nnz) - np.repeat(histories.indptr[:-1], lengths) < at_most]
    return csr_matrix((np.ones(len(taken)), (rows[taken], histories.indices[taken])), shape=histories.shape)


def adaptive_weights(chosen: csr_matrix, counts: np.ndarray, settings: AdaDpalsSettings) -> csr_matrix:
    """w_ui = √(k c_i^2μ / Σ_j c_j^2μ), the sum over the subject's items, so that Σ_i w_ui² = k: shape of ``chosen``."""
    raw = counts[chosen.indices] ** (2 * settings.exponent)
    rows = np.repeat(np.arange(chosen.shape[0]), np.diff(chosen.indptr))
    whole = np.bincount(rows, raw, minlength=chosen.shape[0])
    values = np.sqrt(settings.items_each * raw / whole[rows])
    return csr_matrix((values, chosen.indices, chosen.indptr), shape=chosen.shape)


def subject_factors(histories: csr_matrix, factors: np.ndarray, settings: AdaDpalsSettings) -> np.ndarray:
    """(Σ v vᵀ + a₀ VᵀV + ridge)⁻¹ Σ v over each whole history: shape (subjects, dimensions)."""
    size = factors.shape[1]
    shared = settings.unobserved * factors.T @ factors + settings.ridge * np.eye(size)
    systems = from_pairs(histories @ pairs_of(factors), size) + shared
    return np.asarray(np.linalg.solve(systems, (histories @ factors)[:, :, None])[:, :, 0])


def clipped(factors: np.ndarray, norm: float) -> np.ndarray:
    """Rows scaled down to the norm where they exceed it."""
    lengths = np.linalg.norm(factors, axis=1, keepdims=True)
    return np.asarray(factors * np.minimum(1.0, norm / np.maximum(lengths, 1e-300)))


def item_factors(
    subjects: np.ndarray,
    weights: csr_matrix,
    noise: NoiseMultipliers,
    settings: AdaDpalsSettings,
    rng: np.random.Generator,
) -> np.ndarray:
    """(L_i + a₀ G + ridge)⁻¹ R_i from noisy sums over clipped subjects: shape (items, dimensions)."""
    size, clip = subjects.shape[1], settings.clip
    gramian = noisy_pairs((pairs_of(subjects)).sum(axis=0)[None, :], noise.gramian * clip**2, size, rng)[0]
    left = noisy_pairs(weights.T @ pairs_of(subjects), noise.left * clip**2, size, rng)
    right = weights.T @ subjects + noise.right * clip * rng.standard_normal((weights.shape[1], size))
    systems = left + settings.unobserved * gramian + settings.ridge * np.eye(size)
    return np.asarray(np.linalg.solve(systems, right[:, :, None])[:, :, 0])


def noisy_pairs(pairs: np.ndarray, scale: float, size: int, rng: np.random.Generator) -> np.ndarray:
    """Symmetric matrices with noise, made positive semi-definite: shape (n, size, size).

    Noise of ``scale`` on every entry of a matrix, averaged with its transpose, is ``scale`` on the diagonal and
    ``scale``/√2 off it; that is what is drawn.
    """
    rows, columns = np.triu_indices(size)
    spread = np.where(rows == columns, scale, scale / np.sqrt(2))
    noisy = from_pairs(pairs + spread * rng.standard_normal(pairs.shape), size)
    values, vectors = np.linalg.eigh(noisy)
    return np.asarray((vectors * np.maximum(values, 0.0)[:, None, :]) @ vectors.transpose(0, 2, 1))


def pairs_of(factors: np.ndarray) -> np.ndarray:
    """The upper triangle of each row's outer product: shape (n, size (size + 1)/2)."""
    rows, columns = np.triu_indices(factors.shape[1])
    return np.asarray(factors[:, rows] * factors[:, columns])


def from_pairs(pairs: np.ndarray, size: int) -> np.ndarray:
    """Whole symmetric matrices from upper triangles: shape (n, size, size)."""
    rows, columns = np.triu_indices(size)
    result = np.empty((len(pairs), size, size))
    result[:, rows, columns] = pairs
    result[:, columns, rows] = pairs
    return result
