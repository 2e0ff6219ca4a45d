"""Time, as an argument: the one place that reads the system's clock."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present moment as an aware datetime in UTC."""


def system_clock() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(tz=UTC)  # noqa: TID251 - the one exception; everything else takes a Clock
