"""Which of a title's images is shown: mostly the best so far, and each with a chance that is known.

The choice is blind to who is looking. It takes no subject and no cohort, so no image can be chosen because of whom
somebody seems to be: the complaint about artwork was of minor characters shown as leads to those who look like them,
and what a function is not given it cannot act on. An audit of cohorts (impressions joined with cohorts, which only
the auditor needs to hold) then measures 0 up to chance.

Exploring with known chances is what makes logs worth anything (``recommender.exploration``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pyarrow as pa

from recommender.errors import BadArtwork
from recommender.exploration import greedy, softmax

IMPRESSIONS = pa.schema(
    [("subject", pa.string()), ("title", pa.string()), ("image", pa.string()), ("propensity", pa.float64())]
)
"""What a log of choices holds. An audit adds each subject's ``cohort``, and ``clicked`` once it is known."""


class ArtworkReason(StrEnum):
    """Why an image is shown; the text is for the subject."""

    ONLY = "The title has no other image."
    BEST = "Of the title's images it did best so far, counted over everybody. Nothing about you was used."
    EQUAL = "None of the title's images is known to do better, so chance chose it. Nothing about you was used."
    EXPLORED = "Chance chose it, to find out how well it does. Nothing about you was used."


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """How chances follow from scores.

    Attributes:
        floor: each image has at least this chance, in (0, 1]; a title with so many images that this cannot be gives
           all of them the same.
        temperature: what the floors leave goes to images in proportion to exp(score / temperature); at 0, all of it
           to the best, divided among equals (ε-greedy).

    Raises:
        BadArtwork: a value out of range.
    """

    floor: float = 0.05
    temperature: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.floor <= 1 or not 0 <= self.temperature < np.inf:
            msg = (
                "exploration: expected a floor in (0, 1] and a temperature of at least 0, "
                f"got {self.floor} and {self.temperature}"
            )
            raise BadArtwork(msg)


@dataclass(frozen=True, slots=True)
class Choice:
    """The image that a title is shown with, and the chance that it had."""

    title: str
    image: str
    propensity: float
    reason: ArtworkReason


def chances(scores: np.ndarray, exploration: Exploration) -> np.ndarray:
    """The chance of each image: float64, shape (images,).

    Guarantees:
        - chances sum to 1, to rounding
        - each is at least min(floor, 1 / images), to rounding
        - a better score never has a smaller chance, and equal scores have equal ones

    Raises:
        BadArtwork: no image at all, or a score that is not a finite number.
    """
    if scores.ndim != 1 or not len(scores) or not np.isfinite(scores).all():
        msg = f"artwork: expected a finite score for each of at least one image, got shape {scores.shape}"
        raise BadArtwork(msg)
    floor = min(exploration.floor, 1 / len(scores))
    if exploration.temperature == 0:
        return greedy(scores, floor=floor)
    return softmax(scores, temperature=exploration.temperature, floor=floor)


def choose_artwork(
    title: str, images: Mapping[str, float], *, rng: np.random.Generator, exploration: Exploration | None = None
) -> Choice:
    """Draw one of a title's images by its chance.

    Args:
        title: whose.
        images: public or differentially private score of each eligible image, such as its click rate over everybody;
           all the same where nothing is known.
        rng: one number is drawn from it.
        exploration: how chances follow from scores.

    Guarantees:
        - the image is drawn with exactly the chance that is stated as its propensity
        - the order in which the images are given changes no chance

    Raises:
        BadArtwork: no image, or a score that is not a finite number.
    """
    names = sorted(images)
    scores = np.array([images[name] for name in names], dtype=np.float64)
    each = chances(scores, exploration or Exploration())
    drawn = min(int(np.searchsorted(np.cumsum(each), rng.random(), side="right")), len(names) - 1)
    return Choice(title, names[drawn], float(each[drawn]), _reason(scores, drawn))


def impressions(subject: str, choices: Sequence[Choice]) -> pa.Table:
    """One subject's choices as rows of a log, in the schema ``IMPRESSIONS``."""
    columns = [[subject] * len(choices), *([getattr(c, name) for c in choices] for name in IMPRESSIONS.names[1:])]
    return pa.table(
        [pa.array(column, kind.type) for column, kind in zip(columns, IMPRESSIONS, strict=True)], IMPRESSIONS
    )


def _reason(scores: np.ndarray, drawn: int) -> ArtworkReason:
    if len(scores) == 1:
        return ArtworkReason.ONLY
    if (scores == scores[0]).all():
        return ArtworkReason.EQUAL
    return ArtworkReason.BEST if scores[drawn] == scores.max() else ArtworkReason.EXPLORED
