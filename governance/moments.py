"""Days and moments as they are asked for, as the aware UTC moments that bound a period."""

from datetime import UTC, date, datetime, time, timedelta

from governance.errors import InvalidInput

DAY_LENGTH = 10


def begin_of(day: date) -> datetime:
    """The first moment of a day in UTC."""
    return datetime.combine(day, time(), tzinfo=UTC)


def end_of(day: date) -> datetime | None:
    """The first moment after a day in UTC; None after the last day that can be written, which no period ends before."""
    return None if day == date.max else begin_of(day + timedelta(days=1))


def read_bound(text: str, field: str, *, end: bool) -> datetime | None:
    """The moment at which a period begins, or before which it ends: a day, which then is included, or a moment itself.

    One without a zone is taken to be in UTC. None after the last day that can be written.

    Raises:
        InvalidInput: names the field that holds neither.
    """
    try:
        if len(text) == DAY_LENGTH:
            day = date.fromisoformat(text)
            return end_of(day) if end else begin_of(day)
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as cause:
        msg = f"{field}: expected a day as 2026-01-31 or a moment as 2026-01-31T12:00:00Z"
        raise InvalidInput(msg) from cause


def read_day(text: str, field: str) -> date | None:
    """The day that a form's field holds, None where it is empty.

    Raises:
        InvalidInput: names the field that holds no day.
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as cause:
        msg = f"{field}: expected a day as 2026-01-31"
        raise InvalidInput(msg) from cause
