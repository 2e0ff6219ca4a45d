"""Finding entries: by kind, moment, actor, and by the ids and digests that they name."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from governance.errors import InvalidInput
from governance.ledger.entry import Entry, decode_entry
from governance.ledger.tables import LedgerEntry, LedgerMention


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which entries: all that fit every field that is given.

    Attributes:
        kinds: dotted kinds, or families that end in a dot (``budget.``); empty for all.
        since: aware UTC, included. Entries that are dated by the day count as their midnight.
        until: aware UTC, not included.
        mentions: an id or a digest that the entry's body names at its top.
        actor: a role or key id, exactly.
    """

    kinds: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    mentions: str | None = None
    actor: str | None = None

    def __post_init__(self) -> None:
        for name in ("since", "until"):
            moment: datetime | None = getattr(self, name)
            if moment is not None and moment.tzinfo is None:
                msg = f"{name}: expected an aware moment, got a naive one"
                raise InvalidInput(msg)


ALL = Filter()


def search(session: Session, wanted: Filter = ALL, *, before_seq: int | None = None, limit: int = 100) -> list[Entry]:
    """The last ``limit`` entries that fit, before ``before_seq`` (None: to the end), newest first."""
    query = _matching(wanted).order_by(LedgerEntry.seq.desc()).limit(limit)
    if before_seq is not None:
        query = query.where(LedgerEntry.seq < before_seq)
    return [decode_entry(seq, body) for seq, body in session.execute(query)]


def follow(session: Session, wanted: Filter = ALL, *, after_seq: int | None = None, limit: int = 100) -> list[Entry]:
    """The first ``limit`` entries that fit, after ``after_seq`` (None: from the beginning), oldest first."""
    query = _matching(wanted).order_by(LedgerEntry.seq).limit(limit)
    if after_seq is not None:
        query = query.where(LedgerEntry.seq > after_seq)
    return [decode_entry(seq, body) for seq, body in session.execute(query)]


def _matching(wanted: Filter) -> Select[int, bytes]:
    query = select(LedgerEntry.seq, LedgerEntry.body)
    if wanted.kinds:
        query = query.where(or_(*(_of_kind(kind) for kind in wanted.kinds)))
    if wanted.since is not None:
        query = query.where(LedgerEntry.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(LedgerEntry.at < wanted.until)
    if wanted.actor is not None:
        query = query.where(LedgerEntry.actor == wanted.actor)
    if wanted.mentions is not None:
        named = select(LedgerMention.seq).where(LedgerMention.value == wanted.mentions)
        query = query.where(LedgerEntry.seq.in_(named))
    return query


def _of_kind(kind: str) -> ColumnElement[bool]:
    return LedgerEntry.kind.startswith(kind, autoescape=True) if kind.endswith(".") else LedgerEntry.kind == kind
