"""The audit of a measurement by canaries: plant, measure once, guess, and compare with what is claimed.

What is audited is the code of the mechanism with exactly the release's parameters and noise: noisy counts and what
they keep, weights, normalising, the lens, all the sums and all the noise. Nothing is set aside: the attacker reads
everything that is released, through the lens if there is one, further signals included.

A report that is not refuted proves nothing but that this attack failed.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np

from recommender.attacks.attack_report import SURE, AttackReport, SumBound, chance_of_any
from recommender.attacks.canaries import AS_OF, Canaries, plant
from recommender.attacks.fitting import fitted
from recommender.attacks.likelihood import Reading, guessed_coins, reading
from recommender.attacks.one_run import epsilon_lower_bound, mu_lower_bound
from recommender.attacks.power import fewest_canaries, fewest_for_mu
from recommender.attacks.signal_to_noise import Standing, standing
from recommender.errors import BadAttack
from recommender.exact_sums import rule_for
from recommender.features import CatalogueFeatures
from recommender.interactions import Interactions
from recommender.measurement import measure as measure_population
from recommender.mechanism import Mechanism, Performance
from recommender.noise import NoiseSource
from recommender.release import Release

Progress = Callable[[int, int], None]


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
        confidence: with which the bounds on ε, on μ and on single sums hold together, a third of the error each.
        performance: threads and chunk size.
        progress: as for ``measure``.

    Raises:
        BadAttack: more guesses than canaries, or names that clash with the canaries'.
        BadMechanism: the mechanism cannot keep its guarantee on data of this size.
    """
    _require_guesses(guesses, canaries)
    planted = fitted(mechanism, interactions, canaries, canary_items, rng=rng)
    included = rng.random(canaries) < 0.5  # noqa: PLR2004 - a fair coin
    run, everybody = partial(measure, noise=noise, performance=performance, progress=progress), np.ones(canaries, bool)
    release, seen = _attacked(run, plant(interactions, planted, everybody), planted, mechanism, included)
    correct = right_guesses(guessed_coins(seen, tuple(seen.sums)), included, guesses)
    each, played = 1 - (1 - confidence) / 3, {"canaries": canaries, "guesses": guesses, "correct": correct}
    sums, chance, enough = _by_sums(mechanism, seen, included, each)
    return AttackReport(
        mechanism=mechanism,
        subjects=len(interactions.subjects),
        supporters=planted.supporters * planted.length,
        items=len(interactions.items) + len(planted.items),
        canary_items=planted.length,
        included=int(included.sum()),
        confidence=confidence,
        epsilon_lower=epsilon_lower_bound(**played, delta=mechanism.delta, confidence=each),
        mu_lower=mu_lower_bound(**played, confidence=each),
        noise=noise.name,
        sums=sums,
        needed=_needed(mechanism.mu, canaries, guesses, each),
        chance=chance,
        canaries_needed=enough,
        directions=None if release.lens is None else release.lens.shape[1],
        **played,
    )


def _needed(mu: float, canaries: int, guesses: int, confidence: float) -> int | None:
    needed = fewest_for_mu(mu, canaries, guesses, confidence=confidence)
    return needed if needed <= guesses else None


def _require_guesses(guesses: int, canaries: int) -> None:
    if not 1 <= guesses <= canaries:
        msg = f"expected 1 <= guesses <= canaries, got {guesses} and {canaries}"
        raise BadAttack(msg)


def _attacked(
    run: Callable[..., Release],
    everybody: Interactions,
    canaries: Canaries,
    mechanism: Mechanism,
    included: np.ndarray,
) -> tuple[Release, Reading]:
    """The release in which some of the canaries are, and how the attacker sees it."""
    count = len(everybody.subjects) - len(included)
    features = canaries.features(everybody.items)
    held = np.concatenate([np.ones(count, bool), included])
    release = run(everybody.rows(held), mechanism, as_of=AS_OF, features=features, inputs_digest="0" * 64)
    rule = rule_for(everybody, mechanism, as_of=AS_OF, features=features)
    suspects, others = everybody.rows(np.arange(count, len(held))), everybody.rows(np.arange(count))
    return release, reading(release, suspects, others, rule)


def _by_sums(
    mechanism: Mechanism, seen: Reading, included: np.ndarray, confidence: float
) -> tuple[tuple[SumBound, ...], float, int | None]:
    """A bound for each sum, the chance that one of them finds half of the noise, and how many canaries make it sure."""
    alone = {name: standing(seen, name, included) for name in seen.sums}
    part, mus = 1 - (1 - confidence) / len(alone), mechanism.mu_by_sum

    def chance(number: int) -> float:
        grown = number / len(included)
        return chance_of_any(found.chance(mus[name], part, canaries=grown) for name, found in alone.items())

    sums = tuple(_alone(name, mus[name], found, part) for name, found in alone.items())
    return sums, chance(len(included)), fewest_canaries(chance, SURE)


def _alone(name: str, mu: float, found: Standing, confidence: float) -> SumBound:
    """One of the sums, which share the error that the confidence leaves."""
    needed = found.needed(mu, confidence)
    return SumBound(
        name=name,
        mu=mu,
        statistic=found.statistic,
        needed=needed if needed < math.inf else None,
        chance=found.chance(mu, confidence),
        mu_lower=found.mu_lower(confidence),
    )


def right_guesses(scores: np.ndarray, included: np.ndarray, guesses: int) -> int:
    """Right guesses when the highest scores are called in and the lowest out, half of the guesses each."""
    order = np.argsort(scores, kind="stable")
    out = guesses // 2
    return int((~included[order[:out]]).sum() + included[order[len(order) - (guesses - out) :]].sum())
