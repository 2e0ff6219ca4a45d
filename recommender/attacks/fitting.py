"""Canaries for a mechanism as it is planned: what they add passes where everybody's history passes, and is seen.

Nothing of the mechanism is changed for the attack. A title is kept if its noisy count stands out, so canary titles are
given supporters, who make them popular. A lens sees as many directions as the population has counts, so supporters also
make the population large enough for as many directions as keep so many canaries apart.
"""

import math

import numpy as np

from recommender.attacks.canaries import Canaries, design, group_size
from recommender.fixed_point import COUNT_BITS
from recommender.interactions import Interactions
from recommender.lens import DIRECTIONS
from recommender.mechanism import Mechanism

_CLEAR = 4.0
"""Standard deviations of noise by which the expected count of a canary title exceeds what is kept."""

_OF_KEPT = 0.5
"""Share of the titles that a mechanism keeps at most which the canaries' may take."""

_APART = 8.0
"""Pairs of directions for every two canaries: fewer, and their coins hide each other (half of the noise was then found
with 1.0 standard deviations between canaries in and out where 1.3 are possible; with so many it is 1.2)."""

_OF_TITLES = 0.8
"""Directions for each canary title at most: with as many as there are titles there would be no lens."""

_MOST_SUPPORTERS = 2**16
"""Beyond so many the lens stays smaller than would be best: they would fill the memory."""


def fitted(
    mechanism: Mechanism, interactions: Interactions, count: int, length: int, *, rng: np.random.Generator
) -> Canaries:
    """``count`` canaries among these others, of ``length`` items each or as many as the mechanism leaves room for.

    Raises:
        BadAttack: as ``design``.
    """
    length = min(length, mechanism.max_items_per_subject)
    while length > 2 and length * group_size(length) > _OF_KEPT * mechanism.kept_at_most:  # noqa: PLR2004 - a pair
        length -= 1
    supporters = max(_to_be_kept(mechanism, count, length), _to_be_seen(mechanism, interactions, count, length))
    return design(count, length, supporters=supporters, window_days=mechanism.trending_days, rng=rng)


def _to_be_kept(mechanism: Mechanism, count: int, length: int) -> int:
    """Supporters of each group with whom its titles' counts are far above the noise."""
    size, level = group_size(length), mechanism.count_scale / 2**COUNT_BITS
    lacking = (mechanism.kept_sigmas + _CLEAR) * level - count / (2 * size * math.sqrt(length))
    wanted: int = math.ceil(lacking * math.sqrt(size))
    return max(wanted, 0)


def _to_be_seen(mechanism: Mechanism, interactions: Interactions, count: int, length: int) -> int:
    """Supporters of each group with whom a lens has enough directions."""
    if not mechanism.through_lens:
        return 0
    size, noise = group_size(length), mechanism.gram_scale / 4**mechanism.gram_bits
    directions = min(math.sqrt(_APART * count), _OF_TITLES * length * size)
    lacking = (directions / DIRECTIONS) ** 1.5 * noise - count / 2 * math.sqrt(length)
    lacking -= float(np.sqrt(interactions.lengths).sum())
    wanted: int = math.ceil(lacking / (length * math.sqrt(size)))
    return min(max(wanted, 0), _MOST_SUPPORTERS // length)
