"""When something is watched, or a list is asked for, as one of eight time slots: the context that a model may know of.

A slot says nothing about who. It is 2 · part of the day + weekend: part 0 is the night from 0 to 6 o'clock, 1 the
morning, 2 the afternoon, 3 the evening from 18 to 24; weekend is 1 on Saturday and Sunday. Hours are local ones.
"""

from calendar import timegm
from datetime import datetime

import numpy as np

DAY_SECONDS = 86_400
SLOTS = 8

_PART_SECONDS = DAY_SECONDS // 4
_THURSDAY, _SATURDAY = 3, 5
"""The first day of 1970, and the first of a weekend, counted from Monday."""


def slots_of(times: np.ndarray) -> np.ndarray:
    """The slot, from 0 to 7, of local times in seconds since 1970: int64 of the same shape."""
    part = times % DAY_SECONDS // _PART_SECONDS
    weekend = (times // DAY_SECONDS + _THURSDAY) % 7 >= _SATURDAY
    return 2 * part + weekend


def slot_of(moment: datetime) -> int:
    """The slot, from 0 to 7, of a moment by the clock of its own time zone."""
    return int(slots_of(np.array(timegm(moment.timetuple()))))
