"""The audit of an autoencoder's private steps: it lets the real ones pass and finds sabotaged ones."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

import recommender.autoencoder.training
from recommender.attacks.steps_audit import StepsReport, audit_steps
from recommender.attacks.trade_off import trade_off
from recommender.autoencoder.mechanism import DeepMechanism
from recommender.autoencoder.training import Schedule, train_autoencoder, warm_start
from recommender.composition import Cost
from recommender.denoise import Denoised, denoise
from recommender.errors import BadAttack
from recommender.interactions import Interactions, ones
from recommender.measurement import measure
from recommender.mechanism import plan
from tests.recommender.conftest import SilentNoise
from tests.recommender.seeded import SeededNoise

TITLES, SUBJECTS, CANARIES = 150, 800, 700
SMALL = 0.05  # every canary's gradient is longer, and so clipped
ALL_IN = DeepMechanism(noise_multiplier=1.5, max_grad_norm=SMALL, sampling_rate=1.0, steps=1, delta=1e-6)
SAMPLED = DeepMechanism(noise_multiplier=1.5, max_grad_norm=SMALL, sampling_rate=0.5, steps=3, delta=1e-6)


@dataclass(frozen=True)
class SeededBatches:
    rng: np.random.Generator
    exact: bool = False

    def draw(self, count: int, rate: float) -> np.ndarray:
        return self.rng.random(count) < rate


@pytest.fixture(scope="module")
def denoised() -> Denoised:
    """Of histories in which every title is watched."""
    rng = np.random.default_rng(4)
    columns = np.concatenate([rng.choice(TITLES, 8, replace=False) for _ in range(SUBJECTS)])
    matrix = ones(np.repeat(np.arange(SUBJECTS), 8), columns, (SUBJECTS, TITLES))
    subjects, items = (tuple(f"{kind}{n}" for n in range(count)) for kind, count in (("s", SUBJECTS), ("t", TITLES)))
    mechanism = plan(20.0, 1e-6, through_lens=False)
    return denoise(measure(Interactions(subjects, items, matrix), mechanism, noise=SilentNoise()))


def _audit(denoised: Denoised, mechanism: DeepMechanism, *, divided: int = 1, **given: Any) -> StepsReport:  # noqa: ANN401 - the audit's arguments
    settings: dict[str, Any] = {
        "canaries": CANARIES,
        "guesses": 150,
        "rng": np.random.default_rng(0),
        "noise": SeededNoise(np.random.default_rng(1), divided),
        "batches": SeededBatches(np.random.default_rng(2)),
        "schedule": Schedule(tastes=64),
    }
    return audit_steps(denoised, mechanism, **settings | given)


@pytest.mark.parametrize("mechanism", [ALL_IN, SAMPLED])
def test_the_real_steps_are_bounded_below_what_they_cost(denoised: Denoised, mechanism: DeepMechanism) -> None:
    report = _audit(denoised, mechanism)

    assert not report.refuted
    assert 0.3 < report.epsilon_lower < report.epsilon  # and it does find something
    assert report.clipped == 1.0
    assert abs(report.included - CANARIES / 2) < 60


@pytest.mark.parametrize(("mechanism", "divided"), [(ALL_IN, 3), (SAMPLED, 4)])
def test_steps_with_too_little_noise_are_caught(denoised: Denoised, mechanism: DeepMechanism, divided: int) -> None:
    assert _audit(denoised, mechanism, divided=divided).curve_refuted


@pytest.mark.parametrize("mechanism", [SAMPLED])
def test_gradients_that_are_not_clipped_are_caught(
    denoised: Denoised, mechanism: DeepMechanism, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = recommender.autoencoder.training.private

    def unclipped(layer: Any, mechanism: DeepMechanism) -> Any:  # noqa: ANN401 - Opacus has no types
        return real(layer, replace(mechanism, max_grad_norm=1000.0))

    monkeypatch.setattr(recommender.autoencoder.training, "private", unclipped)

    assert _audit(denoised, mechanism).refuted


def test_a_subject_that_is_in_a_batch_three_times_is_caught(denoised: Denoised) -> None:
    def thrice(interactions: Interactions, *given: Any, **settings: Any) -> Any:  # noqa: ANN401 - as train_autoencoder
        rows = np.tile(np.arange(len(interactions.subjects)), 3)
        names = tuple(f"{number}" for number in range(len(rows)))
        tripled = Interactions(names, interactions.items, interactions.matrix[rows])
        return train_autoencoder(tripled, *given, **settings)

    assert _audit(denoised, ALL_IN, train=thrice).curve_refuted


def test_whoever_watches_a_training_sees_the_decoder_after_each_step(denoised: Denoised) -> None:
    seen: list[np.ndarray] = []
    noise = SeededNoise(np.random.default_rng(1))
    watched = Interactions(("a",), denoised.release.items, ones(np.zeros(2, int), np.arange(2), (1, TITLES)))

    model = train_autoencoder(watched, denoised, SAMPLED, noise=noise, schedule=Schedule(tastes=8), watch=seen.append)

    assert len(seen) == SAMPLED.steps
    assert seen[0].shape == warm_start(denoised, SAMPLED, 8).decoder.shape
    assert np.allclose(model.decoder, (seen[-1] / denoised.release.history_weights).astype(np.float32))


def test_the_curve_of_one_whole_step_is_that_of_a_gaussian_from_below() -> None:
    curve = trade_off(Cost(mu=1.5))
    right = np.linspace(0.01, 0.99, 25)

    true = ndtr(ndtri(right) - 1.5)
    found = np.array([curve(each) for each in right])

    assert (found <= true + 1e-12).all()
    assert np.allclose(found, true, atol=2e-3)


@pytest.mark.parametrize("given", [{"guesses": 0}, {"guesses": 3000}])
def test_an_audit_that_could_show_nothing_is_refused(denoised: Denoised, given: dict[str, int]) -> None:
    with pytest.raises(BadAttack, match="1 <= guesses <= canaries"):
        _audit(denoised, ALL_IN, **given)
