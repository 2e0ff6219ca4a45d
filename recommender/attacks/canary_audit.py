"""The audit of a measurement by canaries: plant, measure once, guess, and compare with what is claimed.

What is audited is the code of the mechanism with exactly the release's noise: counts, weights, normalising, the sum
and the noise. One thing is set aside: every item is kept, since canary items would seldom be popular enough. Which
items are kept follows from the noisy counts alone and changes neither the noise nor a subject's bound. Further signals
of the mechanism are run with it, so that everything has the noise that it has in the release, but are not attacked.

A report that is not refuted proves nothing but that this attack failed.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np

from recommender.accounting import epsilon_at
from recommender.attacks.canaries import design, likelihood_ratios, plant
from recommender.attacks.one_run import epsilon_lower_bound, mu_lower_bound
from recommender.errors import BadAttack
from recommender.features import CatalogueFeatures
from recommender.interactions import Interactions
from recommender.measurement import measure as measure_population
from recommender.mechanism import Mechanism, Performance
from recommender.noise import NoiseSource
from recommender.release import Release

Progress = Callable[[int, int], None]

_MOMENT = 0


class Measure(Protocol):
    """What is audited: ``recommender.measurement.measure``, or another in its place."""

    def __call__(
        self,
        interactions: Interactions,
        mechanism: Mechanism,
        *,
        noise: NoiseSource,
        as_of: int | None = None,
        features: CatalogueFeatures | None = None,
        performance: Performance | None = None,
        progress: Progress | None = None,
        inputs_digest: str | None = None,
    ) -> Release:
        """Measure the population once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackReport:
    """What one run showed.

    Attributes:
        mechanism: as it was run, every item kept.
        subjects: others in the input beside the canaries.
        items: on the item axis, canary items included.
        canary_items: items of one canary.
        canaries: m, each in with probability ½.
        included: how many were.
        guesses: r, fixed beforehand.
        correct: v.
        confidence: with which both bounds hold together.
        epsilon_lower: on ε at the claimed δ, whatever the mechanism is; 0 where nothing is shown.
        mu_lower: on μ, of a mechanism that is Gaussian, as this one claims to be; 0 where nothing is shown.
        noise: where the noise came from.
        lens_set_aside: whether the claimed mechanism measures through a lens, which was not run.
    """

    mechanism: Mechanism
    subjects: int
    items: int
    canary_items: int
    canaries: int
    included: int
    guesses: int
    correct: int
    confidence: float
    epsilon_lower: float
    mu_lower: float
    noise: str
    lens_set_aside: bool = False

    @property
    def epsilon(self) -> float:
        """Claimed."""
        return self.mechanism.epsilon

    @property
    def delta(self) -> float:
        """Claimed."""
        return self.mechanism.delta

    @property
    def gaussian_epsilon_lower(self) -> float:
        """The ε that a Gaussian mechanism of ``mu_lower`` has at the claimed δ."""
        return epsilon_at(self.mu_lower, self.delta)

    @property
    def lower_bound(self) -> float:
        """On ε, by the stronger of the two."""
        return max(self.epsilon_lower, self.gaussian_epsilon_lower)

    @property
    def refuted(self) -> bool:
        """Whether the claim is shown to be wrong."""
        return self.lower_bound > self.epsilon

    @property
    def verdict(self) -> str:
        """``refuted`` or ``not refuted``."""
        return "refuted" if self.refuted else "not refuted"

    @property
    def not_attacked(self) -> tuple[str, ...]:
        """What this attack does not look at: a lens, which it sets aside, and signals, which it runs."""
        return ("the lens",) * self.lens_set_aside + tuple(f"the signal {slug}" for slug, _ in self.mechanism.shares)

    @property
    def sentence(self) -> str:
        """The finding in words, and what it says nothing about."""
        aside = f" {self._aside}" if self.not_attacked else ""
        return (
            f"Of {self.canaries:,} canary subjects, each in with probability one half, the attacker guessed "
            f"{self.guesses:,} and was right {self.correct:,} times: with {self.confidence:.0%} confidence epsilon is "
            f"at least {self.epsilon_lower:.3g} for any mechanism and {self.gaussian_epsilon_lower:.3g} for a Gaussian "
            f"one, at delta {self.delta:g}; {self.epsilon:g} is claimed and {self.verdict}.{aside}"
        )

    @property
    def _aside(self) -> str:
        return f"Not attacked, so that nothing was tried on them: {', '.join(self.not_attacked)}."

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        found = asdict(self)
        found |= {"epsilon": self.epsilon, "delta": self.delta, "mu": self.mechanism.mu}
        found |= {"not_attacked": list(self.not_attacked), "verdict": self.verdict}
        return found | {"gaussian_epsilon_lower": self.gaussian_epsilon_lower}


def audit_mechanism(
    interactions: Interactions,
    mechanism: Mechanism,
    *,
    canaries: int,
    guesses: int,
    rng: np.random.Generator,
    noise: NoiseSource,
    measure: Measure = measure_population,
    canary_items: int = 16,
    confidence: float = 0.95,
    performance: Performance | None = None,
    progress: Progress | None = None,
) -> AttackReport:
    """Attack a mechanism once.

    Args:
        interactions: the others in the input. Synthetic subjects do (``recommender.synthetic``): the claim is about
           every input, and reading real ones would cost privacy.
        mechanism: what is claimed, and run.
        canaries: m. ``attacks.power`` says what so many can find.
        guesses: r; half of them for the highest scores, half for the lowest.
        rng: the canaries' coins. The claim is about these and about the noise.
        noise: as for ``measure``.
        measure: the code under audit.
        canary_items: of one canary; no more than the mechanism's longest history.
        confidence: with which both bounds hold together; each has half of the error.
        performance: threads and chunk size.
        progress: as for ``measure``.

    Raises:
        BadAttack: more guesses than canaries, or names that clash with the canaries'.
        BadMechanism: the mechanism cannot keep its guarantee on data of this size.
    """
    if not 1 <= guesses <= canaries:
        msg = f"expected 1 <= guesses <= canaries, got {guesses} and {canaries}"
        raise BadAttack(msg)
    planted = design(canaries, min(canary_items, mechanism.max_items_per_subject))
    included = rng.random(canaries) < 0.5  # noqa: PLR2004 - a fair coin
    population = plant(interactions, planted, included)
    everything = len(population.items)
    audited = _keeping(mechanism, everything)
    run = partial(measure, noise=noise, performance=performance, progress=progress)
    correct = right_guesses(likelihood_ratios(_measured(run, population, audited), planted), included, guesses)
    epsilon_lower, mu_lower = _lower_bounds(canaries, guesses, correct, delta=mechanism.delta, confidence=confidence)
    return AttackReport(
        mechanism=audited,
        subjects=len(interactions.subjects),
        items=everything,
        canary_items=planted.length,
        canaries=canaries,
        included=int(included.sum()),
        guesses=guesses,
        correct=correct,
        confidence=confidence,
        epsilon_lower=epsilon_lower,
        mu_lower=mu_lower,
        noise=noise.name,
        lens_set_aside=mechanism.through_lens,
    )


def _keeping(mechanism: Mechanism, everything: int) -> Mechanism:
    # Canaries are far apart only where all directions are measured: a lens would blur them into each other, which
    # weakens the attack and leaves what is attacked (contributions, noise, accounting) as it is.
    return replace(mechanism, kept_at_least=everything, kept_at_most=everything, through_lens=False)


def _measured(run: Callable[..., Release], population: Interactions, mechanism: Mechanism) -> Release:
    """The release. Signals need times and categories; all the same, they run and say nothing."""
    return run(
        replace(population, times=np.full(population.matrix.nnz, _MOMENT, dtype=np.int64)),
        mechanism,
        as_of=_MOMENT,
        features=CatalogueFeatures(population.items, ("attack:any",), np.ones((len(population.items), 1))),
        inputs_digest="0" * 64,
    )


def _lower_bounds(canaries: int, guesses: int, correct: int, *, delta: float, confidence: float) -> tuple[float, float]:
    """On ε and on μ; each has half of the error, so that both hold together."""
    each = (1 + confidence) / 2
    epsilon = epsilon_lower_bound(canaries=canaries, guesses=guesses, correct=correct, delta=delta, confidence=each)
    return epsilon, mu_lower_bound(canaries=canaries, guesses=guesses, correct=correct, confidence=each)


def right_guesses(scores: np.ndarray, included: np.ndarray, guesses: int) -> int:
    """Right guesses when the highest scores are called in and the lowest out, half of the guesses each."""
    order = np.argsort(scores, kind="stable")
    out = guesses // 2
    return int((~included[order[:out]]).sum() + included[order[len(order) - (guesses - out) :]].sum())
