"""The methods we compare with solve what their papers say."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from benchmarks.peers import adadpals, ials
from benchmarks.peers.ease import ease_weights
from recommender.accounting import mu_for

SETTINGS = adadpals.AdaDpalsSettings(
    items=20, dimensions=3, rounds=2, clip=0.5, ridge=1.5, unobserved=0.3, exponent=-1 / 4, items_each=4
)


@pytest.fixture(scope="module")
def histories() -> csr_matrix:
    rng = np.random.default_rng(5)
    return csr_matrix((rng.random((50, 20)) < 0.3).astype(np.float64))


def test_als_solves_the_weighted_ridge_regression_of_each_row(histories: csr_matrix) -> None:
    settings = ials.IalsSettings(dimensions=3, confidence=4.0, ridge=2.0)
    items = np.random.default_rng(1).normal(size=(20, 3))
    row = histories[7].toarray().ravel()
    # Least squares with the weights' roots as factors, and the ridge as three more rows that want 0.
    root = np.sqrt(np.where(row > 0, 4.0, 1.0))
    stacked = np.vstack([items * root[:, None], np.sqrt(2.0) * np.eye(3)])
    naive, *_ = np.linalg.lstsq(stacked, np.concatenate([row * root, np.zeros(3)]))

    np.testing.assert_allclose(ials.solved_rows(histories, items, settings)[7], naive, rtol=1e-10)


def test_als_never_gets_worse_from_round_to_round(histories: csr_matrix) -> None:
    def objective(rounds: int) -> float:
        settings = ials.IalsSettings(dimensions=3, confidence=4.0, ridge=2.0, rounds=rounds)
        items = ials.fit_ials(histories, settings, rng=np.random.default_rng(2)).factors
        subjects = ials.solved_rows(histories, items, settings)
        dense = histories.toarray()
        errors = np.where(dense > 0, 4.0, 1.0) * (dense - subjects @ items.T) ** 2
        return float(errors.sum() + 2.0 * ((subjects**2).sum() + (items**2).sum()))

    reached = [objective(rounds) for rounds in (1, 2, 4, 8)]

    assert all(later < earlier for earlier, later in pairwise(reached))


def test_ease_predicts_each_column_from_the_others_by_ridge_regression(histories: csr_matrix) -> None:
    dense = histories.toarray()
    weights = ease_weights(dense.T @ dense, 3.0)
    others = np.delete(dense, 4, axis=1)
    naive = np.linalg.solve(others.T @ others + 3.0 * np.eye(19), others.T @ dense[:, 4])

    assert weights[4, 4] == 0.0
    np.testing.assert_allclose(np.delete(weights[:, 4], 4), naive, rtol=1e-5, atol=1e-6)


def test_the_noise_of_adadpals_is_accounted_as_computed_by_hand() -> None:
    noise = adadpals.NoiseMultipliers(count=8.0, gramian=4.0, left=8.0, right=4.0)

    # 4/8² + 2 (1/4² + 4/8² + 4/4²) = 0.0625 + 2 · 0.375
    assert adadpals.mu_of(noise, items_each=4, rounds=2) ** 2 == pytest.approx(0.8125)


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 5.0, 20.0])
def test_adadpals_spends_what_it_may_and_no_more(epsilon: float) -> None:
    settings, mu = adadpals.settings_for(epsilon), mu_for(epsilon, 1e-5)
    noise = adadpals.noise_for(mu, settings)

    spent = adadpals.mu_of(noise, items_each=settings.items_each, rounds=settings.rounds)
    assert spent == pytest.approx(mu, rel=1e-12)


def test_a_subject_moves_the_sums_of_adadpals_by_no_more_than_is_accounted(histories: csr_matrix) -> None:
    rng = np.random.default_rng(8)
    chosen = adadpals.sampled(histories, 4, rng)
    weights = adadpals.adaptive_weights(chosen, rng.integers(1, 40, 20).astype(float), SETTINGS)
    subjects = adadpals.clipped(rng.normal(size=(50, 3)), 0.5)
    for row in range(50):
        own, factor = weights[row].toarray().ravel(), subjects[row]
        left = own[:, None, None] * np.outer(factor, factor)
        right = own[:, None] * factor

        assert np.diff(chosen.indptr)[row] <= 4
        assert (own > 0).sum() == 0 or (own**2).sum() == pytest.approx(4.0)
        assert np.linalg.norm(left) <= np.sqrt(4) * 0.5**2 + 1e-12
        assert np.linalg.norm(right) <= np.sqrt(4) * 0.5 + 1e-12


def test_weights_lift_rare_items_by_the_root_of_their_counts_ratio() -> None:
    weights = adadpals.adaptive_weights(csr_matrix([[1.0, 1.0]]), np.array([16.0, 1.0]), SETTINGS)

    # Exponent -1/4: raw 16^-½ = ¼ and 1, scaled to sum 4: 0.8 and 3.2, then the root.
    assert weights.toarray().ravel() == pytest.approx([np.sqrt(0.8), np.sqrt(3.2)])


def test_symmetric_noise_has_the_stated_spread_and_another_is_told_apart() -> None:
    # A large multiple of the identity keeps every matrix positive, so nothing is cut off.
    flat = np.tile(adadpals.pairs_of(np.eye(2)).sum(axis=0) * 1e3, (20_000, 1))
    noisy = adadpals.noisy_pairs(flat, 2.0, 2, np.random.default_rng(4))

    assert noisy[:, 0, 0].std() == pytest.approx(2.0, rel=0.02)
    assert noisy[:, 0, 1].std() == pytest.approx(2.0 / np.sqrt(2), rel=0.02)
    assert np.array_equal(noisy[:, 0, 1], noisy[:, 1, 0]) or np.allclose(noisy[:, 0, 1], noisy[:, 1, 0])


def test_a_subject_factor_solves_its_own_ridge_regression(histories: csr_matrix) -> None:
    factors = np.random.default_rng(6).normal(size=(20, 3))
    held = factors[histories[3].indices]
    system = held.T @ held + 0.3 * factors.T @ factors + 1.5 * np.eye(3)

    np.testing.assert_allclose(
        adadpals.subject_factors(histories, factors, SETTINGS)[3], np.linalg.solve(system, held.sum(axis=0)), rtol=1e-10
    )
