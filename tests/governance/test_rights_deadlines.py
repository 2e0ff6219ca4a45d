from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.policy.rules import RegimeClock
from governance.rights.deadlines import Deadlines, add_business_days, add_months, deadlines, extended

GDPR = RegimeClock(law="GDPR", answer_months=1, extension_months=2)
CCPA = RegimeClock(law="CCPA", answer_days=45, extension_days=45, acknowledge_business_days=10)
EASTER_MONDAY = date(2026, 4, 6)


@pytest.mark.parametrize(
    ("received", "holidays", "due"),
    [
        (date(2026, 11, 23), (), date(2026, 12, 23)),
        (date(2026, 1, 31), (), date(2026, 3, 2)),
        (date(2026, 3, 5), (EASTER_MONDAY,), date(2026, 4, 7)),
        (date(2026, 3, 5), (), date(2026, 4, 6)),
        (date(2026, 8, 31), (), date(2026, 9, 30)),
    ],
)
def test_a_month_ends_as_regulation_1182_71_says(received: date, holidays: tuple[date, ...], due: date) -> None:
    assert deadlines(GDPR, received, holidays=holidays) == Deadlines(acknowledge_by=None, due_on=due)


def test_a_european_extension_counts_from_receipt() -> None:
    assert extended(GDPR, date(2026, 11, 23)) == date(2027, 2, 23)


def test_california_counts_calendar_days_and_ten_business_days() -> None:
    found = deadlines(CCPA, date(2026, 11, 23))

    assert found == Deadlines(acknowledge_by=date(2026, 12, 7), due_on=date(2027, 1, 7))
    assert extended(CCPA, date(2026, 11, 23)) == date(2027, 2, 21)


def test_fifteen_business_days() -> None:
    assert add_business_days(date(2026, 11, 23), 15) == date(2026, 12, 14)


def test_a_californian_deadline_does_not_move_off_a_weekend() -> None:
    assert deadlines(CCPA, date(2026, 11, 25)).due_on == date(2027, 1, 9)
    assert date(2027, 1, 9).strftime("%A") == "Saturday"


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 30))
def test_months_keep_the_day_or_take_the_months_last(day: date, months: int) -> None:
    found = add_months(day, months)

    assert (found.year * 12 + found.month) - (day.year * 12 + day.month) == months
    assert found.day == day.day or (found.day < day.day and (found + timedelta(days=1)).day == 1)


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_a_european_answer_is_due_on_a_working_day_within_a_month_and_a_weekend(received: date) -> None:
    due = deadlines(GDPR, received).due_on

    assert due.weekday() < 5
    assert timedelta(days=28) <= due - received <= timedelta(days=33)
