"""Entries as a timeline: by day, each one sentence with its proof."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from itertools import groupby

from sqlalchemy.orm import Session

from governance.ledger.entry import Entry
from governance.ledger.search import Filter
from governance.moments import begin_of, end_of, read_day
from governance.web.context import WebContext
from governance.web.ledger_reading import Standing, State, read_standing
from governance.web.links import Links, Piece, find_links


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry: what it says in pieces, who acted, and whether it is proved."""

    entry: Entry
    pieces: tuple[Piece, ...]
    actor: str
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Entries by the day of their moment, in their order, and how far the log is signed."""

    days: tuple[tuple[date, tuple[Line, ...]], ...]
    standing: Standing
    links: Links


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A filter as it was typed; each field is empty where nothing was asked."""

    kind: str = ""
    since: str = ""
    until: str = ""
    mentions: str = ""
    actor: str = ""

    def filter(self) -> Filter:
        """What is searched for. ``until`` is a day and includes it.

        Raises:
            InvalidInput: a day that is none.
        """
        since, until = read_day(self.since, "since"), read_day(self.until, "until")
        return Filter(
            kinds=(self.kind,) if self.kind else (),
            since=None if since is None else begin_of(since),
            until=None if until is None else end_of(until),
            mentions=self.mentions.strip() or None,
            actor=self.actor.strip() or None,
        )

    def query(self) -> dict[str, str]:
        """What was asked, for the address of the next page."""
        return {name: getattr(self, name) for name in self.__slots__ if getattr(self, name)}


def read_timeline(
    session: Session, context: WebContext, entries: Sequence[Entry], permissions: Collection[str]
) -> Timeline:
    """Entries to show, with links to what one may read."""
    standing, links = (
        read_standing(session, context.ledger, entries, context.trust),
        find_links(session, entries, permissions),
    )
    lines = [
        Line(entry=each, pieces=links.sentence(each), actor=links.actor(each.actor), state=standing.states[each.seq])
        for each in entries
    ]
    by_day = groupby(lines, key=lambda line: line.entry.at.astimezone(UTC).date())
    return Timeline(days=tuple((day, tuple(group)) for day, group in by_day), standing=standing, links=links)
