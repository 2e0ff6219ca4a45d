"""From the noisy Gram matrix to the best guess at the true one, by rules that follow from the known noise level.

Nothing but the release and public metadata is read, so nothing costs privacy. A history is the sum of taste and chance:
which titles of a taste somebody happened to watch. So the matrix is estimated as L + diag(g), tastes plus what is each
title's own, and this is done in the directions in which the release was measured (``recommender.lens``):

1. What chance adds is known from the counts, and is taken off before anything is shrunk.
2. What is left is a matrix of tastes. Before measuring, its entry for two directions a and b has a variance
   proportional to √(k_a k_b), with k the eigenvalues of the public taste kernel; the factor is estimated from the
   matrix itself, whose noise is known. Each entry is shrunk by variance/(variance + τ²), its best linear estimate.
   That is metadata first: where titles share what is publicly known, little is shrunk.
3. Noise that was shrunk so has its eigenvalues within b = 2√s, where s is the largest eigenvalue of the matrix of the
   entries' variances (2τ√d when all are equal: Wigner). An eigenvalue λ outside becomes (λ + √(λ² - b²))/2, what lies
   inside goes.
4. Popular titles go together at least as much as their counts alone say. Where noise left less, it is filled up.
5. Chance is put back, and since weights are positive no entry stays negative.

As τ → 0 nothing is shrunk and the matrix comes back as it was released; as τ → ∞ every measured taste goes, and step 4
leaves popularity and public metadata.

Sources: Curmei et al. 2023 and Krichene et al. 2023 (metadata first, for alternating least squares); Benaych-Georges
and Nadakuditi 2011 (eigenvalues under noise); Efron and Morris 1973 (shrinkage by an estimated variance).
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from recommender.features import CatalogueFeatures
from recommender.lens import expected_weights, taste_kernel
from recommender.release import Release

RIDGE = 3.0
"""Ridge of the models, in mean eigenvalues of the matrix.

A declared constant, chosen on MovieLens-1M, where 2 to 5 are equally good at ε = 1, at 5 and without noise.
"""

CHANCE = 0.5
"""Share of the matrix's trace that is chance and not taste. Declared, chosen on validation subjects of MovieLens-1M."""

EDGE = 0.7
"""Where the noise's spectrum is taken to end, in units of b. Declared.

Below 1, for a taste that is partly hidden inside the noise still orders titles better than none: ranking forgives
noise that is spread over a thousand titles. Chosen on validation subjects of MovieLens-1M; from ε = 20 on it matters
little there.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Denoised:
    """A release made ready for models.

    Attributes:
        release: what it was made from.
        gram: the estimate: float64, shape (m, m), symmetric, no entry negative.
        values: its eigenvalues, ascending, negative ones set to 0: shape (m,).
        vectors: its eigenvectors in columns: shape (m, m).
        features: the public metadata it was made with, for models that use them too.
    """

    release: Release
    gram: np.ndarray
    values: np.ndarray
    vectors: np.ndarray
    features: CatalogueFeatures | None = None

    @property
    def ridge(self) -> float:
        """Added to eigenvalues where a model divides by them; positive."""
        return RIDGE * max(float(self.values.mean()), 1e-12)

    def spectral(self, values: np.ndarray) -> np.ndarray:
        """The matrix with these eigenvalues and our eigenvectors: shape (m, m)."""
        result: np.ndarray = (self.vectors * values) @ self.vectors.T
        return result


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """Along which directions a release was measured.

    Attributes:
        axes: orthonormal columns, shape (m, d).
        gains: by how much a history's component along each was kept, shape (d,).
        variances: how much tastes vary along each by public knowledge, up to a factor: positive, shape (d,).
    """

    axes: np.ndarray
    gains: np.ndarray
    variances: np.ndarray


def denoise(release: Release, features: CatalogueFeatures | None = None) -> Denoised:
    """Estimate the Gram matrix without its noise, in the scale of Σ x xᵀ: its trace is the number of subjects.

    Guarantees:
        - a function of the release and public metadata only
        - with no noise and no lens the Gram matrix comes back unchanged, up to rounding and negative entries
    """
    gram = release.gram
    if release.noise.gram > 0 or release.lens is not None:
        gram = _estimate(release, directions_of(release, features))
    gram = np.maximum((gram + gram.T) / 2, 0.0)
    values, vectors = scipy.linalg.eigh(gram, check_finite=False)
    return Denoised(release, gram, np.maximum(values, 0.0), vectors, features)


def directions_of(release: Release, features: CatalogueFeatures | None) -> Directions:
    """The lens of the release; without one, the eigenvectors of the taste kernel, all of them."""
    kernel = taste_kernel(
        release.items, release.counts, release.history_weights, count_noise=release.noise.count, features=features
    )
    if release.lens is None:
        variances, axes = scipy.linalg.eigh(kernel, check_finite=False)
        gains = np.ones(len(variances))
    else:
        gains = np.maximum(np.linalg.norm(release.lens, axis=0), 1e-6)
        axes = release.lens / gains
        variances = ((kernel @ axes) * axes).sum(axis=0)
    return Directions(axes, gains, np.maximum(variances, variances.max() * 1e-9))


def _estimate(release: Release, along: Directions) -> np.ndarray:
    tau = release.noise.gram
    measured = release.gram if release.lens is not None else along.axes.T @ release.gram @ along.axes
    subjects = max(float(np.trace(release.gram)), 1.0)
    own = expected_weights(release.counts, release.history_weights, count_noise=release.noise.count)
    seen = along.axes * along.gains
    chance = (seen.T * own) @ seen
    own = own * (CHANCE * subjects / np.trace(chance))
    chance = chance * (CHANCE * subjects / np.trace(chance))
    values, vectors = shrunk(measured - chance, tau, along.variances)
    back = (along.axes / along.gains) @ vectors
    taste = (back * values) @ back.T
    taste += _missing_popularity(release, along, taste)
    gram: np.ndarray = taste + np.diag(own)
    return gram * (subjects / max(float(np.trace(gram)), 1e-12))


def _missing_popularity(release: Release, along: Directions, taste: np.ndarray) -> np.ndarray:
    """What must be added for popular titles to go together at least as much as the counts alone say.

    By Jensen Σ x xᵀ ⪰ (Σ x)(Σ x)ᵀ/n, and Σ x follows from the counts. Where noise left less than that of the average
    taste, the public kernel fills it up: titles are then ordered by popularity and what is publicly alike.
    """
    weights, counts = release.history_weights, np.maximum(release.counts, 0.0)
    mean_square = float(counts @ weights**2) / max(float(counts.sum()), 1e-12)
    subjects = np.clip(np.trace(release.gram), max(float(counts.max()), 1.0), max(float(counts.sum()), 1.0))
    expected = expected_weights(release.counts, weights, count_noise=release.noise.count)
    norm = float(np.linalg.norm(expected))
    least = norm**2 / max(mean_square * float(subjects), 1e-12)
    average = expected / norm
    missing = least - float(average @ taste @ average)
    if missing <= 0:
        return np.zeros_like(taste)
    kernel = (along.axes * along.variances) @ along.axes.T
    filled: np.ndarray = kernel * (missing / max(float(average @ kernel @ average), 1e-12))
    return filled


def shrunk(noisy: np.ndarray, tau: float, variances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Steps 2 and 3: eigenvalues, shape (k,), and eigenvectors, shape (d, k), of what stands out of the noise.

    Args:
        noisy: symmetric, shape (d, d).
        tau: standard deviation of its noise off the diagonal, on which it is √2 more.
        variances: by public knowledge, up to a factor: positive, shape (d,).
    """
    kept = kept_shares(noisy, tau, variances)
    top = [len(noisy) - 1] * 2
    spread = float(scipy.linalg.eigvalsh((kept * tau) ** 2, subset_by_index=top, check_finite=False)[0])
    edge = 2 * np.sqrt(max(spread, 0.0))
    values, vectors = scipy.linalg.eigh(noisy * kept, check_finite=False)
    # True values are positive: below zero only what noise could not have done by itself is kept.
    limit = np.where(values > 0, EDGE * edge, edge)
    clear = np.abs(values) > limit
    outer, limit = values[clear], limit[clear]
    return np.sign(outer) * (np.abs(outer) + np.sqrt(outer**2 - limit**2)) / 2, vectors[:, clear]


def kept_shares(noisy: np.ndarray, tau: float, variances: np.ndarray) -> np.ndarray:
    """variance/(variance + τ²) for each entry, shape (d, d), the variances' common factor estimated from the matrix.

    The factor is the least-squares fit of entry² - τ² to the public variances, over pairs of directions.
    """
    root = np.sqrt(variances / np.max(variances))
    # The leading direction is the average taste, which the counts know: how much it varies is not in its size.
    root[int(np.argmax(root))] = np.sort(root)[-2:][0]
    public = np.outer(root, root)
    pairs = np.triu_indices(len(noisy), 1)
    beyond = (noisy[pairs] ** 2 - tau**2) @ public[pairs]
    scale = max(float(public[pairs] @ public[pairs]), 1e-300)
    variance = max(float(beyond) / scale, 1e-12) * public
    shares: np.ndarray = variance / (variance + tau**2)
    return shares
