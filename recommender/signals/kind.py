"""A kind of signal: what one subject adds to it, as bounded integers, and so how much noise it needs.

Every signal has one of two forms, which the counts and the Gram matrix have too:

- a sum of rows, Σ_u r_u, with ‖r_u‖₂ ≤ 2^32: its sensitivity is 2^32;
- a sum of outer products, Σ_u r_u r_uᵀ, with ‖r_u‖₂ ≤ 2^b: the upper triangle with its diagonal divided by √2 has the
  sensitivity 4^b/√2, since Σ_{i<j} r_i²r_j² + ½ Σ r_i⁴ = ½ ‖r‖⁴.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from recommender.context import DAY_SECONDS
from recommender.errors import BadMechanism
from recommender.fixed_point import COUNT_BITS

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from recommender.features import CatalogueFeatures
    from recommender.interactions import Interactions


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """What a signal may read of the subjects, and what is public beside it.

    Attributes:
        whole: histories over the whole catalogue, cut to the mechanism's cap.
        kept: the same over the m kept items.
        bits: the grid of outer products.
        as_of: the last second of the trending window (since 1970 UTC), or None.
        trending_days: how long that window is.
        features: what is publicly known about the titles, or None.
    """

    whole: "Interactions"
    kept: "Interactions"
    bits: int
    as_of: int | None
    trending_days: int
    features: "CatalogueFeatures | None"

    @property
    def times(self) -> np.ndarray:
        """When the kept interactions were. Raises: BadMechanism where nothing says so."""
        return given(self.kept.times, "the times of interactions")

    @property
    def window(self) -> tuple[int, int]:
        """The trending window in seconds since 1970, its first second excluded. Raises: BadMechanism without end."""
        end = given(self.as_of, "the moment that the measurement is as of")
        return end - self.trending_days * DAY_SECONDS, end


T = TypeVar("T")


def given(value: T | None, what: str) -> T:
    """The value.

    Raises:
        BadMechanism: there is none.
    """
    if value is None:
        msg = f"a signal that the mechanism measures needs {what}"
        raise BadMechanism(msg)
    return value


@dataclass(frozen=True, slots=True)
class SignalKind:
    """One entry of ``SIGNALS``.

    Attributes:
        slug: names it in mechanisms, policies and releases.
        summary: what it says, for a reviewer.
        rows: what each subject adds: int64 CSR, one row for each subject, zero columns or more.
        shape: of the sum, from the number m of kept items and the number f of features.
        outer: whether outer products are added up and not the rows themselves.
    """

    slug: str
    summary: str
    rows: "Callable[[Observed], csr_matrix]"
    shape: Callable[[int, int], tuple[int, ...]]
    outer: bool = False

    def unit(self, bits: int) -> int:
        """The integer that stands for 1 in the sum."""
        return int(4**bits) if self.outer else 2**COUNT_BITS

    def squared_norm(self, bits: int) -> int:
        """The largest squared L2 norm that a subject's row may have: this is checked before anything is added up."""
        return int(4**bits) if self.outer else 4**COUNT_BITS

    def sensitivity(self, bits: int) -> float:
        """How far one subject moves the sum in L2, in its integers; of an outer sum, see the module's first lines."""
        return 4**bits / math.sqrt(2) if self.outer else float(2**COUNT_BITS)

    def coordinates(self, items: int, features: int) -> int:
        """How many noisy numbers the signal has."""
        size = 1
        for length in self.shape(items, features):
            size *= length
        return (size + self.shape(items, features)[0]) // 2 if self.outer else size
