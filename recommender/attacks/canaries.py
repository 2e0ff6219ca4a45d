"""Canary subjects whose traces in a release do not overlap, and how an attacker looks for them.

A canary holds items that nobody but canaries holds, and no pair of items is held by two canaries. So each canary has
Gram entries of its own: what stands in them is its own contribution or nothing, plus noise. With p prime and k ≤ p the
lines n = (a, b) → {(g, a·g + b mod p) : g < k} are p² such canaries on k·p items: two lines with the same a never
meet, two others in at most one g.

Of a canary's squared sensitivity in the Gram matrix the share 1 - 1/k lies off the diagonal, where it is alone. The
diagonal, where canaries meet, is left unread.
"""

import math
from dataclasses import dataclass

import numpy as np

from recommender.errors import BadAttack
from recommender.interactions import Interactions, ones
from recommender.release import Release

_NAME = "canary"
_BATCH = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Canaries:
    """m canary subjects, each with k of the canary items.

    Attributes:
        subjects: their m names.
        items: names of the items that they alone hold.
        histories: which of the items each holds, int64, shape (m, k): no two rows share two.
    """

    subjects: tuple[str, ...]
    items: tuple[str, ...]
    histories: np.ndarray

    @property
    def length(self) -> int:
        """Items of one canary."""
        return int(self.histories.shape[1])


def design(count: int, length: int = 16) -> Canaries:
    """``count`` canaries of ``length`` items each.

    Guarantees:
        - any two canaries have at most one item in common
        - no item is held by more than the smallest prime that is at least √count and ``length``

    Raises:
        BadAttack: no canaries, or fewer than two items each.
    """
    if count < 1 or length < 2:  # noqa: PLR2004 - a pair has two
        msg = f"an audit needs at least one canary and two items each, got {count} and {length}"
        raise BadAttack(msg)
    prime = _prime_from(max(length, math.isqrt(count - 1) + 1))
    slope, start = np.divmod(np.arange(count, dtype=np.int64), prime)
    groups = np.arange(length, dtype=np.int64)
    histories = groups * prime + (slope[:, None] * groups + start[:, None]) % prime
    return Canaries(
        subjects=tuple(f"{_NAME}-{number:06d}" for number in range(count)),
        items=tuple(f"{_NAME}-item-{number:06d}" for number in range(length * prime)),
        histories=histories,
    )


def plant(interactions: Interactions, canaries: Canaries, included: np.ndarray) -> Interactions:
    """The interactions with the included canaries below them; the item axis gains the canary items.

    Args:
        interactions: the others; who they are does not matter to the attack.
        canaries: see ``design``.
        included: bool, shape (m,).

    Raises:
        BadAttack: a subject or an item is called like a canary.
    """
    taken = set(interactions.subjects) & set(canaries.subjects) or set(interactions.items) & set(canaries.items)
    if taken:
        msg = f"{len(taken)} subjects or items are called like canaries"
        raise BadAttack(msg)
    chosen = np.flatnonzero(included)
    others, width = interactions.matrix.tocoo(), len(interactions.items)
    rows = others.shape[0] + np.repeat(np.arange(len(chosen)), canaries.length)
    matrix = ones(
        np.concatenate([others.row, rows]),
        np.concatenate([others.col, width + canaries.histories[chosen].ravel()]),
        (others.shape[0] + len(chosen), width + len(canaries.items)),
    )
    names = tuple(canaries.subjects[number] for number in chosen)
    return Interactions(interactions.subjects + names, interactions.items + canaries.items, matrix)


def likelihood_ratios(release: Release, canaries: Canaries) -> np.ndarray:
    """How much more likely the release is with each canary than without, in logarithms: float64, shape (m,).

    White-box: the attacker knows the mechanism, its claimed noise and all of the release. From the Gram matrix the
    canary's own entries are read, ⟨G̃, x xᵀ⟩ without the diagonal; from the counts those of its items, where the
    other canaries' coins are noise too.

    Raises:
        BadAttack: the release lacks a canary item.
    """
    place = {item: number for number, item in enumerate(release.items)}
    missing = sum(item not in place for item in canaries.items)
    if missing:
        msg = f"the measurement kept all but {missing} of {len(canaries.items)} canary items: it was to keep them all"
        raise BadAttack(msg)
    columns = np.array([place[item] for item in canaries.items])[canaries.histories]
    from_counts = _from_counts(release.counts[columns], canaries, release.noise.count)
    parts = [_from_gram(release, columns[start : start + _BATCH]) for start in range(0, len(canaries.subjects), _BATCH)]
    ratios: np.ndarray = from_counts + np.concatenate(parts)
    return ratios


def _from_gram(release: Release, columns: np.ndarray) -> np.ndarray:
    """S = Σ_{i<j} x_i x_j G̃_ij is q or 0, plus noise of variance τ²q, with q = Σ_{i<j} x_i² x_j²."""
    weights = release.history_weights[columns]
    shares = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    entries = release.gram[columns[:, :, None], columns[:, None, :]]
    whole = np.einsum("ci,cij,cj->c", shares, entries, shares)
    diagonal = (shares**2 * np.einsum("cii->ci", entries)).sum(axis=1)
    own = (1 - (shares**4).sum(axis=1)) / 2
    ratios: np.ndarray = ((whole - diagonal) / 2 - own / 2) / release.noise.gram**2
    return ratios


def _from_counts(counts: np.ndarray, canaries: Canaries, noise: float) -> np.ndarray:
    """T = Σ_i c̃_i/√k is 1 or 0, plus the others' coins, of known mean and variance, and noise of variance σ²."""
    holders = np.bincount(canaries.histories.ravel(), minlength=len(canaries.items))[canaries.histories]
    root = math.sqrt(canaries.length)
    others = (holders - 1) / 2 / root
    statistic = ((counts - others) / root).sum(axis=1)
    variance = noise**2 + ((holders - 1) / 4).sum(axis=1) / canaries.length**2
    ratios: np.ndarray = (statistic - 0.5) / variance
    return ratios


def _prime_from(least: int) -> int:
    number = max(least, 2)
    while any(number % divisor == 0 for divisor in range(2, math.isqrt(number) + 1)):
        number += 1
    return number
