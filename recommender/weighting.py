"""How much one interaction counts in a history: a public, bounded rule of what the subject did with that one title.

The rule reads how much of the title was watched, how long ago and how many stars it got. Each gives a factor in
(0, 1], so does their product, and no factor depends on anything that another subject did. Histories are scaled to norm
1 afterwards, so the rule decides what a subject's one vote is about and never how large it is: no weighting can change
a sensitivity.
"""

from dataclasses import dataclass

import numpy as np

from recommender.context import DAY_SECONDS
from recommender.errors import BadMechanism

MOST_STARS = 5.0

_GRID = 2**16


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighting:
    """The rule. With the defaults every interaction counts 1.

    Attributes:
        completion_floor: importance of a title of which nothing was watched, in (0, 1]; it rises to 1 in proportion.
        half_life_days: after so long an interaction counts half as much; None: age does not matter.
        recency_floor: no age makes it count less than this, in (0, 1].
        rating_floor: importance of a title with no star, in (0, 1]; it rises to 1 at five. A title without a rating
            counts 1.
    """

    completion_floor: float = 1.0
    half_life_days: float | None = None
    recency_floor: float = 1 / 16
    rating_floor: float = 1.0

    def __post_init__(self) -> None:
        for name in ("completion_floor", "recency_floor", "rating_floor"):
            if not 1 / _GRID <= getattr(self, name) <= 1:
                msg = f"a weighting needs {name} from 2^-16 to 1, got {getattr(self, name)}"
                raise BadMechanism(msg)
        if self.half_life_days is not None and not self.half_life_days > 0:
            msg = f"a weighting needs a positive half_life_days, got {self.half_life_days}"
            raise BadMechanism(msg)

    @property
    def neutral(self) -> bool:
        """Whether every interaction counts 1."""
        return self.completion_floor == self.rating_floor == 1 and self.half_life_days is None

    def importance(self, *, completion: np.ndarray, ages_s: np.ndarray, stars: np.ndarray) -> np.ndarray:
        """Importance of each interaction: float64 in (0, 1], a multiple of 2^-16, of the shape of the arguments.

        Args:
            completion: share of the title that was watched, cut to [0, 1]; NaN where nothing says so, which counts 1.
            ages_s: seconds from the interaction to the public "as of" moment; from the future counts as now.
            stars: cut to [0, 5]; NaN where there is no rating, which counts 1.

        Guarantees:
            - every value lies in [2^-16, 1]
            - a value depends on the same place of the arguments only
        """
        watched = _risen(self.completion_floor, completion)
        liked = _risen(self.rating_floor, stars / MOST_STARS)
        recent = np.ones_like(watched)
        if self.half_life_days is not None:
            halvings = np.maximum(ages_s, 0) / (self.half_life_days * DAY_SECONDS)
            recent = np.maximum(np.exp2(-halvings), self.recency_floor)
        # On a coarse grid, the last bit of somebody's exponential function decides nothing.
        importance: np.ndarray = np.maximum(np.rint(watched * liked * recent * _GRID), 1.0) / _GRID
        return importance


def _risen(floor: float, share: np.ndarray) -> np.ndarray:
    """From ``floor`` at 0 to 1 at 1; 1 where the share is unknown."""
    return np.where(np.isnan(share), 1.0, floor + (1 - floor) * np.clip(share, 0.0, 1.0))
