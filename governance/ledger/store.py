"""The log as the rest of the house uses it: append an event to it, read entries and checkpoints.

Appending is part of the change that it records: one transaction holds both, or neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import ARRAY, Table, Uuid, any_, bindparam, delete, select
from sqlalchemy.orm import Session

from governance.clock import Clock
from governance.database import after_commit
from governance.errors import BrokenProof, Conflict, NotFound
from governance.ledger.bulk import insert_new
from governance.ledger.entry import Entry, Event, decode_entry, encode_entry
from governance.ledger.merkle import leaf_hash
from governance.ledger.sequencer import BATCH, next_place, place, sequence, settle
from governance.ledger.tables import LedgerCheckpoint, LedgerEntry, LedgerInbox

# Built once: these run for every change in the house, and building costs more than running them.
_BY_ID = select(LedgerEntry.seq, LedgerEntry.body).where(LedgerEntry.id == bindparam("entry_id"))
_FOUND = select(LedgerEntry.id, LedgerEntry.seq, LedgerEntry.body)
_PLACED = {
    "sqlite": _FOUND.where(LedgerEntry.id.in_(bindparam("ids", expanding=True))),
    "postgresql": _FOUND.where(LedgerEntry.id == any_(bindparam("ids", type_=ARRAY(Uuid)))),
}
_BY_PLACE = select(LedgerEntry.body).where(LedgerEntry.seq == bindparam("seq"))
_LAST_SIGNED = (
    select(LedgerCheckpoint.size, LedgerCheckpoint.root, LedgerCheckpoint.note, LedgerCheckpoint.signed_at)
    .order_by(LedgerCheckpoint.size.desc())
    .limit(1)
)
_WAITING = select(LedgerInbox.body).where(LedgerInbox.id == bindparam("entry_id"))
_INBOX = cast("Table", LedgerInbox.__table__)
_LEAVE = delete(LedgerInbox).where(LedgerInbox.id == bindparam("entry_id"))


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A stored checkpoint: ``size`` entries, ``root`` of 32 bytes, the signed ``note``, aware UTC ``signed_at``."""

    size: int
    root: bytes
    note: bytes
    signed_at: datetime


def append(session: Session, event: Event, *, actor: str, entry_id: UUID, clock: Clock) -> None:
    """Record ``event`` in the caller's transaction.

    Guarantees:
      - durable with the transaction, or gone with it; once committed it is never lost and gets one place
      - places are dense from 0, in the order of arrival; what one transaction appended stays in its order
      - the same ``entry_id`` with the same event and actor is recorded once, with the moment of the first time
      - flushes what the session holds, never commits, and on PostgreSQL waits only for a writer of the same id

    Raises:
        Conflict: ``entry_id`` was used for another event or actor.
        InvalidInput: the event cannot be written as an entry.
    """
    append_all(session, [(entry_id, event)], actor=actor, clock=clock)


def append_all(session: Session, events: Sequence[tuple[UUID, Event]], *, actor: str, clock: Clock) -> None:
    """Record several events in their order, each under an id of its own; otherwise as `append`."""
    if len({entry_id for entry_id, _ in events}) < len(events):
        msg = "expected an id of its own for each event, got one twice"
        raise Conflict(msg)
    session.flush()
    if session.get_bind().dialect.name == "sqlite":
        # The one writer that there is: nobody waits for its places, which come after those of what waits.
        settle(session)
        add = _place
    else:
        add = _arrive
        after_commit(session, sequence)
    for begin in range(0, len(events), BATCH):
        add(session, dict(events[begin : begin + BATCH]), actor, clock)


def _place(session: Session, events: Mapping[UUID, Event], actor: str, clock: Clock) -> None:
    at, placed = clock(), session.connection().execute(_PLACED["sqlite"], {"ids": list(events)}).all()
    for entry_id, seq, body in placed:
        _require_same(decode_entry(seq, body), events[entry_id], actor)
    known = {row.id for row in placed}
    fresh = [(entry_id, event) for entry_id, event in events.items() if entry_id not in known]
    place(session, [encode_entry(event, actor=actor, entry_id=entry_id, at=at) for entry_id, event in fresh])


def _arrive(session: Session, events: Mapping[UUID, Event], actor: str, clock: Clock) -> None:
    connection, at = session.connection(), clock()
    rows = [
        {"id": entry_id, "body": encode_entry(event, actor=actor, entry_id=entry_id, at=at)}
        for entry_id, event in events.items()
    ]
    arrived = set(insert_new(connection, _INBOX, rows))
    # The inbox is written first and the log read after it: had an id left the inbox for the log before, it is seen
    # there; does it arrive twice at once, the second waits for the first.
    for entry_id, seq, body in connection.execute(_PLACED["postgresql"], {"ids": list(events)}).all():
        if entry_id in arrived:
            connection.execute(_LEAVE, {"entry_id": entry_id})
        arrived.add(entry_id)
        _require_same(decode_entry(seq, body), events[entry_id], actor)
    for entry_id in [each for each in events if each not in arrived]:
        waiting = connection.execute(_WAITING, {"entry_id": entry_id}).first()
        if waiting is None:  # it got its place between the two statements
            _arrive(session, {entry_id: events[entry_id]}, actor, clock)
        else:
            _require_same(decode_entry(-1, waiting.body), events[entry_id], actor)


def _require_same(before: Entry, event: Event, actor: str) -> None:
    if before.encoded != encode_entry(event, actor=actor, entry_id=before.id, at=before.at):
        msg = f"entry {before.id}: its id was used again for another event"
        raise Conflict(msg)


def is_recorded(session: Session, entry_id: UUID) -> bool:
    """Whether an event was appended under ``entry_id``, with a place or still waiting for it."""
    by_id = {"entry_id": entry_id}
    connection = session.connection()
    return connection.execute(_WAITING, by_id).first() is not None or find_entry(session, entry_id) is not None


def size(session: Session) -> int:
    """How many entries the log has; those that wait in the inbox are not counted."""
    return next_place(session)


def get_entry(session: Session, seq: int) -> Entry:
    """The entry at ``seq``.

    Raises:
        NotFound: the log is shorter.
    """
    body = session.connection().execute(_BY_PLACE, {"seq": seq}).scalar()
    if body is None:
        msg = f"entry {seq}: the log has no such entry"
        raise NotFound(msg)
    return decode_entry(seq, body)


def find_entry(session: Session, entry_id: UUID) -> Entry | None:
    """The entry written under ``entry_id``, if any."""
    row = session.connection().execute(_BY_ID, {"entry_id": entry_id}).first()
    return None if row is None else decode_entry(row.seq, row.body)


def list_rows(session: Session, begin: int, end: int) -> Sequence[LedgerEntry]:
    """The rows ``begin <= seq < end`` as stored, undecoded."""
    query = select(LedgerEntry).where(LedgerEntry.seq >= begin, LedgerEntry.seq < end).order_by(LedgerEntry.seq)
    return session.scalars(query).all()


def verified_leaf(row: LedgerEntry) -> bytes:
    """The leaf hash of a row, computed anew from its bytes.

    Raises:
        BrokenProof: names the entry whose bytes do not give the hash stored beside them.
    """
    try:
        leaf = leaf_hash(row.body)
    except TypeError:
        # SQLite keeps text in a column of bytes if it is told to.
        leaf = b""
    if leaf != row.leaf_hash:
        msg = f"entry {row.seq}: its bytes do not give its leaf hash"
        raise BrokenProof(msg)
    return leaf


def add_checkpoint(session: Session, signed: SignedCheckpoint) -> None:
    """Keep a signed checkpoint; larger than all before, or the database refuses."""
    session.add(LedgerCheckpoint(size=signed.size, root=signed.root, note=signed.note, signed_at=signed.signed_at))
    session.flush()


def list_checkpoints(session: Session) -> list[SignedCheckpoint]:
    """Every checkpoint ever signed, smallest first."""
    rows = session.scalars(select(LedgerCheckpoint).order_by(LedgerCheckpoint.size))
    return [SignedCheckpoint(row.size, row.root, row.note, row.signed_at) for row in rows]


def last_checkpoint(session: Session) -> SignedCheckpoint | None:
    """The largest checkpoint that was signed."""
    row = session.connection().execute(_LAST_SIGNED).first()
    return None if row is None else SignedCheckpoint(*row)
