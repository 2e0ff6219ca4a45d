"""The log's tables: entries in their order, signed checkpoints. Appending happens in the transaction of the change.

Trusted for: nothing beyond the last checkpoint that somebody else holds. Whoever can write ``ledger_entry`` can make
verification fail; whoever can write ``ledger_checkpoint`` can make the publisher refuse to go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Integer, LargeBinary, Text, Uuid, bindparam, func, insert, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from governance.clock import Clock
from governance.database import Base, UtcDateTime
from governance.errors import BrokenProof, Conflict, NotFound
from governance.ledger.entry import Entry, Event, decode_entry, encode_entry
from governance.ledger.merkle import leaf_hash

APPEND_LOCK = 0x70726F62697479
"""Key of PostgreSQL's advisory lock that gives appends their order: "probity" in ASCII."""

_Position = BigInteger().with_variant(Integer, "sqlite")
# On SQLite only INTEGER PRIMARY KEY is the rowid itself; any other key leaves a second way to replace a row.


class LedgerEntry(Base):
    """One entry as it will be published; ``kind``, ``at`` and ``actor`` repeat what ``body`` says, for queries."""

    __tablename__ = "ledger_entry"

    seq: Mapped[int] = mapped_column(_Position, primary_key=True, autoincrement=False)
    id: Mapped[UUID] = mapped_column(Uuid, unique=True)
    kind: Mapped[str] = mapped_column(Text, index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(Text)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    leaf_hash: Mapped[bytes] = mapped_column(LargeBinary)


class LedgerCheckpoint(Base):
    """A tree head that was signed, with the note as signed. A row is written before the note leaves the house."""

    __tablename__ = "ledger_checkpoint"

    size: Mapped[int] = mapped_column(_Position, primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary)
    note: Mapped[bytes] = mapped_column(LargeBinary)
    signed_at: Mapped[datetime] = mapped_column(UtcDateTime)


# Built once: these run for every change in the house, and building costs more than running them.
_BY_ID = select(LedgerEntry.seq, LedgerEntry.body).where(LedgerEntry.id == bindparam("entry_id"))
_LAST = select(func.max(LedgerEntry.seq))
_INSERT = insert(LedgerEntry)


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A stored checkpoint: ``size`` entries, ``root`` of 32 bytes, the signed ``note``, aware UTC ``signed_at``."""

    size: int
    root: bytes
    note: bytes
    signed_at: datetime


def append(session: Session, event: Event, *, actor: str, entry_id: UUID, clock: Clock) -> Entry:
    """Write ``event`` as the next entry, in the caller's transaction.

    Call it last in the transaction: from here to the commit every other writer waits.

    Guarantees:
      - ``seq`` is dense from 0 in commit order, whatever the number of writers; a rollback leaves no gap
      - the same ``entry_id`` with the same event and actor is written once; the entry of the first time is returned
      - flushes what the session holds, never commits

    Raises:
        Conflict: ``entry_id`` was used for another event or actor.
        InvalidInput: the event cannot be written as an entry.
    """
    session.flush()
    wait_for_turn(session)
    before = find_entry(session, entry_id)
    if before is not None:
        return _same_again(before, encode_entry(event, actor=actor, entry_id=entry_id, at=before.at))
    entry = decode_entry(size(session), encode_entry(event, actor=actor, entry_id=entry_id, at=clock()))
    row = {
        "seq": entry.seq,
        "id": entry.id,
        "kind": entry.kind,
        "at": entry.at,
        "actor": entry.actor,
        "body": entry.encoded,
        "leaf_hash": leaf_hash(entry.encoded),
    }
    session.connection().execute(_INSERT, row)
    return entry


def wait_for_turn(session: Session) -> None:
    """Hold every other writer of the log back until this transaction ends."""
    # SQLite's transactions hold the write lock from their beginning. On PostgreSQL each statement after this one sees
    # what the previous holder committed (READ COMMITTED).
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": APPEND_LOCK})


def size(session: Session) -> int:
    """How many entries the log has."""
    last: int | None = session.connection().execute(_LAST).scalar()
    return 0 if last is None else last + 1


def get_entry(session: Session, seq: int) -> Entry:
    """The entry at ``seq``.

    Raises:
        NotFound: the log is shorter.
    """
    body = session.scalar(select(LedgerEntry.body).where(LedgerEntry.seq == seq))
    if body is None:
        msg = f"entry {seq}: the log has no such entry"
        raise NotFound(msg)
    return decode_entry(seq, body)


def find_entry(session: Session, entry_id: UUID) -> Entry | None:
    """The entry written under ``entry_id``, if any."""
    row = session.connection().execute(_BY_ID, {"entry_id": entry_id}).first()
    return None if row is None else decode_entry(row.seq, row.body)


def list_entries(
    session: Session, *, kind: str | None = None, after_seq: int | None = None, limit: int = 100
) -> list[Entry]:
    """The first ``limit`` entries after ``after_seq`` (None: from the beginning), oldest first, of one kind or all."""
    query = select(LedgerEntry.seq, LedgerEntry.body).order_by(LedgerEntry.seq).limit(limit)
    if kind is not None:
        query = query.where(LedgerEntry.kind == kind)
    if after_seq is not None:
        query = query.where(LedgerEntry.seq > after_seq)
    return [decode_entry(seq, body) for seq, body in session.execute(query)]


def list_latest(
    session: Session, *, kind: str | None = None, before_seq: int | None = None, limit: int = 100
) -> list[Entry]:
    """The last ``limit`` entries before ``before_seq`` (None: to the end), newest first, of one kind or all."""
    query = select(LedgerEntry.seq, LedgerEntry.body).order_by(LedgerEntry.seq.desc()).limit(limit)
    if kind is not None:
        query = query.where(LedgerEntry.kind == kind)
    if before_seq is not None:
        query = query.where(LedgerEntry.seq < before_seq)
    return [decode_entry(seq, body) for seq, body in session.execute(query)]


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
    row = session.scalar(select(LedgerCheckpoint).order_by(LedgerCheckpoint.size.desc()).limit(1))
    return None if row is None else SignedCheckpoint(row.size, row.root, row.note, row.signed_at)


def _same_again(before: Entry, encoded: bytes) -> Entry:
    if before.encoded != encoded:
        msg = f"entry {before.seq}: its id was used again for another event"
        raise Conflict(msg)
    return before
