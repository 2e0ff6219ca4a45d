"""When an answer is due. Pure: days in, days out.

European regimes count in months (Regulation 1182/71 Art. 3): the day of receipt does not count, a month ends on the
same-numbered day or the month's last, and an end on a Saturday, Sunday or public holiday moves to the next working day.
California counts calendar days, which do not move, and business days, for which holidays are treated as business days:
both readings are the earlier, so the safer ones.
"""

from calendar import monthrange
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from governance.policy.rules import RegimeClock

SATURDAY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """The last days on which a request may be acknowledged (None: no such duty) and answered."""

    acknowledge_by: date | None
    due_on: date


def deadlines(regime: RegimeClock, received: date, *, holidays: Collection[date] = ()) -> Deadlines:
    """The deadlines of a request received on a day.

    ``holidays`` are the public holidays of the controller's member state.
    """
    days = regime.acknowledge_business_days
    return Deadlines(
        acknowledge_by=add_business_days(received, days) if days else None,
        due_on=_end(received, regime.answer_months, regime.answer_days, holidays),
    )


def extended(regime: RegimeClock, received: date, *, holidays: Collection[date] = ()) -> date:
    """The last day after an extension, counted from receipt."""
    months = regime.answer_months + regime.extension_months
    days = regime.answer_days + regime.extension_days
    return _end(received, months, days, holidays)


def add_months(day: date, months: int) -> date:
    """The same-numbered day ``months`` later, or that month's last."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def add_business_days(day: date, count: int) -> date:
    """The ``count``-th day after ``day`` that is neither Saturday nor Sunday."""
    while count > 0:
        day += timedelta(days=1)
        count -= day.weekday() < SATURDAY
    return day


def _end(received: date, months: int, days: int, holidays: Collection[date]) -> date:
    if not months:
        return received + timedelta(days=days)
    end = add_months(received, months)
    while end.weekday() >= SATURDAY or end in holidays:
        end += timedelta(days=1)
    return end
