"""The events file: impressions, views, ratings and searches as wire lines, in the order in which they happened."""

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pseudonymisation.sources.sample.exposure import Impressions
from pseudonymisation.sources.sample.searches import make_searches
from pseudonymisation.sources.sample.settings import SampleSettings
from pseudonymisation.sources.sample.subjects import Population, Subject
from pseudonymisation.sources.sample.timeline import session_starts, view_starts, watched_seconds
from pseudonymisation.sources.sample.titles import Floats, Ints, Titles
from pseudonymisation.sources.wire import event_lines, number, quoted

LOGGED_BROWSE = 0.25
"""Services log a sample of impressions; so does this one, whatever the subject did with them."""

RATED = 0.34
"""The chance that a view is rated."""

WITH_EMAIL = 0.25
DEVICE_ONLY = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLines:
    """Lines in order of time and counts of them; ``view_share`` is that of the buried category, 0..1."""

    lines: list[bytes]
    by_kind: dict[str, int]
    view_share: float
    with_own_identifier: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    kind: str
    at: Ints
    session: Ints
    fields: dict[str, pa.Array]


def make_events(
    rng: np.random.Generator, settings: SampleSettings, titles: Titles, population: Population, impressions: Impressions
) -> EventLines:
    """Puts everything that happened on the time line and writes it down."""
    owner = impressions.session_subject
    starts = session_starts(rng, settings, population.late_hours[owner])
    viewed = np.flatnonzero(impressions.viewed)
    views, ratings = _views_and_ratings(rng, titles, impressions, viewed, starts)
    searches = make_searches(rng, titles, population, impressions)
    typed = _Rows(
        kind="search",
        at=starts[searches.session] + searches.after_s,
        session=searches.session,
        fields={"query": quoted(pa.array(searches.query))},
    )
    rows = (views, typed, _browses(rng, titles, impressions, starts), ratings)
    texts = _subject_texts(rng, population.subjects, owner, _first_events(rows, len(owner)))
    lines, by_kind = _written(rng, rows, texts, settings)
    return EventLines(
        lines=lines,
        by_kind=by_kind,
        view_share=float(titles.buried[impressions.title[viewed]].mean()),
        with_own_identifier=searches.with_own_identifier,
    )


def _views_and_ratings(
    rng: np.random.Generator, titles: Titles, impressions: Impressions, viewed: Ints, starts: Ints
) -> tuple[_Rows, _Rows]:
    liking, title = impressions.liking[viewed], impressions.title[viewed]
    duration = titles.seconds[title]
    watched = watched_seconds(rng, liking, duration)
    began = view_starts(rng, impressions, viewed, starts, watched)
    item = quoted(pa.array(titles.items)).take(pa.array(title))
    views = _Rows(
        kind="view",
        at=began,
        session=impressions.session[viewed],
        fields={"item": item, "seconds": number(pa.array(watched)), "duration": number(pa.array(duration))},
    )
    rated = np.flatnonzero(rng.random(len(viewed)) < RATED)
    ratings = _Rows(
        kind="rating",
        at=began[rated] + watched[rated] + rng.integers(2, 60, size=len(rated)),
        session=views.session[rated],
        fields={"item": item.take(pa.array(rated)), "stars": number(pa.array(_stars(rng, liking[rated])))},
    )
    return views, ratings


def _stars(rng: np.random.Generator, liking: Floats) -> Floats:
    """Half stars from 0.5 to 5."""
    return np.asarray(np.clip(np.rint(2 * (3.1 + 0.75 * liking + rng.normal(0, 0.5, len(liking)))) / 2, 0.5, 5))


def _browses(rng: np.random.Generator, titles: Titles, impressions: Impressions, starts: Ints) -> _Rows:
    logged = np.flatnonzero(rng.random(len(impressions.title)) < LOGGED_BROWSE)
    return _Rows(
        kind="browse",
        at=starts[impressions.session[logged]] + 2 + 6 * impressions.place[logged],
        session=impressions.session[logged],
        fields={
            "item": quoted(pa.array(titles.items)).take(pa.array(impressions.title[logged])),
            "row": number(pa.array(impressions.row[logged])),
            "position": number(pa.array(impressions.position[logged])),
        },
    )


def _first_events(rows: tuple[_Rows, ...], sessions: int) -> Ints:
    """When the first event of each session happens; the end of time for a session that left none."""
    first = np.full(sessions, np.iinfo(np.int64).max)
    for part in rows:
        np.minimum.at(first, part.session, part.at)
    return first


def _subject_texts(rng: np.random.Generator, subjects: list[Subject], owner: Ints, first: Ints) -> pa.Array:
    """The ``subject`` object of each session's events, with the GPC signal where the device sends it.

    A session may show the device alone (nobody logged in), but only once an earlier event has shown whose device it is.
    """
    draws = rng.random((len(owner), 3))
    texts = [""] * len(owner)
    known_since: dict[str, int] = {}
    for session in np.argsort(first, kind="stable").tolist():
        subject, at = subjects[owner[session]], int(first[session])
        which, mailed, anonymous = draws[session].tolist()
        second = len(subject.devices) > 1 and which > 0.65  # noqa: PLR2004 - a third of the sessions are on the second device
        device, address = subject.devices[int(second)]
        who = {"device_id": device, "ip": address}
        if anonymous >= DEVICE_ONLY or known_since.get(device, at) >= at:
            spelling = subject.email if mailed < WITH_EMAIL / 2 else subject.email_variant
            email = {"email": spelling} if mailed < WITH_EMAIL else {}
            who = {"account_id": subject.account_id, **email, **who}
            known_since.setdefault(device, at)
        signal = ',"gpc":true' if subject.gpc and not second else ""
        texts[session] = json.dumps(who, separators=(",", ":")) + signal
    return pa.array(texts, pa.large_string())


def _written(
    rng: np.random.Generator, rows: tuple[_Rows, ...], subjects: pa.Array, settings: SampleSettings
) -> tuple[list[bytes], dict[str, int]]:
    ids = _event_ids(rng, sum(len(part.at) for part in rows))
    texts, taken = [], 0
    for part in rows:
        event_id = ids.slice(taken, len(part.at))
        taken += len(part.at)
        subject = subjects.take(pa.array(part.session))
        texts.append(
            event_lines(part.kind, event_id=event_id, at=pa.array(part.at), subject=subject, fields=part.fields)
        )
    at = np.concatenate([part.at for part in rows])
    kind = np.repeat(np.arange(len(rows)), [len(part.at) for part in rows])
    order = np.lexsort((np.arange(len(at)), at))
    order = order[at[order] < int(settings.until.timestamp())]
    lines: list[bytes] = pc.cast(pa.concat_arrays(texts).take(pa.array(order)), pa.large_binary()).to_pylist()
    counts = np.bincount(kind[order], minlength=len(rows)).tolist()
    return lines, {part.kind: count for part, count in zip(rows, counts, strict=True)}


def _event_ids(rng: np.random.Generator, count: int) -> pa.Array:
    """Quoted ids that tell neither order nor subject: sixteen hex digits, all different."""
    numbers = np.unique(rng.integers(1 << 63, size=count + 64, dtype=np.uint64))
    return pa.array([f'"{value:016x}"' for value in rng.permutation(numbers)[:count].tolist()])
