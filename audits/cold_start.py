"""Divisions that the interactions themselves give: how popular a title is, how active a subject.

They need no label from anybody, and make cold starts visible: titles that hardly anybody chose, subjects of whom hardly
anything is known. The rule of each split is printed with the figures, because results change with it.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from audits.categories import Attribute
from audits.configuration import AuditConfig
from audits.tiers import PopularitySplit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

POPULARITY, POPULARITY_TIERS = "popularity", ("cold", "head", "middle", "tail")
ACTIVITY, ACTIVITY_TIERS = "activity", ("cold", "heavy", "light", "regular")


def popularity_tiers(counts: Floats, split: PopularitySplit, cold_below: int) -> Attribute:
    """Tier of each title, from its interactions before the audit, shape (m,).

    Titles with fewer than ``cold_below`` interactions are "cold", the others as they are split.

    Example: counts 20, 30, 25, 15, 10, 1 with cold below 2, split 20/60/20: before the title with 30 lie 0 % of the
        interactions, so it is head; before 25, 20 and 15 lie 30, 54 and 74 %: middle; before 10 lie 89 %: tail.
    """
    # Head, middle and tail in the split's order, after cold.
    tier = np.where(counts < cold_below, 0, split.tiers(counts) + 1)
    occurring = np.flatnonzero(np.bincount(tier, minlength=len(POPULARITY_TIERS)))
    return Attribute(
        name=POPULARITY,
        categories=tuple(POPULARITY_TIERS[code] for code in occurring),
        shares=(tier[:, None] == occurring).astype(np.float64),
    )


def activity_tiers(lengths: Ints, cold_below: int) -> Ints:
    """Tier of each subject as a code of ``ACTIVITY_TIERS``, from the length of its history, shape (n,).

    Subjects with fewer than ``cold_below`` items are "cold"; the others are cut at the terciles of their lengths into
    "light", "regular" and "heavy", equal lengths together.

    Example: lengths 0, 5, 6, 7, 8, 9, 90 with cold below 5: cold, light, light, regular, regular, heavy, heavy.
    """
    warm = np.sort(lengths[lengths >= cold_below])
    if not warm.size:
        return np.zeros(lengths.size, dtype=np.int64)
    third, two_thirds = warm[(warm.size + 2) // 3 - 1], warm[(2 * warm.size + 2) // 3 - 1]
    tier = np.select([lengths < cold_below, lengths <= third, lengths <= two_thirds], [0, 2, 3], default=1)
    return tier.astype(np.int64)


def rules(popularity: Floats | None, history_lengths: Ints | None, config: AuditConfig) -> Iterator[str]:
    """How titles and subjects were split, in sentences, where they were."""
    below = config.cold_below
    if config.popularity_tiers and popularity is not None:
        yield f"Titles with fewer than {below} interactions are cold, whatever part of the split they would be in."
    if config.activity_tiers and history_lengths is not None:
        tiers = activity_tiers(history_lengths, below)
        light, regular = (int(history_lengths[tiers == code].max(initial=below)) for code in (2, 3))
        yield (
            f"Subjects with a history of fewer than {below} items are cold; light are those with up to {light}, "
            f"regular up to {max(light, regular)}, heavy above: thirds of the others, equal lengths together."
        )
