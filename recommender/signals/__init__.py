"""What one measurement can add up beside counts and Gram matrix. ``SIGNALS`` is the registry."""

from recommender.errors import BadMechanism
from recommender.signals.categories import CATEGORIES
from recommender.signals.kind import SignalKind
from recommender.signals.time_slots import TIME_SLOTS
from recommender.signals.transitions import TRANSITIONS
from recommender.signals.trending import TRENDING

SIGNALS: tuple[SignalKind, ...] = (TRENDING, TIME_SLOTS, TRANSITIONS, CATEGORIES)


def get_signal(slug: str) -> SignalKind:
    """The signal with that slug.

    Raises:
        BadMechanism: there is none; the message lists those there are.
    """
    for kind in SIGNALS:
        if kind.slug == slug:
            return kind
    msg = f"no signal is called {slug!r}; there are {', '.join(kind.slug for kind in SIGNALS)}"
    raise BadMechanism(msg)
