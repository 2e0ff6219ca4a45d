"""When things happen: sessions by weekday and hour, in a session one thing after the other. Unix seconds."""

import numpy as np

from pseudonymisation.sources.sample.exposure import Impressions, rank_within
from pseudonymisation.sources.sample.settings import SampleSettings
from pseudonymisation.sources.sample.titles import Floats, Ints

DAY_S = 86_400
_BY_WEEKDAY = (0.8, 0.8, 0.85, 0.9, 1.2, 1.6, 1.5)
"""Sessions on Monday … Sunday, relative."""

_EVENING = 20.5
_NOON = 13.0
_LAST_S = 5 * 3600
"""Sessions start at least so long before the end of the window."""


def session_starts(rng: np.random.Generator, settings: SampleSettings, late_hours: Ints) -> Ints:
    """A start for each session; ``late_hours`` shifts the evening of the subject whose session it is."""
    end = int(settings.until.timestamp())
    first_day = end // DAY_S - settings.days
    days = np.arange(settings.days)
    weekday = (first_day + days + 3) % 7  # day 0 of Unix time was a Thursday
    weight = np.array(_BY_WEEKDAY)[weekday] * (1 + 0.3 * days / settings.days)
    day = rng.choice(days, size=len(late_hours), p=weight / weight.sum())
    daytime = rng.random(len(day)) < np.where(weekday[day] >= 5, 0.4, 0.18)  # noqa: PLR2004 - Saturday and Sunday
    hour = np.where(daytime, rng.normal(_NOON, 2.5, len(day)), rng.normal(_EVENING, 1.8, len(day)) + late_hours)
    starts = (first_day + day) * DAY_S + np.rint(np.mod(hour, 24) * 3600).astype(np.int64)
    return np.asarray(np.minimum(starts, end - _LAST_S - rng.integers(3600, size=len(day))))


def watched_seconds(rng: np.random.Generator, liking: Floats, duration: Ints) -> Ints:
    """How long each view lasted: most of what is liked is seen to the end, a quarter is left early."""
    finish = 1 / (1 + np.exp(-(0.9 * liking + 0.6 + rng.normal(0, 1.2, len(liking)))))
    fraction = np.where(finish > 0.62, rng.uniform(0.93, 1.0, len(finish)), finish * rng.uniform(0.1, 1.2, len(finish)))  # noqa: PLR2004 - about half
    return np.asarray(np.clip(np.rint(fraction * duration), 5, duration).astype(np.int64))


def view_starts(rng: np.random.Generator, impressions: Impressions, viewed: Ints, starts: Ints, watched: Ints) -> Ints:
    """When each view began: two an evening, one after the other, the rest of the page on later evenings.

    ``viewed`` are the row numbers of the views in ``impressions``, ascending; ``watched`` their seconds. A late view
    may begin after the end of the window.
    """
    session = impressions.session[viewed]
    rank = rank_within(session)
    before = np.where(rank % 2 == 1, np.concatenate([[0], watched[:-1]]), 0)
    evenings = rank // 2 * DAY_S + np.where(rank > 1, rng.integers(-3600, 3600, size=len(rank)), 0)
    return np.asarray(starts[session] + 20 + 7 * impressions.place[viewed] + before + evenings)
