"""What a bandit learns from, released after every batch under one guarantee for the whole stream.

Two sums: Σ φ φᵀ and Σ reward · φ over the explored slots, φ of norm at most 1. A subject counts at most once per batch
and in a bounded number of batches, a bounded distance apart; what is above that is not used.

The un-noised sums of past batches are part of the state, because later rows of the encoder need them: they are as
sensitive as the events, and whoever keeps a ``Stream`` keeps it as such.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from recommender.accounting import Guarantee, compose_mu, mu_for, no_guarantee
from recommender.bandit.prefix_sums import ENCODER_BITS, FACTORISATIONS, Factorisation
from recommender.discreteness import LARGEST_EPSILON, MARGIN, verify_margin
from recommender.errors import BadInteractions, BadMechanism
from recommender.fixed_point import SHY, verify_norms
from recommender.immutable import Immutable
from recommender.noise import NoiseSource

FEATURE_BITS = 12
"""Grid of the features; their products have twice as many bits."""


@dataclass(frozen=True, kw_only=True)
class StreamMechanism:
    """All that can move the guarantee of a bandit's statistics.

    Attributes:
        epsilon: what the whole stream may cost one subject, in (0, 50].
        delta: in (0, 1).
        horizon: how many batches the guarantee covers.
        dimension: d, the number of features.
        participations: in how many batches a subject counts.
        separation: how far apart at least, in batches.
        factorisation: how noise is spread over the stream, a key of ``FACTORISATIONS``.
        reward_share: share of μ² of the rewards; Σ φ φᵀ gets the rest.
    """

    epsilon: float
    delta: float
    horizon: int
    dimension: int
    participations: int = 1
    separation: int = 1
    factorisation: str = "square-root"
    reward_share: float = 0.5

    def __post_init__(self) -> None:
        for holds, wanted in (
            (0 < self.epsilon <= LARGEST_EPSILON, f"epsilon in (0, {LARGEST_EPSILON:g}]"),
            (0 < self.delta < 1, "delta in (0, 1)"),
            (self.horizon >= 1 and self.dimension >= 1, "horizon and dimension of at least 1"),
            (self.participations >= 1 and self.separation >= 1, "participations and separation of at least 1"),
            (self.factorisation in FACTORISATIONS, f"a factorisation out of {', '.join(FACTORISATIONS)}"),
            (0 < self.reward_share < 1, "reward_share in (0, 1)"),
        ):
            if not holds:
                msg = f"a bandit's mechanism needs {wanted}"
                raise BadMechanism(msg)
        rows = len(self.factors.encoder)
        verify_margin(
            finest_scale=min(self.gram_scale, self.reward_scale),
            coordinates=rows * (self.dimension * (self.dimension + 3) // 2),
            epsilon=self.epsilon,
            delta=self.delta,
        )

    @cached_property
    def factors(self) -> Factorisation:
        """The factorisation of this horizon."""
        return FACTORISATIONS[self.factorisation](self.horizon)

    @cached_property
    def sensitivity(self) -> float:
        """L2 norm by which a subject with contributions of norm 1 moves the encoded stream, in units of 2^-12."""
        return math.sqrt(self.factors.squared_sensitivity(self.participations, self.separation))

    @cached_property
    def _target_mu(self) -> float:
        return mu_for(self.epsilon * (1 - MARGIN), self.delta * (1 - MARGIN))

    @cached_property
    def reward_scale(self) -> int:
        """Noise of an encoded reward sum, in units of 2^-12 · 4^-12 (rounded up)."""
        unit = self.sensitivity * 4.0**FEATURE_BITS
        return math.ceil(unit / (self._target_mu * math.sqrt(self.reward_share)))

    @cached_property
    def gram_scale(self) -> int:
        """Noise of an encoded entry of Σ φ φᵀ off the diagonal, in the same units; √2 more on it."""
        unit = self.sensitivity * 4.0**FEATURE_BITS / math.sqrt(2)
        return math.ceil(unit / (self._target_mu * math.sqrt(1 - self.reward_share)))

    @property
    def mu(self) -> float:
        """μ of the whole stream as it is really drawn."""
        unit = self.sensitivity * 4.0**FEATURE_BITS
        return compose_mu((unit / self.reward_scale, unit / math.sqrt(2) / self.gram_scale))

    @property
    def guarantee(self) -> Guarantee:
        """What a subject is promised by the whole stream, when its noise comes from an exact source."""
        apart = "" if self.separation == 1 else f", at least {self.separation} batches apart"
        return Guarantee(
            epsilon=self.epsilon,
            delta=self.delta,
            mu=self.mu,
            unit=f"subject: at most {self.participations} of {self.horizon} batches{apart}, one explored slot in each",
            neighbouring="add or remove one subject",
            accountant="Gaussian differential privacy, exact (Dong, Roth, Su 2022; Balle, Wang 2018)",
            mechanism=f"{self.factorisation} factorisation of prefix sums, discrete Gaussian on integers",
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Batch:
    """Explored slots of one batch.

    Attributes:
        subjects: whose slot; nobody twice.
        features: φ of the title shown, norm at most 1 (longer ones are scaled down): float64, shape (n, d).
        rewards: in [0, 1] (others are moved to the nearer end): float64, shape (n,).
    """

    subjects: tuple[str, ...]
    features: np.ndarray
    rewards: np.ndarray

    def __post_init__(self) -> None:
        if len(set(self.subjects)) != len(self.subjects):
            msg = "a subject counts once per batch; its other slots are left out before"
            raise BadInteractions(msg)
        if self.features.shape[:1] != (len(self.subjects),) or self.rewards.shape != (len(self.subjects),):
            msg = "each explored slot has one row of features and one reward"
            raise BadInteractions(msg)
        if not (np.isfinite(self.features).all() and np.isfinite(self.rewards).all()):
            msg = "features and rewards are finite numbers"
            raise BadInteractions(msg)

    def __repr__(self) -> str:
        """Shapes only."""
        return f"{type(self).__name__}(features of shape {self.features.shape})"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Stream(Immutable):
    """A stream so far. ``exact`` and ``seen`` are as sensitive as events; ``noisy`` is what is released.

    It goes on in one line: of two successors of one stream each has noise of its own, and whoever saw both would see
    the same sums with less noise than was paid for. So at most one successor may ever be shown, also after a crash:
    persist it before showing it. An object refuses a second ``advance``; a copy read back from storage cannot know.

    Nobody can be taken out again. What was released keeps its noise and its promise; ``exact`` and ``seen`` hold sums
    over batches and not what each subject added, so where somebody must be forgotten they go, and another stream
    begins.

    Attributes:
        mechanism: what was planned for all of it.
        exact: un-noised integer sums of each batch: int64, shape (batches, d(d+1)/2 + d).
        noisy: encoded rows with their noise: int64, shape (rows, the same).
        seen: in how many batches each subject counted, and in which last.
        exact_noise: whether all noise came from an exact source.
    """

    mechanism: StreamMechanism
    exact: np.ndarray
    noisy: np.ndarray
    seen: Mapping[str, tuple[int, int]]
    exact_noise: bool = True
    _successors: list[int] = field(default_factory=list, init=False)

    def __repr__(self) -> str:
        """How far it is; neither un-noised sums nor who was in them."""
        return f"{type(self).__name__}({len(self.exact)} of {self.mechanism.horizon} batches)"

    @property
    def guarantee(self) -> Guarantee:
        """What holds for all that was and will be released."""
        return self.mechanism.guarantee if self.exact_noise else no_guarantee("noise that is not exact")


@dataclass(frozen=True, slots=True, eq=False)
class Statistics(Immutable):
    """Released sums: ``gram`` (d, d) and ``rewards`` (d,), with the standard deviation of an entry's noise."""

    gram: np.ndarray
    rewards: np.ndarray
    gram_noise: float
    reward_noise: float


def begin(mechanism: StreamMechanism) -> Stream:
    """A stream before its first batch."""
    width = mechanism.dimension * (mechanism.dimension + 3) // 2
    nothing = np.zeros((0, width), dtype=np.int64)
    return Stream(mechanism=mechanism, exact=nothing, noisy=nothing, seen={})


def advance(stream: Stream, batch: Batch, *, noise: NoiseSource) -> Stream:
    """Take one more batch and release what the encoder says about it.

    Guarantees:
        - adding or removing one subject moves all rows of the stream together, diagonal entries divided by √2, by at
          most sensitivity · 4^12/√2 (products) and sensitivity · 4^12 (rewards) in L2
        - whether a subject counts depends on its own past only

    Raises:
        BadMechanism: the horizon is over: nothing more is covered by the guarantee; or the sums outgrow 64 bits; or
            this stream went on already (see ``Stream``).
        BadInteractions: the features have another dimension.
    """
    plan, step = stream.mechanism, len(stream.exact)
    if step >= plan.horizon:
        msg = f"the guarantee covers {plan.horizon} batches, and they are over"
        raise BadMechanism(msg)
    if stream._successors:  # noqa: SLF001 - the stream's own mark
        msg = "this stream went on already: a second successor would show the same sums under other noise"
        raise BadMechanism(msg)
    counted = admitted(batch.subjects, stream.seen, plan, step=step)
    sums = batch_sums(batch.features[counted], batch.rewards[counted], plan.dimension)
    exact = np.vstack([stream.exact, sums])
    _verify_room(exact)
    stream._successors.append(step)  # noqa: SLF001 - before any noise is drawn
    encoded = plan.factors.encoder[plan.factors.ends == step][:, : step + 1] @ exact
    noisy = np.vstack([stream.noisy, encoded + _noise(len(encoded), plan, noise)])
    seen = dict(stream.seen)
    for row in counted:
        subject = batch.subjects[row]
        seen[subject] = (seen.get(subject, (0, 0))[0] + 1, step)
    return replace(stream, exact=exact, noisy=noisy, seen=seen, exact_noise=stream.exact_noise and noise.exact)


def admitted(
    subjects: Sequence[str], seen: Mapping[str, tuple[int, int]], plan: StreamMechanism, *, step: int
) -> np.ndarray:
    """Rows of the subjects that still count at that step."""
    fresh = [
        row
        for row, subject in enumerate(subjects)
        if subject not in seen
        or (seen[subject][0] < plan.participations and step - seen[subject][1] >= plan.separation)
    ]
    return np.array(fresh, dtype=np.int64)


def batch_sums(features: np.ndarray, rewards: np.ndarray, dimension: int) -> np.ndarray:
    """Upper triangle of Σ φ φᵀ, then Σ reward · φ, both in units of 4^-12: int64.

    Raises:
        BadInteractions: the features have another dimension.
        BadMechanism: an arithmetic fault left a row longer than 1.
    """
    if features.ndim != 2 or features.shape[1] != dimension:  # noqa: PLR2004 - a matrix
        msg = f"features of dimension {dimension} are needed, got shape {features.shape}"
        raise BadInteractions(msg)
    norms = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1.0)
    whole = np.trunc(features / norms * (SHY * 2**FEATURE_BITS)).astype(np.int64)
    verify_norms(whole.ravel(), np.repeat(np.arange(len(whole)), dimension), count=len(whole), bits=FEATURE_BITS)
    graded = np.floor(np.clip(rewards, 0.0, 1.0) * 2**FEATURE_BITS).astype(np.int64)
    verify_norms(graded, np.arange(len(graded)), count=len(graded), bits=FEATURE_BITS)
    gram = whole.T @ whole
    return np.concatenate([gram[np.triu_indices(dimension)], graded @ whole])


def statistics(stream: Stream) -> Statistics:
    """The sums over all batches so far, from what is released: costs nothing more.

    Raises:
        BadMechanism: there was no batch yet.
    """
    plan, step = stream.mechanism, len(stream.exact)
    if step == 0:
        msg = "nothing was released yet"
        raise BadMechanism(msg)
    weights = plan.factors.decoder[step - 1, : len(stream.noisy)]
    unit = 4.0**FEATURE_BITS * 2.0**ENCODER_BITS
    sums = weights @ stream.noisy / unit
    upper = np.zeros((plan.dimension, plan.dimension))
    upper[np.triu_indices(plan.dimension)] = sums[: -plan.dimension]
    spread = float(np.linalg.norm(weights)) / unit
    return Statistics(
        upper + np.triu(upper, 1).T, sums[-plan.dimension :], spread * plan.gram_scale, spread * plan.reward_scale
    )


def _verify_room(exact: np.ndarray) -> None:
    largest = float(np.abs(exact.astype(np.float64)).sum(axis=0).max())
    if largest * 2**ENCODER_BITS > 2.0**62:
        msg = "so many explored slots that encoded sums could overflow 64 bits: begin another stream"
        raise BadMechanism(msg)


def _noise(rows: int, plan: StreamMechanism, noise: NoiseSource) -> np.ndarray:
    """Integer noise for encoded rows; the diagonal's is √2 larger."""
    first, second = np.triu_indices(plan.dimension)
    drawn = np.zeros((rows, len(first) + plan.dimension), dtype=np.int64)
    diagonal = np.flatnonzero(first == second)
    others = np.flatnonzero(first != second)
    larger = math.isqrt(2 * plan.gram_scale**2) + 1
    for columns, scale in ((others, plan.gram_scale), (diagonal, larger)):
        drawn[:, columns] = noise.draw(rows * len(columns), scale).reshape(rows, len(columns))
    drawn[:, len(first) :] = noise.draw(rows * plan.dimension, plan.reward_scale).reshape(rows, plan.dimension)
    return drawn
