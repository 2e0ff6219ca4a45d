"""What noise hides and what it does not: the rules that turn a noisy Gram matrix into an estimate."""

from dataclasses import replace

import numpy as np
import pytest

from recommender.denoise import CHANCE, denoise, kept_shares, shrunk
from recommender.features import CatalogueFeatures
from recommender.lens import lens_for
from recommender.models import get_kind
from recommender.release import NoiseLevels, Release


def symmetric(size: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of standard deviation 1 off the diagonal and √2 on it."""
    noise = np.triu(rng.normal(size=(size, size)), 1)
    result: np.ndarray = noise + noise.T + np.diag(rng.normal(size=size) * np.sqrt(2))
    return result


def noised(release: Release, tau: float, seed: int) -> Release:
    gram = release.gram + tau * symmetric(len(release.items), np.random.default_rng(seed))
    return replace(release, gram=gram, noise=NoiseLevels(count=release.noise.count, gram=tau))


def error(estimate: np.ndarray, truth: np.ndarray) -> float:
    """Off the diagonal, which tells nothing of what goes together."""
    off = ~np.eye(len(truth), dtype=bool)
    return float(np.linalg.norm((estimate - truth)[off]))


def test_without_noise_the_matrix_comes_back_unchanged(release: Release, features: CatalogueFeatures) -> None:
    exact = replace(release, noise=NoiseLevels(count=0.0, gram=0.0))

    assert denoise(exact, features).gram == pytest.approx(release.gram, abs=1e-9)


@pytest.mark.parametrize(("tau", "furthest"), [(1e-1, 0.1), (1e-3, 0.02), (1e-5, 1e-3)])
def test_the_released_matrix_is_approached_as_noise_vanishes(
    release: Release, features: CatalogueFeatures, tau: float, furthest: float
) -> None:
    faint = noised(release, tau, seed=1)

    assert np.linalg.norm(denoise(faint, features).gram - release.gram) < furthest * np.linalg.norm(release.gram)


def test_each_piece_of_knowledge_brings_the_estimate_nearer_to_the_truth(
    release: Release, features: CatalogueFeatures
) -> None:
    errors = []
    for seed in range(5):
        noisy = noised(release, 6.0, seed)
        estimates = (noisy.gram, denoise(noisy).gram, denoise(noisy, features).gram)
        errors.append([error(estimate, release.gram) for estimate in estimates])
    raw, shrunken, informed = np.mean(errors, axis=0)

    assert informed < 0.95 * shrunken < 0.5 * raw


@pytest.mark.parametrize("slug", ["svd", "ease"])
def test_where_noise_hides_every_taste_popularity_and_public_likeness_remain(
    release: Release, features: CatalogueFeatures, slug: str
) -> None:
    hidden = replace(release, gram=np.zeros_like(release.gram), noise=NoiseLevels(count=1.0, gram=1e9))
    weights = get_kind(slug).fit(hidden, features).weights
    assert weights is not None

    watched = release.items.index("item-02")
    scores = np.delete(weights[watched], watched)
    rest = [item for item in release.items if item != "item-02"]
    same = np.array([item < "item-20" for item in rest])
    counts = np.delete(release.counts, watched)

    for half in (same, ~same):
        assert np.corrcoef(np.argsort(np.argsort(scores[half])), np.argsort(np.argsort(counts[half])))[0, 1] > 0.8
    assert scores[same].max() > scores[~same].max()


def test_ten_times_the_subjects_and_the_noise_give_ten_times_the_estimate(
    release: Release, features: CatalogueFeatures
) -> None:
    noisy = noised(release, 3.0, seed=4)
    levels = NoiseLevels(count=noisy.noise.count * 10, gram=30.0)
    scaled = replace(noisy, gram=noisy.gram * 10, counts=noisy.counts * 10, noise=levels)

    assert denoise(scaled, features).gram == pytest.approx(10 * denoise(noisy, features).gram, rel=1e-6, abs=1e-6)


def test_the_trace_stays_the_number_of_subjects(release: Release, features: CatalogueFeatures) -> None:
    noisy = noised(release, 3.0, seed=5)

    # Negative entries that are cut to 0 lie off the diagonal.
    assert np.trace(denoise(noisy, features).gram) == pytest.approx(np.trace(noisy.gram))


def test_no_entry_is_negative_and_eigenvalues_are_those_of_the_estimate(release: Release) -> None:
    denoised = denoise(noised(release, 3.0, seed=6))

    assert denoised.gram.min() >= 0
    assert denoised.values.min() >= 0
    assert (denoised.gram == denoised.gram.T).all()


def test_an_eigenvalue_loses_what_noise_added() -> None:
    # At τ = 1 and n = 400 the edge is 40, taken at 28. A true 100 is seen near 100 + 400/100 = 104, of which
    # (104 + √(104² - 28²))/2 = 102.1 stays, less the 2 to 4 in a hundred by which equal entries are shrunk.
    direction = np.ones(400) / 20
    noisy = 100 * np.outer(direction, direction) + symmetric(400, np.random.default_rng(7))

    # Equal variances over 160,000 entries make the estimated factor 100²/160000 = 1/16: nearly all is shrunk away...
    assert kept_shares(noisy, 1.0, np.ones(400)).mean() == pytest.approx(1 / 17, abs=0.01)
    # ... and yet the spectrum, edge included, shrinks by the same factor, so the direction stands out as before.
    values, vectors = shrunk(noisy, 1.0, np.ones(400))
    assert values[-1] * 17 == pytest.approx(102.1, rel=0.1)
    assert abs(vectors[:, -1] @ direction) > 0.9


def test_entries_between_directions_that_vary_more_are_shrunk_less() -> None:
    # Public variances 16 and 1 for eight directions each, and a matrix that bears them out: entries of variance 16·c,
    # 4·c and c with c = 1, so shares 16/17, 4/5 and 1/2 at τ = 1.
    rng = np.random.default_rng(8)
    variances = np.repeat([16.0, 1.0], 200)
    spread = np.sqrt(np.sqrt(np.outer(variances, variances)))
    noisy = spread * symmetric(400, rng) + symmetric(400, rng)

    shares = kept_shares(noisy, 1.0, variances)

    assert shares[0, 1] == pytest.approx(16 / 17, abs=0.01)
    assert shares[0, 399] == pytest.approx(4 / 5, abs=0.02)
    assert shares[398, 399] == pytest.approx(1 / 2, abs=0.03)


def test_pure_noise_leaves_hardly_any_taste() -> None:
    noise = symmetric(200, np.random.default_rng(9))

    values, _ = shrunk(noise, 1.0, np.ones(200))

    assert np.linalg.norm(values) < 0.05 * np.linalg.norm(noise)


def test_chance_is_half_of_the_trace_where_nothing_stands_out(release: Release) -> None:
    assert CHANCE == 0.5
    estimate = denoise(replace(release, gram=np.eye(len(release.items)), noise=NoiseLevels(count=1.0, gram=50.0))).gram

    assert np.diag(estimate).sum() == pytest.approx(np.trace(estimate))


def test_through_a_lens_the_estimate_still_tells_who_goes_with_whom(
    release: Release, features: CatalogueFeatures
) -> None:
    lens = lens_for(
        release.items,
        release.counts,
        release.history_weights,
        count_noise=release.noise.count,
        gram_noise=60.0,
        features=features,
    )
    assert lens is not None
    seen = replace(release, gram=lens.T @ release.gram @ lens, lens=lens)

    estimate = denoise(seen, features).gram

    even = np.array([item < "item-20" for item in release.items])
    alike, unlike = estimate[np.ix_(even, even)].mean(), estimate[np.ix_(even, ~even)].mean()
    assert alike > 1.2 * unlike
