"""Which titles are watched now: Σ_u 1[i ∈ R_u]/√|R_u| over the kept items R_u of the last window.

One subject adds ⌊2^32/√n⌋ to each of the n items of their window: an L2 norm of at most 2^32, however long or busy the
window was. Its end is the moment that the measurement is "as of", which is public.
"""

from typing import TYPE_CHECKING

from recommender.fixed_point import count_rows
from recommender.signals.kind import Observed, SignalKind

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def _rows(observed: Observed) -> "csr_matrix":
    after, until = observed.window
    recent = (observed.times > after) & (observed.times <= until)
    return count_rows(observed.kept.only(recent).matrix)


TRENDING = SignalKind(
    "trending",
    "How often each title was watched in the last days.",
    _rows,
    lambda items, _: (items,),
)
