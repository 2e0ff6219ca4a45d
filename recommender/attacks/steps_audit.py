"""The audit of an autoencoder's private steps by canaries: train once, guess from every step, compare with the claim.

The release that the steps start from is taken as given, so what is bounded here is what the steps cost alone; how the
two compose is ``recommender.composition``. The attacker sees the decoder after every step, which the guarantee covers
too, and so each noisy sum of gradients; and knows the gradient that each canary would have had. What is not known is
who was in a step: a canary that is in takes part in each with probability q. From each step y = 1 or 0 plus noise is
guessed for all canaries at once by least squares, as in ``attacks.likelihood``; with a precision of γ it changes the
odds of a canary's being in by 1 - q + q exp(γ(y - ½)), and the steps' factors are multiplied.

How tight it is. Nobody but canaries is in the input, since other subjects' chance in a step would be noise to the
attacker. By 1,500 canaries, one step with everybody in it that costs ε = 3.1 is shown to cost 0.9 for any mechanism; a
third of its noise is caught, half of it in about every other run. Three steps with half of the subjects in each, of
ε = 3.8, are shown to cost 0.7, and a quarter of their noise is caught: who was in no step leaves no trace.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_matrix

from recommender.attacks.canaries import design, group_size
from recommender.attacks.canary_audit import right_guesses
from recommender.attacks.one_run import epsilon_lower_bound, refutes_curve
from recommender.attacks.trade_off import trade_off
from recommender.autoencoder.artefact import Autoencoder
from recommender.autoencoder.batches import BatchSource
from recommender.autoencoder.mechanism import DeepMechanism
from recommender.autoencoder.training import Schedule, WarmStart, train_autoencoder, warm_start
from recommender.composition import Cost, composed_epsilon
from recommender.denoise import Denoised
from recommender.errors import BadAttack
from recommender.interactions import Interactions, ones
from recommender.linear_model import normalised
from recommender.noise import NoiseSource


class Train(Protocol):
    """What is audited: ``recommender.autoencoder.training.train_autoencoder``, or another in its place."""

    def __call__(
        self,
        interactions: Interactions,
        denoised: Denoised,
        mechanism: DeepMechanism,
        *,
        noise: NoiseSource,
        batches: BatchSource | None = None,
        schedule: Schedule | None = None,
        watch: Callable[[np.ndarray], None] | None = None,
    ) -> Autoencoder:
        """Train once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsReport:
    """What one training showed of its private steps.

    Attributes:
        mechanism: as it was run, which is as it is claimed.
        epsilon: what the steps alone cost at the mechanism's δ.
        canaries: m, each in with probability ½.
        included: how many were.
        guesses: r, fixed beforehand.
        correct: v.
        confidence: with which both findings hold together.
        epsilon_lower: on ε at that δ, whatever the steps are; 0 where nothing is shown.
        curve_refuted: whether the whole trade-off curve of the claimed steps is refuted, which is far more sensitive.
        clipped: share of the canaries' gradients that reached the clipping norm, over all steps: others say less.
        noise: where the noise came from.
    """

    mechanism: DeepMechanism
    epsilon: float
    canaries: int
    included: int
    guesses: int
    correct: int
    confidence: float
    epsilon_lower: float
    curve_refuted: bool
    clipped: float
    noise: str

    @property
    def refuted(self) -> bool:
        """Whether the claim is shown to be wrong."""
        return self.curve_refuted or self.epsilon_lower > self.epsilon

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return asdict(self) | {"refuted": self.refuted}


def audit_steps(
    denoised: Denoised,
    mechanism: DeepMechanism,
    *,
    canaries: int,
    guesses: int,
    rng: np.random.Generator,
    noise: NoiseSource,
    batches: BatchSource | None = None,
    schedule: Schedule | None = None,
    train: Train = train_autoencoder,
    canary_items: int = 8,
    confidence: float = 0.95,
) -> StepsReport:
    """Attack the private steps of a training once. Nobody's data is read.

    Args:
        denoised: the release that the steps start from; it is taken as given.
        mechanism: what is claimed, and run.
        canaries: m; memory grows with its square, and time with its cube.
        guesses: r. Where everybody is in every step, half of them are for the lowest odds; else all are for the
            highest, since who is out looks like who is in and was in no step.
        rng: the canaries' coins. The claim is about these, the batches and the noise.
        noise: as for ``train_autoencoder``.
        batches: the same.
        schedule: the same.
        train: the code under audit.
        canary_items: of one canary, if the release has enough titles.
        confidence: with which both findings hold together; each has half of the error.

    Raises:
        BadAttack: more guesses than canaries, or a release of fewer than four titles.
    """
    if not 1 <= guesses <= canaries:
        msg = f"expected 1 <= guesses <= canaries, got {guesses} and {canaries}"
        raise BadAttack(msg)
    plan, included = schedule or Schedule(), rng.random(canaries) < 0.5  # noqa: PLR2004 - a fair coin
    start = warm_start(denoised, mechanism, plan.tastes)
    suspects, decoders = _suspects(denoised, start, canaries, canary_items), [start.decoder]
    inside, watch = suspects.rows(included), decoders.append
    train(inside, denoised, mechanism, noise=noise, batches=batches, schedule=plan, watch=watch)
    rows = normalised(suspects.matrix, denoised.release.history_weights, None)
    steps = [
        _odds(rows, start, before, _noisy_sum(before, after, start, plan, mechanism.sampling_rate), mechanism)
        for before, after in pairwise(decoders)
    ]
    correct = _right(np.sum([odds for odds, _ in steps], axis=0), included, guesses, mechanism)
    cost, each = Cost(sampled=(mechanism.sampled,)), (1 + confidence) / 2
    found = {"canaries": canaries, "guesses": guesses, "correct": correct}
    return StepsReport(
        mechanism=mechanism,
        epsilon=composed_epsilon(cost, mechanism.delta),
        included=int(included.sum()),
        confidence=confidence,
        epsilon_lower=epsilon_lower_bound(**found, delta=mechanism.delta, confidence=each),
        curve_refuted=refutes_curve(trade_off(cost), **found, confidence=each),
        clipped=float(np.mean([clipped for _, clipped in steps])),
        noise=noise.name,
        **found,
    )


def _right(odds: np.ndarray, included: np.ndarray, guesses: int, mechanism: DeepMechanism) -> int:
    if mechanism.sampling_rate == 1:
        return right_guesses(odds, included, guesses)
    return int(included[np.argsort(-odds, kind="stable")[:guesses]].sum())


def _suspects(denoised: Denoised, start: WarmStart, count: int, length: int) -> Interactions:
    """Canaries on those titles of the release that the encoder sees most of."""
    items = denoised.release.items
    length = min(length, denoised.release.mechanism.max_items_per_subject)
    while length > 1 and length * group_size(length) > len(items):
        length -= 1
    canaries = design(count, length)
    seen = np.argsort(-np.linalg.norm(start.encoder, axis=1), kind="stable")[: len(canaries.items)]
    rows = np.repeat(np.arange(count), length)
    matrix = ones(rows, seen[canaries.histories].ravel(), (count, len(items)))
    return Interactions(canaries.subjects, items, matrix)


def _noisy_sum(before: np.ndarray, after: np.ndarray, start: WarmStart, plan: Schedule, rate: float) -> np.ndarray:
    """The noisy sum of gradients that took the decoder from one to the next: float64, shape (tastes, items)."""
    whole = (before - after) / (plan.learning_rate * start.pace[:, None])
    result: np.ndarray = rate * (whole - start.pull[:, None] * before)
    return result


def _odds(
    rows: csr_matrix, start: WarmStart, decoder: np.ndarray, noisy: np.ndarray, mechanism: DeepMechanism
) -> tuple[np.ndarray, float]:
    """Logarithms of the factors by which one step changes the odds of each canary; and the share that was clipped.

    A canary's gradient is the outer product of its tastes h and its residual r, scaled down to the clipping norm.
    """
    wanted = rows.toarray()
    tastes = wanted @ start.encoder
    residuals = tastes @ decoder - wanted
    norms = np.linalg.norm(tastes, axis=1) * np.linalg.norm(residuals, axis=1)
    tastes = tastes * np.minimum(1.0, mechanism.max_grad_norm / np.maximum(norms, 1e-300))[:, None]
    variance, share = (mechanism.noise_multiplier * mechanism.max_grad_norm) ** 2, mechanism.sampling_rate / 2
    overlaps = (tastes @ tastes.T) * (residuals @ residuals.T) / variance
    read = np.einsum("cd,di,ci->c", tastes, noisy, residuals, optimize=True) / variance - share * overlaps.sum(axis=1)
    chance = share * (1 - share)
    errors = np.linalg.inv(overlaps + np.eye(len(overlaps)) / chance)
    guess, error = errors @ read, np.diag(errors)
    # What is said of one canary without what was assumed of it: γ, and γ(y - ½).
    precision = np.maximum(1 / error - 1 / chance, 0.0)
    ratio = guess / error + precision * (share - 0.5)
    absent = np.log(max(1 - mechanism.sampling_rate, 1e-300))
    odds = np.logaddexp(absent, np.log(mechanism.sampling_rate) + ratio)
    return odds, float((norms >= mechanism.max_grad_norm).mean())
