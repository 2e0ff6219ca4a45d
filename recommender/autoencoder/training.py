"""A few private steps that refine what the release already says, by torch and Opacus.

Of this package only this module and ``private_steps``, which these steps are made of, import them.

Why squared error. Its gradient over the decoder is (prediction - x) hᵀ, of rank one for each subject and small once
the release has explained what most subjects share; so at a given noise it says more, along the few directions that
matter, than measuring all pairs of titles again would.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import nn

from recommender.accounting import Guarantee, no_guarantee
from recommender.autoencoder.artefact import Autoencoder
from recommender.autoencoder.batches import BatchSource, SecureBatches
from recommender.autoencoder.mechanism import DeepMechanism, verify_fine_enough
from recommender.autoencoder.private_steps import ExactNoiseOptimizer, private, take_step
from recommender.denoise import Denoised
from recommender.errors import BadMechanism, EmptyInteractions
from recommender.interactions import Interactions, capped
from recommender.linear_model import normalised
from recommender.mechanism import Performance
from recommender.noise import NoiseSource
from recommender.release import Release

Progress = Callable[[int, int], None]
Watch = Callable[[np.ndarray], None]

FEWEST_TASTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How the steps are used: nothing here moves the guarantee, for a gradient is clipped and noised before.

    Attributes:
        tastes: hidden units at most; fewer where fewer stand clear of the steps' noise.
        learning_rate: share of the way to each step's best decoder, positive.
        dropout: share of a history's weight that is hidden from the encoder, in [0, 1).
    """

    tastes: int = 128
    learning_rate: float = 0.5
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.tastes < 1 or not (self.learning_rate > 0 and 0 <= self.dropout < 1):
            msg = "a schedule needs at least one taste, a positive learning_rate and dropout in [0, 1)"
            raise BadMechanism(msg)


@dataclass(frozen=True, slots=True, eq=False)
class WarmStart:
    """Both layers from the release alone.

    With G = V Λ Vᵀ, taste k of a history is s_k v_kᵀx, and the decoder is the ridge solution diag(λ/(λ + ridge)/s) Vᵀ.
    The scale s_k = ((λ_k + ridge)/(λ_1 + ridge))^-¼ stands halfway, in the logarithm, between noise that is equal for
    all tastes and noise in proportion to what a taste is worth.

    Shapes: ``encoder`` (m, d), ``decoder`` (d, m), ``pull`` (d,): the ridge's part of the gradient, ``pace`` (d,): one
    over the curvature.
    """

    encoder: np.ndarray
    decoder: np.ndarray
    pull: np.ndarray
    pace: np.ndarray


def warm_start(denoised: Denoised, mechanism: DeepMechanism, tastes: int) -> WarmStart:
    """The layers before any private step: a function of the release, so it costs nothing.

    A taste is kept where its eigenvalue exceeds the spectral size of a step's noise, σC√m over the sampling rate: of
    others a step would learn noise. (On MovieLens-1M 12 are kept at ε = 1, 66 at 5, and all 128 at 20.)
    """
    width, firm = len(denoised.values), denoised.values[::-1] + denoised.ridge
    scale = (firm / firm[0]) ** -0.25
    noise = mechanism.noise_multiplier * mechanism.max_grad_norm / mechanism.sampling_rate * np.sqrt(width)
    clear = int((denoised.values[::-1] * scale > noise).sum())
    count = min(tastes, max(clear, FEWEST_TASTES), width)
    values, vectors = denoised.values[::-1][:count], denoised.vectors[:, ::-1][:, :count]
    firm, scale = firm[:count], scale[:count]
    return WarmStart(
        encoder=vectors * scale,
        decoder=(vectors * (values / firm / scale)).T,
        pull=denoised.ridge * scale**2,
        pace=1 / (firm * scale**2),
    )


def train_autoencoder(
    interactions: Interactions,
    denoised: Denoised,
    mechanism: DeepMechanism,
    *,
    noise: NoiseSource,
    batches: BatchSource | None = None,
    schedule: Schedule | None = None,
    performance: Performance | None = None,
    rng: np.random.Generator | None = None,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Autoencoder:
    """Refine the release's factorisation by DP-SGD over subjects.

    Args:
        interactions: what the release was measured on.
        denoised: the release, made ready for models.
        mechanism: all that the guarantee depends on.
        noise: the source of the noise. Anything that is not exact yields a model without a guarantee.
        batches: who is in a step; ``SecureBatches`` if absent.
        schedule: how the steps are used.
        performance: threads and chunk size.
        rng: for dropout only.
        progress: told (steps taken, steps in all).
        watch: shown the decoder after each step, float64 (tastes, items). The guarantee covers all of them.

    Guarantees:
        - each subject is in a step independently with probability ``mechanism.sampling_rate``
        - one subject moves a step's summed gradient by at most ``mechanism.max_grad_norm`` in L2
        - the noise has the planned standard deviation, whoever is in the batch, and if nobody is
        - neither scaling nor number of steps depends on how many subjects there are
        - with exact sources, release and model together are (ε, δ)-DP as the model's guarantee says

    Raises:
        EmptyInteractions: there is no subject; that this is refused tells so, and no guarantee covers it.
        BadMechanism: dropout without ``rng``, or the mechanism cannot keep its guarantee on a model of this size.
    """
    release, plan, speed = denoised.release, schedule or Schedule(), performance or Performance()
    _require_trainable(interactions, plan, rng)
    start = warm_start(denoised, mechanism, plan.tastes)
    rows, source = _rows(interactions, release), batches or SecureBatches()
    guarantee = _guarantee(mechanism, release.guarantee, exact=noise.exact and source.exact, noise=noise.name)
    verify_fine_enough(mechanism, guarantee.epsilon, coordinates=start.decoder.size, subjects=rows.shape[0])
    decoder = _Refining(start, mechanism, plan, noise)
    with _threads(speed.threads):
        for step, chosen in enumerate(_batches(rows, source, mechanism)):
            decoder.step(_chunks(chosen, start, speed.chunk_rows, _dropping(plan.dropout, rng)))
            _tell(watch, decoder.weights)
            _tell(progress, step + 1, mechanism.steps)
    return Autoencoder(
        items=release.items,
        encoder=start.encoder.astype(np.float32),
        decoder=(decoder.weights / release.history_weights).astype(np.float32),
        popularity=np.maximum(release.counts, 0.0),
        history_weights=release.history_weights,
        release_digest=release.digest,
        guarantee=guarantee,
        mechanism=mechanism,
    )


def _tell(whom: Callable[..., object] | None, *what: object) -> None:
    if whom is not None:
        whom(*what)


def _require_trainable(interactions: Interactions, plan: Schedule, rng: np.random.Generator | None) -> None:
    if not interactions.subjects:
        msg = "nothing to train on: there is no subject"
        raise EmptyInteractions(msg)
    if plan.dropout and rng is None:
        msg = "dropout needs a generator"
        raise BadMechanism(msg)


def _rows(interactions: Interactions, release: Release) -> csr_matrix:
    histories = capped(interactions, release.mechanism.max_items_per_subject).on_items(release.items)
    return normalised(histories.matrix, release.history_weights, histories.importance)


class _Refining:
    """The decoder between steps: Opacus makes each noisy gradient, the release says how far to follow it."""

    def __init__(self, start: WarmStart, mechanism: DeepMechanism, plan: Schedule, noise: NoiseSource) -> None:
        self._start, self._rate, self._pace = start, mechanism.sampling_rate, plan.learning_rate
        tastes, width = start.decoder.shape
        self._linear = nn.Linear(tastes, width, bias=False, dtype=torch.float64)
        with torch.no_grad():
            self._linear.weight.copy_(torch.from_numpy(start.decoder.T.copy()))
        self._layer = private(self._linear, mechanism)
        self._optimizer = ExactNoiseOptimizer(torch.optim.SGD(self._linear.parameters(), lr=1.0), mechanism, noise)
        self._optimizer.attach_step_hook(self._follow)

    @property
    def weights(self) -> np.ndarray:
        """The decoder now: float64, shape (d, m)."""
        return self._linear.weight.detach().numpy().T.copy()

    def step(self, chunks: Iterator[tuple[torch.Tensor, torch.Tensor]]) -> None:
        """One private step."""
        take_step(self._layer, self._optimizer, chunks)

    def _follow(self, _: object) -> None:
        """Turn the noisy sum into the step to take: post-processing, after the noise and before the decoder moves."""
        weight = self._linear.weight
        noisy: torch.Tensor = weight.grad  # type: ignore[assignment]  # there is one: this runs after the noise
        whole = noisy / self._rate + weight.detach() * torch.from_numpy(self._start.pull)
        weight.grad = self._pace * whole * torch.from_numpy(self._start.pace)


def _batches(rows: csr_matrix, source: BatchSource, mechanism: DeepMechanism) -> Iterator[csr_matrix]:
    for _ in range(mechanism.steps):
        yield csr_matrix(rows[np.flatnonzero(source.draw(rows.shape[0], mechanism.sampling_rate))])


def _chunks(
    rows: csr_matrix, start: WarmStart, size: int, hidden: Callable[[np.ndarray], np.ndarray]
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Tastes and histories of a batch, chunk by chunk; one chunk of no rows where nobody is in it."""
    for begin in range(0, max(rows.shape[0], 1), size):
        wanted = rows[begin : begin + size].toarray()
        given = torch.from_numpy(hidden(wanted) @ start.encoder)
        yield given.requires_grad_(), torch.from_numpy(wanted)  # Opacus' hooks want a gradient to pass by


def _dropping(share: float, rng: np.random.Generator | None) -> Callable[[np.ndarray], np.ndarray]:
    """Hide titles from the encoder; what stays weighs more, so that a history keeps its size on average."""

    def hidden(wanted: np.ndarray) -> np.ndarray:
        if rng is None or share == 0:
            return wanted
        return wanted * (rng.random(wanted.shape) >= share) / (1 - share)

    return hidden


def _guarantee(mechanism: DeepMechanism, release: Guarantee, *, exact: bool, noise: str) -> Guarantee:
    if not exact or release.mu == float("inf"):
        return no_guarantee(f"{release.mechanism}; DP-SGD with {noise}")
    together = mechanism.beside(release)
    return replace(together, mechanism=f"{together.mechanism}; {noise}")


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
