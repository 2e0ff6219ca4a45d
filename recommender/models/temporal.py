"""Time of day and of the week: the same taste, with each title lifted in the slots of the week in which it is watched.

A title's lift in a slot is its share of watching there over everybody's: 2 says that it is watched twice as much then
as titles are on the whole. A single title's shares are mostly noise, so a lift is guessed three times, each time
shrunk by the known noise: 1, then what the title's categories (cartoons in the morning) add, then what is its own.
"""

import numpy as np

from recommender.context import SLOTS
from recommender.denoise import Denoised
from recommender.models.ease import EASE
from recommender.models.kind import ModelKind
from recommender.models.shrinkage import shrunk_towards, spread_of

SLOT_SIGNAL = "time_slots"
LARGEST_LIFT = 4.0
"""No lift exceeds it, nor its inverse: the time may order what fits a taste, and not replace it. A declared choice."""


def slot_lifts(denoised: Denoised) -> np.ndarray:
    """Lifts by title and slot: float64, from 1/4 to 4, shape (m, 8); all 1 where noise drowns the slots."""
    signal = denoised.release.signals[SLOT_SIGNAL]
    expected = _expected(denoised)
    by_category = expected * _category_lifts(denoised, expected)
    own = shrunk_towards(by_category, signal.values, signal.noise)
    lifts: np.ndarray = np.clip(own / expected, 1 / LARGEST_LIFT, LARGEST_LIFT)
    return lifts


def _expected(denoised: Denoised) -> np.ndarray:
    """What each title would have in each slot if time made no difference: positive, shape (m, 8).

    Titles share as the counts say, which are less noisy than a title's sum over slots.
    """
    release, signal = denoised.release, denoised.release.signals[SLOT_SIGNAL]
    least = signal.noise + 1e-9
    slots = np.maximum(signal.values.sum(axis=0), least)
    titles = np.maximum(release.counts, release.noise.count + 1e-9)
    expected: np.ndarray = np.outer(titles / titles.sum(), slots)
    return expected


def _category_lifts(denoised: Denoised, expected: np.ndarray) -> np.ndarray:
    """What a title's categories say of its lifts: 1 plus a ridge regression of the differences on the categories.

    In each slot, observed - expected = expected · (F β) + noise. The ridge is the noise's variance over the scatter of
    categories' lifts, which is what the squares of their differences hold beyond noise. Shape (m, 8), positive.
    """
    signal = denoised.release.signals[SLOT_SIGNAL]
    if denoised.features is None or not denoised.features.names:
        return np.ones_like(expected)
    member = denoised.features.of(denoised.release.items)
    lifts = np.ones_like(expected)
    for slot in range(SLOTS):
        weighted = member * expected[:, [slot]]
        difference = signal.values[:, slot] - expected[:, slot]
        sums, variance = member.T @ difference, signal.noise**2 * member.sum(axis=0)
        scatter = spread_of(weighted.sum(axis=0) ** 2, sums, variance)
        if scatter > 0:
            ridge = signal.noise**2 / scatter + 1e-9 * np.trace(weighted.T @ weighted)
            slopes = np.linalg.solve(weighted.T @ weighted + ridge * np.eye(member.shape[1]), weighted.T @ difference)
            lifts[:, slot] += member @ slopes
    clipped: np.ndarray = np.clip(lifts, 1 / LARGEST_LIFT, LARGEST_LIFT)
    return clipped


TEMPORAL = ModelKind(
    "temporal",
    "As EASE, with each title lifted in the hours and days in which titles like it are watched.",
    EASE.weigh,
    needs=(SLOT_SIGNAL,),
    lifts=slot_lifts,
)
