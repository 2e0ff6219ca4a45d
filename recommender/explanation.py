"""Why a title was recommended. Not a story told afterwards: the score itself, taken apart."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np


class Reason(StrEnum):
    """What a recommendation rests on; the text is for the subject."""

    HISTORY = "It follows from what you watched."
    WHOLE_HISTORY = "It follows from everything you watched together; no single title's part in it can be told apart."
    NO_HISTORY = "You have not watched anything here yet, so this is a choice of what most people watch."
    NO_KNOWN_HISTORY = "We know none of the titles you watched well, so this is a choice of what most people watch."
    NOT_PROFILED = "You have not agreed to personal recommendations, so this list uses nothing about you."
    SAME_FOR_ALL = "This list is the same for everybody and uses nothing about you."


@dataclass(frozen=True, slots=True)
class Part:
    """What one watched title adds: ``amount`` in units of the score, ``share`` of what the whole history adds."""

    item: str = field(repr=False)
    amount: float
    share: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """A score and its parts: ``score`` = Σ ``parts`` amounts + ``popularity`` + ``undivided`` + ``price``.

    Attributes:
        item: the recommended title.
        score: its score.
        parts: one per watched title that the model knows, the largest first; an amount can be negative.
        popularity: the part that does not depend on the subject (0 for a personal recommendation).
        price: the part that exposure rules add or take, ``by_category`` in detail.
        by_category: (category, amount) for each category of the title that has a price.
        ignored: watched titles that the model does not know and that add nothing.
        reason: what the recommendation rests on.
        undivided: what a model that is no sum over titles makes of the whole history (0 for one that is).
        lift: what the time slot multiplied the score by before the price; every part already has it (1 without a
           slot).
    """

    item: str
    score: float
    parts: tuple[Part, ...] = field(repr=False)
    popularity: float
    price: float
    by_category: tuple[tuple[str, float], ...]
    ignored: tuple[str, ...] = field(repr=False)
    reason: Reason
    undivided: float = 0.0
    lift: float = 1.0

    @property
    def price_share(self) -> float:
        """The price as a part of the score: negative where it takes from it, 0 for a score of 0."""
        return self.price / self.score if self.score else 0.0


def parts_of(items: Sequence[str], amounts: np.ndarray) -> tuple[Part, ...]:
    """What each watched title adds, the largest first; equal ones by name."""
    whole = float(amounts.sum())
    shares = amounts / whole if whole else np.zeros_like(amounts)
    parts = [Part(item, float(a), float(share)) for item, a, share in zip(items, amounts, shares, strict=True)]
    return tuple(sorted(parts, key=lambda part: (-part.amount, part.item)))
