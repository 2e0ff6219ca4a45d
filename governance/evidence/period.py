"""A period: days in UTC."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from governance.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Period:
    """Days in UTC, the first and the last included."""

    first_day: date
    last_day: date

    def __post_init__(self) -> None:
        if not self.first_day <= self.last_day < date.max:
            msg = f"expected a first day and a last day not before it, got {self.first_day} and {self.last_day}"
            raise InvalidInput(msg)

    def __contains__(self, moment: datetime) -> bool:
        return self.first_day <= moment.astimezone(UTC).date() <= self.last_day

    @property
    def begin(self) -> datetime:
        """Its first moment."""
        return datetime.combine(self.first_day, time(), tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return datetime.combine(self.last_day + timedelta(days=1), time(), tzinfo=UTC)
