"""Canary subjects whose traces in a release overlap little, and the titles that they hold.

A canary holds one title of each of k groups of p titles, p the smallest prime that is at least k: the title f(g) mod p
of group g, where f is a polynomial of its own (the words of a Reed-Solomon code). Polynomials of degree t agree in at
most t places, so p² canaries share at most one title, p³ at most two. That few titles are held by many, so that they
stand out of the counts' noise as titles that are kept do, and are where a lens looks.

Each title has a public category of its own, which tells a lens that tastes may differ there, and makes a profile of
categories as telling as a history. All that a canary did lies inside the trending window, in an order of its own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recommender.context import DAY_SECONDS
from recommender.errors import BadAttack
from recommender.features import CatalogueFeatures
from recommender.interactions import Interactions, ones

_NAME = "canary"

AS_OF = 2**30
"""The moment of which the measurement is made, in seconds since 1970; which one it is does not matter."""


@dataclass(frozen=True, slots=True, eq=False)
class Canaries:
    """m canary subjects, each with k of the canary items.

    Attributes:
        subjects: their m names.
        items: names of the k · p items that they and their supporters alone hold, group by group.
        histories: which of the items each holds, int64, shape (m, k).
        ages: how many seconds before ``AS_OF`` each took each of them, int64 of the same shape.
        supporters: how many others hold each group of items and nothing else. They are always in: they make the items
            popular enough to be kept, and the population large enough for a lens of many directions.
    """

    subjects: tuple[str, ...]
    items: tuple[str, ...]
    histories: np.ndarray
    ages: np.ndarray
    supporters: int = 0

    @property
    def length(self) -> int:
        """Items of one canary."""
        return int(self.histories.shape[1])

    def features(self, items: Sequence[str]) -> CatalogueFeatures:
        """Each canary item in a category of its own, and the other items in none."""
        names = tuple(f"{_NAME}:{item}" for item in self.items)
        own = CatalogueFeatures(self.items, names, np.eye(len(self.items)))
        return CatalogueFeatures(tuple(items), names, own.of(items))


def design(
    count: int,
    length: int = 16,
    *,
    supporters: int = 0,
    window_days: int = 7,
    rng: np.random.Generator | None = None,
) -> Canaries:
    """``count`` canaries of ``length`` items each.

    Args:
        count: m.
        length: k.
        supporters: see ``Canaries``.
        window_days: inside which everything happened.
        rng: of the moments; without it, items were taken second by second.

    Guarantees:
        - any two of the first p² canaries have at most one item in common, any two of the first p³ at most two
        - all histories differ, unless there are more than p^k

    Raises:
        BadAttack: no canaries, or fewer than two items each.
    """
    if count < 1 or length < 2:  # noqa: PLR2004 - a pair has two
        msg = f"an audit needs at least one canary and two items each, got {count} and {length}"
        raise BadAttack(msg)
    prime, shape = group_size(length), (count, length)
    if rng is None:
        ages = np.broadcast_to(np.arange(length), shape)
    else:
        ages = rng.integers(0, DAY_SECONDS * window_days, shape)
    return Canaries(
        subjects=tuple(f"{_NAME}-{number:06d}" for number in range(count)),
        items=tuple(f"{_NAME}-item-{number:06d}" for number in range(length * prime)),
        histories=_words(count, length, prime),
        ages=ages,
        supporters=supporters,
    )


def group_size(length: int) -> int:
    """How many titles each of the k groups has: the smallest prime that is at least k."""
    number = max(length, 2)
    while any(number % divisor == 0 for divisor in range(2, math.isqrt(number) + 1)):
        number += 1
    return number


def plant(interactions: Interactions, canaries: Canaries, included: np.ndarray) -> Interactions:
    """The interactions, below them the supporters and the included canaries; the item axis gains the canary items.

    Args:
        interactions: the others; who they are does not matter to the attack. Where nothing says when they did
            something, it was at ``AS_OF``.
        canaries: see ``design``.
        included: bool, shape (m,).

    Raises:
        BadAttack: a subject or an item is called like a canary.
    """
    taken = set(interactions.subjects) & set(canaries.subjects) or set(interactions.items) & set(canaries.items)
    if taken:
        msg = f"{len(taken)} subjects or items are called like canaries"
        raise BadAttack(msg)
    chosen, matrix = np.flatnonzero(included), interactions.matrix
    order = np.argsort(canaries.histories[chosen], axis=1)
    held = np.take_along_axis(canaries.histories[chosen], order, 1)
    supported = np.tile(np.arange(len(canaries.items)).reshape(canaries.length, -1), (canaries.supporters, 1))
    lengths = [*interactions.lengths, *[supported.shape[1]] * len(supported), *[canaries.length] * len(chosen)]
    columns = [matrix.indices, *(matrix.shape[1] + part.ravel() for part in (supported, held))]
    times = np.full(matrix.nnz, AS_OF, np.int64) if interactions.times is None else interactions.times
    ages = np.take_along_axis(canaries.ages[chosen], order, 1).ravel()
    names = tuple(f"{_NAME}-supporter-{number:06d}" for number in range(len(supported)))
    subjects = (*interactions.subjects, *names, *(canaries.subjects[number] for number in chosen))
    items = interactions.items + canaries.items
    return Interactions(
        subjects,
        items,
        ones(np.repeat(np.arange(len(subjects)), lengths), np.concatenate(columns), (len(subjects), len(items))),
        np.concatenate([times, np.full(supported.size, AS_OF, np.int64), AS_OF - ages]),
    )


def _words(count: int, length: int, prime: int) -> np.ndarray:
    """Values of the ``count`` first polynomials over the integers mod p, as item numbers: int64, shape (count, length).

    The digits of a canary's number to the base p, as many as it has places at most, are the coefficients.
    """
    groups, rest = np.arange(length, dtype=np.int64), np.arange(count, dtype=np.int64)
    values: np.ndarray = np.zeros((count, length), dtype=np.int64)
    power: np.ndarray = np.ones(length, dtype=np.int64)
    for _ in range(length):
        rest, digit = np.divmod(rest, prime)
        values = (values + digit[:, None] * power) % prime
        power = power * groups % prime
    words: np.ndarray = groups * prime + values
    return words
