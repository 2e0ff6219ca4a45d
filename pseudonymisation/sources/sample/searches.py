"""What subjects type: titles, names, moods; and now and then, as every service sees, an identifier of their own."""

from dataclasses import dataclass

import numpy as np

from pseudonymisation.sources.sample.exposure import Impressions
from pseudonymisation.sources.sample.subjects import Population, Subject
from pseudonymisation.sources.sample.titles import GENRES, Ints, Titles

PER_SESSION = 0.9
OWN_IDENTIFIER = 0.012
_MOODS = (
    "something short",
    "new this week",
    "feel good",
    "true story",
    "for the kids",
    "award winners",
    "with subtitles",
    "slow burn",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Searches:
    """Parallel columns; ``after_s`` is how long after its session's start each was typed."""

    session: Ints
    after_s: Ints
    query: list[str]
    with_own_identifier: int


def make_searches(
    rng: np.random.Generator, titles: Titles, population: Population, impressions: Impressions
) -> Searches:
    """About ``PER_SESSION`` searches a session, of which ``OWN_IDENTIFIER`` contain one of the typist's own."""
    per_session = rng.poisson(PER_SESSION, len(impressions.session_subject))
    session = np.repeat(np.arange(len(per_session)), per_session)
    wanted = rng.choice(len(titles.items), size=len(session), p=_fame_share(titles))
    own = rng.random(len(session)) < OWN_IDENTIFIER
    draws = rng.random((len(session), 2))
    queries = [
        _own_query(population.subjects[subject], draw) if is_own else _query(titles, title, draw)
        for subject, title, is_own, draw in zip(
            impressions.session_subject[session].tolist(), wanted.tolist(), own.tolist(), draws.tolist(), strict=True
        )
    ]
    return Searches(
        session=session,
        after_s=rng.integers(1, 18, size=len(session)),
        query=queries,
        with_own_identifier=int(own.sum()),
    )


def _fame_share(titles: Titles) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    weight = np.exp(titles.fame)
    return np.asarray(weight / weight.sum())


def _query(titles: Titles, title: int, draw: list[float]) -> str:
    kind, detail = draw
    name = titles.names[title].lower()
    people = titles.people[title]
    if kind < 0.4:  # noqa: PLR2004 - shares of each way to search
        return name
    if kind < 0.58:  # noqa: PLR2004
        return name[: 3 + int(detail * (len(name) - 3))].strip()
    if kind < 0.78:  # noqa: PLR2004
        return people[int(detail * len(people))]
    if kind < 0.9:  # noqa: PLR2004
        return f"{GENRES[int(detail * len(GENRES))].replace('_', ' ')}"
    return _MOODS[int(detail * len(_MOODS))]


def _own_query(subject: Subject, draw: list[float]) -> str:
    kind, detail = draw
    if kind < 0.6:  # noqa: PLR2004 - most paste the address into the wrong box
        return subject.email if detail < 0.7 else f"account {subject.email_variant} password"  # noqa: PLR2004
    return subject.phone if detail < 0.7 else f"call me {subject.phone.removeprefix('+1 ')}"  # noqa: PLR2004
