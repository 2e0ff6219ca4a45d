"""Who is trained on, who is held out to choose what is not private, and who is held out to be measured."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.protocol.data import ENOUGH, Dataset
from recommender.interactions import Interactions
from recommender.split import fold_in

HELD_OUT = 500
"""Subjects of each held-out part; a tenth of those who could be, in a small population."""

TIERS = ("short history", "middle", "long history")


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """Held-out subjects: what a model is shown, what it should find, and the groups they are in.

    ``groups`` maps ``attribute: group`` to a mask over the rows.
    """

    shown: Interactions
    targets: Interactions
    groups: Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """One division of a data set; equal seeds give equal divisions."""

    train: Interactions
    validation: HeldOut
    test: HeldOut


def divide(dataset: Dataset, seed: int) -> Split:
    """Hold out at random among subjects with five items or more; the rest is trained on.

    Guarantees:
        - the three parts share no subject and are together everybody
        - a held-out history is shown to four fifths
    """
    rng = np.random.default_rng(seed)
    lengths = dataset.interactions.lengths
    able = rng.permutation(np.flatnonzero(lengths >= ENOUGH))
    size = min(HELD_OUT, len(able) // 10)
    validation, test = np.sort(able[:size]), np.sort(able[size : 2 * size])
    rest = np.setdiff1d(np.arange(len(lengths)), able[: 2 * size])
    groups = dict(dataset.groups)
    edges = np.quantile(lengths[able], [1 / 3, 2 / 3])
    groups["activity"] = np.array(TIERS)[np.searchsorted(edges, lengths, side="left")]
    return Split(
        train=dataset.interactions.rows(rest),
        validation=_held_out(dataset.interactions, validation, groups, rng),
        test=_held_out(dataset.interactions, test, groups, rng),
    )


def _held_out(
    interactions: Interactions, rows: np.ndarray, groups: Mapping[str, np.ndarray], rng: np.random.Generator
) -> HeldOut:
    shown, targets = fold_in(interactions.rows(rows), rng=rng)
    masks = {
        f"{attribute}: {group}": values[rows] == group
        for attribute, values in groups.items()
        for group in (TIERS if attribute == "activity" else sorted(set(values)))
    }
    return HeldOut(shown=shown, targets=targets, groups=masks)
