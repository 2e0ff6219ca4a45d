"""Head, middle and tail of the catalogue: which rule splits it, stated wherever a figure rests on it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audits.errors import InvalidConfig

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HEAD, MIDDLE, TAIL = 0, 1, 2
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class PopularitySplit:
    """Shares of interactions, or of items, that make up head and tail; the rest is the middle.

    By interactions 20/60/20 is the split of Abdollahpouri et al. (2019, 2021); by items, the most popular fifth against
    all others is ``PopularitySplit(of="items", head=0.2, tail=0.8)``.

    Attributes:
        of: what the shares count.
        head: share of the most popular, in (0, 1).
        tail: share of the least popular, in (0, 1).

    Raises:
        InvalidConfig: a share out of range, both together above 1, or another unit.

    Guarantees:
      - items of equal popularity fall into one tier, whatever their names
      - items nobody chose are tail
    """

    of: Literal["interactions", "items"] = "interactions"
    head: float = 0.2
    tail: float = 0.2

    def __post_init__(self) -> None:
        if self.of not in {"interactions", "items"}:
            msg = f"popularity split, of: expected 'interactions' or 'items', got {self.of!r}"
            raise InvalidConfig(msg)
        fine = 0.0 < self.head < 1.0 and 0.0 < self.tail < 1.0 and self.head + self.tail <= 1.0 + _ROUNDING
        if not fine:
            msg = (
                "popularity split: expected shares of head and tail between 0 and 1, together at most 1, "
                f"got {self.head} and {self.tail}"
            )
            raise InvalidConfig(msg)

    @property
    def description(self) -> str:
        """The rule in one sentence, for reports."""
        counted = "interactions" if self.of == "interactions" else "titles"
        return (
            f"A title is head if all more popular titles have less than {_percent(self.head)} % of all {counted}, tail "
            f"if they have {_percent(1.0 - self.tail)} % or more or if nobody chose it, and middle otherwise."
        )

    def tiers(self, popularity: Floats) -> Ints:
        """``HEAD``, ``MIDDLE`` or ``TAIL`` of each item, shape (m,), from interactions per item.

        An item's place is the share of everything that is strictly more popular: below ``head`` it is head, from ``1 -
        tail`` on it is tail. So the head holds its share or a little more, the tail its share or a little less.
        """
        levels, inverse = np.unique(-popularity, return_inverse=True)
        weight = popularity if self.of == "interactions" else np.ones_like(popularity)
        mass = np.bincount(inverse, weights=weight, minlength=levels.size)
        slack = _ROUNDING * mass.sum()
        before = np.cumsum(mass) - mass
        tier = np.full(levels.size, MIDDLE, dtype=np.int64)
        tier[before < self.head * mass.sum() - slack] = HEAD
        tier[(before >= (1.0 - self.tail) * mass.sum() - slack) & (tier != HEAD)] = TAIL
        tier[levels == 0] = TAIL
        return tier[inverse]


def _percent(share: float) -> str:
    return f"{100 * share:.4g}"
