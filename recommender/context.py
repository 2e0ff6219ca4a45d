"""When a list is asked for, as one of eight time slots: the context that a model may know of.

A slot says nothing about who asks. Four parts of a day (night 0–6, morning 6–12, afternoon 12–18, evening 18–24) on
working days and on weekends; hours are those of the moment's own time zone.
"""

from datetime import datetime

SLOTS = 8

_HOURS_A_PART = 6
_SATURDAY = 5


def slot_of(moment: datetime) -> int:
    """2 · part of the day (0 night, 1 morning, 2 afternoon, 3 evening) + 1 on Saturdays and Sundays, from 0 to 7."""
    return 2 * (moment.hour // _HOURS_A_PART) + int(moment.weekday() >= _SATURDAY)
