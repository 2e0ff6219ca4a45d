"""The private steps by their definition, and the artefact that comes of them."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from scipy.stats import chi2

from recommender.autoencoder.artefact import Autoencoder
from recommender.autoencoder.batches import SecureBatches
from recommender.autoencoder.mechanism import (
    GRADIENT_BITS,
    DeepMechanism,
    plan_autoencoder,
    verify_fine_enough,
)
from recommender.autoencoder.private_steps import ExactNoiseOptimizer, private, take_step
from recommender.autoencoder.training import Schedule, normalised, train_autoencoder, warm_start
from recommender.composition import Cost, composed_epsilon
from recommender.denoise import Denoised, denoise
from recommender.errors import BadMechanism, BadModel, CorruptArtefact, EmptyInteractions
from recommender.interactions import Interactions
from recommender.measurement import measure
from recommender.mechanism import Mechanism, plan
from recommender.model import load_model
from recommender.models import MODELS
from recommender.noise import NoiseSource, OpenDPNoise
from recommender.paid_models import PAID_MODELS, is_paid
from recommender.release import Release
from recommender.serving import Recommender

CLIP = 0.5


@pytest.fixture(scope="module")
def steps() -> DeepMechanism:
    return DeepMechanism(noise_multiplier=2.0, max_grad_norm=CLIP, sampling_rate=0.5, steps=3, delta=1e-6)


@pytest.fixture(scope="module")
def denoised(release: Release) -> Denoised:
    return denoise(release)


class Everybody:
    exact = True

    def draw(self, count: int, rate: float) -> np.ndarray:
        del rate
        return np.ones(count, dtype=bool)


class Nobody(Everybody):
    def draw(self, count: int, rate: float) -> np.ndarray:
        del rate
        return np.zeros(count, dtype=bool)


def layer(weight: np.ndarray) -> torch.nn.Linear:
    linear = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False, dtype=torch.float64)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(weight))
    return linear


def clipped_by_hand(weight: np.ndarray, given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """One subject after another: the gradient of ½‖W h - x‖², scaled down to the clipping norm, summed."""
    total = np.zeros_like(weight)
    for taste, history in zip(given, wanted, strict=True):
        gradient = np.outer(weight @ taste - history, taste)
        total += gradient * min(1.0, CLIP / np.linalg.norm(gradient))
    return total


def noisy_sum(
    weight: np.ndarray, given: np.ndarray, wanted: np.ndarray, steps: DeepMechanism, noise: NoiseSource, *, chunk: int
) -> np.ndarray:
    """The gradient that one private step follows, in units of the grid."""
    linear = layer(weight)
    optimizer = ExactNoiseOptimizer(torch.optim.SGD(linear.parameters(), lr=1.0), steps, noise)
    parts = [slice(start, start + chunk) for start in range(0, max(len(given), 1), chunk)]
    chunks = ((torch.tensor(given[part], requires_grad=True), torch.from_numpy(wanted[part])) for part in parts)
    take_step(private(linear, steps), optimizer, chunks)
    moved: np.ndarray = (weight - linear.weight.detach().numpy()) / optimizer.grid
    return moved


@pytest.fixture
def batch() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A decoder for 12 titles and 3 tastes, and the tastes and histories of 40 subjects, some far and some near."""
    rng = np.random.default_rng(3)
    return rng.normal(size=(12, 3)), rng.normal(size=(40, 3)), rng.normal(size=(40, 12)) * rng.random((40, 1))


@pytest.mark.parametrize("chunk", [40, 7])
def test_the_sum_is_that_of_each_subjects_gradient_clipped_alone(
    batch: tuple[np.ndarray, np.ndarray, np.ndarray], steps: DeepMechanism, silence: NoiseSource, chunk: int
) -> None:
    weight, given, wanted = batch
    found = noisy_sum(weight, given, wanted, steps, silence, chunk=chunk)

    # Opacus divides by the norm plus 1e-6, so it clips a little more.
    assert found * CLIP / 2**GRADIENT_BITS == pytest.approx(clipped_by_hand(weight, given, wanted), abs=1e-4)


def test_one_subject_moves_the_integers_by_at_most_the_clipping_norm(
    batch: tuple[np.ndarray, np.ndarray, np.ndarray], steps: DeepMechanism, silence: NoiseSource
) -> None:
    weight, given, wanted = batch
    given, wanted = given * 1e3, wanted * 1e3
    whole = noisy_sum(weight, given, wanted, steps, silence, chunk=8)

    for gone in range(0, 40, 5):
        rest = noisy_sum(
            weight, np.delete(given, gone, axis=0), np.delete(wanted, gone, axis=0), steps, silence, chunk=8
        )
        moved = np.linalg.norm(whole - rest)
        assert 0.99 * 2**GRADIENT_BITS < moved <= 2**GRADIENT_BITS + math.sqrt(weight.size)


def test_noise_is_as_large_as_planned_and_half_of_it_would_be_noticed(steps: DeepMechanism) -> None:
    nobody = np.empty((0, 30)), np.empty((0, 60))
    found = noisy_sum(np.zeros((60, 30)), *nobody, steps, OpenDPNoise(), chunk=8)

    def is_consistent(scale: float) -> bool:
        spread = float(((found / scale) ** 2).sum())
        return bool(chi2.ppf(1e-4, found.size) < spread < chi2.ppf(1 - 1e-4, found.size))

    assert steps.noise_scale == math.ceil(2 * 2**GRADIENT_BITS * 1.001)
    assert is_consistent(steps.noise_scale)
    assert not is_consistent(steps.noise_scale / 2)
    assert not is_consistent(steps.noise_scale * 1.5)


def test_each_chunked_batch_gets_its_noise_once(
    batch: tuple[np.ndarray, np.ndarray, np.ndarray], steps: DeepMechanism
) -> None:
    asked = []

    class Listening:
        exact = False
        name = "listening"

        def draw(self, count: int, scale: int, *, progress: object = None) -> np.ndarray:
            del progress
            asked.append((count, scale))
            return np.zeros(count, dtype=np.int64)

    noisy_sum(*batch, steps, Listening(), chunk=3)

    assert asked == [(36, steps.noise_scale)]


def test_coins_have_the_stated_chance_and_are_fresh() -> None:
    source = SecureBatches()
    first, second = source.draw(100_000, 0.3), source.draw(100_000, 0.3)

    # Five standard deviations of a count are 725.
    assert abs(first.sum() - 30_000) < 725
    # Independent draws agree in 0.3² + 0.7² = 58 % of the places.
    assert abs((first == second).mean() - 0.58) < 0.01
    assert source.draw(5, 1.0).all()
    assert len(source.draw(0, 0.3)) == 0


def test_a_warm_start_of_all_tastes_scores_like_the_factorisation_of_the_release(
    denoised: Denoised, steps: DeepMechanism
) -> None:
    start = warm_start(denoised, replace(steps, noise_multiplier=1e-12), tastes=10_000)
    free = denoised.spectral(denoised.values / (denoised.values + denoised.ridge))

    assert start.encoder @ start.decoder == pytest.approx(free, abs=1e-9)


def test_tastes_that_a_step_could_not_tell_from_its_noise_are_left_out(
    denoised: Denoised, steps: DeepMechanism
) -> None:
    widths = [
        warm_start(denoised, replace(steps, noise_multiplier=noise), tastes=128).encoder.shape[1]
        for noise in (1e-12, 2.0, 1e6)
    ]

    assert widths[0] > widths[1] >= widths[2] == 4


def train(
    population: Interactions, denoised: Denoised, steps: DeepMechanism, noise: NoiseSource, **settings: object
) -> Autoencoder:
    return train_autoencoder(population, denoised, steps, noise=noise, **settings)  # type: ignore[arg-type]


def test_steps_that_nobody_is_in_leave_the_best_decoder_where_the_ridge_pulls_it(
    population: Interactions, denoised: Denoised, steps: DeepMechanism, silence: NoiseSource
) -> None:
    start = warm_start(denoised, steps, tastes=5)
    model = train(population, denoised, steps, silence, batches=Nobody(), schedule=Schedule(tastes=5))
    pulled = start.decoder * (1 - 0.5 * start.pace * start.pull)[:, None] ** 3

    assert model.decoder == pytest.approx(pulled / denoised.release.history_weights, rel=1e-5)


def test_steps_without_noise_and_clipping_come_to_predict_histories_better(
    population: Interactions, denoised: Denoised, silence: NoiseSource
) -> None:
    gentle = DeepMechanism(noise_multiplier=1.0, max_grad_norm=1e3, sampling_rate=1.0, steps=20, delta=1e-6)
    rows = normalised(population.on_items(denoised.release.items).matrix, denoised.release.history_weights).toarray()

    def error(model: Autoencoder) -> float:
        decoder = model.decoder * denoised.release.history_weights
        return float(((rows @ model.encoder @ decoder - rows) ** 2).sum() + (denoised.ridge * penalty(model)))

    def penalty(model: Autoencoder) -> float:
        scale = (model.encoder**2).sum(axis=0)
        return float((scale[:, None] * (model.decoder * denoised.release.history_weights) ** 2).sum())

    before = train(population, denoised, gentle, silence, batches=Nobody(), schedule=Schedule(learning_rate=1e-9))
    after = train(population, denoised, gentle, silence, batches=Everybody())
    assert error(after) < error(before)


def test_a_training_without_an_exact_source_promises_nothing(
    population: Interactions, denoised: Denoised, steps: DeepMechanism, silence: NoiseSource
) -> None:
    model = train(population, denoised, steps, silence)

    assert (model.guarantee.epsilon, model.guarantee.delta) == (math.inf, 1.0)


@pytest.fixture(scope="module")
def trained(population: Interactions) -> Autoencoder:
    planned = plan_autoencoder(4.0, 1e-6, kept_at_most=30)
    release = measure(population, planned.release, noise=OpenDPNoise())
    return train(population, denoise(release), planned.training, OpenDPNoise(), schedule=Schedule(tastes=6))


def test_release_and_training_together_cost_what_was_planned(trained: Autoencoder) -> None:
    guarantee = trained.guarantee
    planned = plan_autoencoder(4.0, 1e-6, kept_at_most=30)

    assert 3.99 < guarantee.epsilon <= 4.0
    assert guarantee.delta == 1e-6
    assert guarantee.mu == planned.release.mu
    assert guarantee.sampled == (planned.training.sampled,)
    assert planned.release.epsilon < 3.5
    assert composed_epsilon(Cost(mu=guarantee.mu, sampled=guarantee.sampled), 1e-6) == pytest.approx(4.0, rel=1e-3)
    for word in ("DP-SGD", "Poisson", "discrete Gaussian", "OpenDP"):
        assert word in guarantee.mechanism


def test_an_autoencoder_survives_its_folder_and_nothing_else_passes_for_it(
    trained: Autoencoder, tmp_path: Path
) -> None:
    digest = trained.save(tmp_path / "model")
    back = load_model(tmp_path / "model", digest)

    assert isinstance(back, Autoencoder)
    assert back.digest == trained.digest == digest
    assert (back.guarantee, back.mechanism, back.items) == (trained.guarantee, trained.mechanism, trained.items)
    assert np.array_equal(back.decoder, trained.decoder)
    with pytest.raises(CorruptArtefact):
        load_model(tmp_path / "model", "0" * 64)


def test_scores_are_the_history_through_both_layers(trained: Autoencoder) -> None:
    known = csr_matrix(np.array([[1, 0, 1] + [0] * 27, [0] * 30], dtype=np.int8))
    shares = np.zeros(30)
    shares[[0, 2]] = trained.history_weights[[0, 2]] / np.linalg.norm(trained.history_weights[[0, 2]])
    scores = trained.raw_scores(known)

    assert scores.dtype == np.float32
    assert scores[0] == pytest.approx(shares @ trained.encoder @ trained.decoder, rel=1e-4, abs=1e-6)
    assert scores[1] == pytest.approx(trained.popularity, rel=1e-6)
    assert np.array_equal(trained.raw_scores(known[:1])[0], scores[0])
    assert trained.amounts(known[:1], 5).sum() == pytest.approx(scores[0, 5], rel=1e-4, abs=1e-6)


def test_it_is_served_like_any_other_model(trained: Autoencoder, population: Interactions) -> None:
    table = Recommender(trained).recommend(population.rows(np.arange(20)), 5)

    assert table.num_rows == 100


def test_serving_one_loads_no_torch(trained: Autoencoder, tmp_path: Path) -> None:
    digest = trained.save(tmp_path / "model")
    program = (
        "import sys; from pathlib import Path; from recommender.serving import Recommender;"
        f"Recommender.load(Path({str(tmp_path / 'model')!r}), {digest!r}).explain(['item-00'], 'item-01');"
        "print({'torch', 'opacus', 'opendp', 'dp_accounting'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)

    assert ran.stdout == "set()\n"


def test_layers_that_do_not_fit_are_refused(trained: Autoencoder) -> None:
    with pytest.raises(BadModel):
        replace(trained, decoder=trained.decoder[:, :-1])
    with pytest.raises(BadModel):
        replace(trained, encoder=np.full_like(trained.encoder, np.nan))


def test_refuses_what_would_promise_too_much(
    population: Interactions, denoised: Denoised, steps: DeepMechanism, silence: NoiseSource, mechanism: Mechanism
) -> None:
    with pytest.raises(BadMechanism, match="no guarantee"):
        steps.beside(denoised.release.guarantee)
    with pytest.raises(BadMechanism, match="too many"):
        verify_fine_enough(steps, 5.0, coordinates=5_000_000_000, subjects=1)
    with pytest.raises(BadMechanism, match=f"too coarse for {steps.steps * 10**6} numbers at epsilon 5"):
        verify_fine_enough(replace(steps, noise_multiplier=0.001), 5.0, coordinates=10**6, subjects=1)
    with pytest.raises(BadMechanism, match="generator"):
        train(population, denoised, steps, silence, schedule=Schedule(dropout=0.5))
    with pytest.raises(EmptyInteractions):
        train(population.rows(np.array([], dtype=np.int64)), denoised, steps, silence)
    with pytest.raises(BadMechanism, match="max_grad_norm"):
        replace(steps, max_grad_norm=0.0)
    with pytest.raises(BadMechanism, match="share"):
        plan_autoencoder(1.0, 1e-6, share=1.0)
    assert steps.beside(mechanism.guarantee).epsilon > plan(5.0, 1e-6).epsilon


@pytest.mark.parametrize("delta", [1e-15, 9.9e-11])
def test_refuses_a_delta_at_which_the_cost_of_sampled_steps_cannot_be_told(delta: float) -> None:
    # At 1e-15 the accountant finds no finite epsilon, at 1e-12 one above what was asked.
    with pytest.raises(BadMechanism, match="delta of at least 1e-10"):
        plan_autoencoder(1.0, delta)


def test_the_smallest_delta_still_costs_no_more_than_was_asked() -> None:
    assert 4.99 < plan_autoencoder(5.0, 1e-10).guarantee.epsilon <= 5.0


def test_a_plan_that_costs_more_than_was_asked_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recommender.autoencoder.mechanism.LEAST_DELTA", 0.0)

    with pytest.raises(BadMechanism, match=r"would cost epsilon .* at delta 1e-13, not 1"):
        plan_autoencoder(1.0, 1e-13)


def test_refuses_batches_whose_sums_float64_would_round_by_more_than_the_noise_has_to_spare() -> None:
    # 2 n² / 2^53 = 10⁻³ at n = 2.12 million; a million trained numbers take 1.5 % of that.
    whole = DeepMechanism(noise_multiplier=4.0, max_grad_norm=1.0, sampling_rate=1.0, steps=4, delta=1e-6)

    verify_fine_enough(whole, 5.0, coordinates=10**6, subjects=2_100_000)
    verify_fine_enough(replace(whole, sampling_rate=0.1), 5.0, coordinates=10**6, subjects=20_000_000)
    for mechanism, subjects in ((whole, 2_125_000), (replace(whole, sampling_rate=0.1), 21_250_000)):
        with pytest.raises(BadMechanism, match="subjects are too large for sums in float64"):
            verify_fine_enough(mechanism, 5.0, coordinates=10**6, subjects=subjects)


def test_what_costs_privacy_is_listed_apart_from_what_is_free(trained: Autoencoder) -> None:
    free, paid = {kind.slug for kind in MODELS}, {kind.slug for kind in PAID_MODELS}

    assert paid == {trained.kind}
    assert not free & paid
    assert (is_paid("autoencoder"), is_paid("ease")) == (True, False)
    assert all(kind.summary.endswith(".") for kind in PAID_MODELS)
