"""From the inbox to the log: every entry gets the next place, in the order of arrival.

Writers put an entry into the inbox in the transaction of their change and go on (`store.append`); giving places out is
the work of one at a time. So no writer waits for another, a rollback leaves no gap, and an entry that was acknowledged
is in the inbox or in the log whatever crashes: it moves in one transaction.

On SQLite the one writer that there is has the turn, and gives its entries their places itself; on PostgreSQL whoever
has committed a change settles what it finds, unless somebody is at it already.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Engine, Table, bindparam, delete, func, insert, select, text
from sqlalchemy.orm import Session

from governance.database import after_end, reading_once, transaction
from governance.errors import BrokenProof
from governance.ledger.bulk import insert_rows
from governance.ledger.canonical import Json
from governance.ledger.entry import Entry, decode_entry
from governance.ledger.merkle import root_of
from governance.ledger.tables import LedgerEntry, LedgerInbox, LedgerMention, LedgerTile
from governance.ledger.tiles import TILE_BITS, TILE_WIDTH

BATCH = TILE_WIDTH
"""Entries placed by one statement, as in Tessera; a transaction may settle several batches."""

SETTLE_LOCK = 0x70726F62697479
"""Key of PostgreSQL's advisory lock that whoever gives places out holds: "probity" in ASCII."""

_ID = re.compile(r"[0-9a-f]{32,128}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# Built once: these run for every change in the house, and building costs more than running them.
_ARRIVED = select(LedgerInbox.arrival, LedgerInbox.body).order_by(LedgerInbox.arrival).limit(BATCH)
_WAITING = select(LedgerInbox.arrival).limit(1)
_LAST = select(func.max(LedgerEntry.seq))
_TAKEN = delete(LedgerInbox).where(LedgerInbox.arrival.in_(bindparam("arrivals", expanding=True)))
_TILE = insert(LedgerTile)
_LEAVES = (
    select(LedgerEntry.leaf_hash)
    .where(LedgerEntry.seq >= bindparam("begin"), LedgerEntry.seq < bindparam("end"))
    .order_by(LedgerEntry.seq)
)
_ROOTS = (
    select(LedgerTile.root)
    .where(LedgerTile.level == bindparam("level"))
    .where(LedgerTile.index >= bindparam("begin"), LedgerTile.index < bindparam("end"))
    .order_by(LedgerTile.index)
)
ENTRIES, MENTIONS = (cast("Table", each.__table__) for each in (LedgerEntry, LedgerMention))


def sequence(engine: Engine) -> int:
    """Give a place to every entry in the inbox, or leave it to whoever is doing so now; how many were placed here.

    There is no pause between two rounds, as there would be with a sequencer apart that looks every 250 ms or after 256
    rows: whoever has the turn is a writer whose caller waits for its answer. A round takes all that arrived during the
    one before, so batches grow with the load by themselves. What is the same for a batch of one and of many is kept
    short instead: to look again is one round trip, without a transaction.

    Guarantees:
      - when it returns, each entry that was committed before the call is in the log or in another's hands, who looks
        into the inbox again after letting go of the lock
    """
    placed = 0
    while True:
        with transaction(engine) as session:
            if not _try_turn(session):
                return placed
            placed += _drain(session)
        with reading_once(engine) as session:
            if session.execute(_WAITING).first() is None:
                return placed


def settle(session: Session) -> int:
    """Give a place to every entry that this transaction sees in the inbox; how many there were.

    Whoever reads the log as state calls it first. On PostgreSQL other settlers wait until the transaction ends.

    Raises:
        UnreadableEntry: the inbox holds bytes that are no entry; nothing behind them gets a place.
    """
    session.flush()
    wait_for_turn(session)
    return _drain(session)


def wait_for_turn(session: Session) -> None:
    """Be the only one who gives out places or signs until this transaction ends."""
    # SQLite's transactions hold the write lock from their beginning. On PostgreSQL each statement after this one sees
    # what the previous holder committed (READ COMMITTED).
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": SETTLE_LOCK})
        # Whoever committed an entry meanwhile saw the lock taken and went on.
        after_end(session, sequence)


def next_place(session: Session) -> int:
    """The place of the next entry, which is how many have one."""
    last: int | None = session.connection().execute(_LAST).scalar()
    return 0 if last is None else last + 1


def mentions_of(body: Mapping[str, Json]) -> set[str]:
    """The ids (UUID) and digests (hex of 16 bytes or more) among the texts at the top of an entry's body."""
    texts: list[Json] = []
    for value in body.values():
        texts += [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return {each for each in texts if isinstance(each, str) and _ID.fullmatch(each)}


def tile_rows(session: Session, before: int, after: int) -> Iterable[dict[str, Any]]:
    """The full tiles that the log gained by growing from ``before`` to ``after`` entries, lower levels first.

    Each level is read after the rows of the level below it were stored.
    """
    level = 0
    while after >> (TILE_BITS * (level + 1)):
        begin, end = before >> (TILE_BITS * (level + 1)), after >> (TILE_BITS * (level + 1))
        for index in range(begin, end):
            hashes = stored_hashes(session, level, index * TILE_WIDTH, (index + 1) * TILE_WIDTH)
            yield {"level": level, "index": index, "root": root_of(hashes), "hashes": b"".join(hashes)}
        level += 1


def stored_hashes(session: Session, level: int, begin: int, end: int) -> Sequence[bytes]:
    """Hashes ``begin <= i < end`` of a level of the tree: leaf hashes, or the roots of the full tiles below.

    Raises:
        BrokenProof: some are missing.
    """
    if level == 0:
        found = session.connection().execute(_LEAVES, {"begin": begin, "end": end}).scalars().all()
    else:
        below = {"level": level - 1, "begin": begin, "end": end}
        found = session.connection().execute(_ROOTS, below).scalars().all()
    if len(found) != end - begin:
        msg = f"level {level} of the tree: expected hashes {begin} to {end - 1} in the database, found {len(found)}"
        raise BrokenProof(msg)
    return found


def _try_turn(session: Session) -> bool:
    if session.get_bind().dialect.name != "postgresql":
        return True
    return bool(session.scalar(text("select pg_try_advisory_xact_lock(:key)"), {"key": SETTLE_LOCK}))


def _drain(session: Session) -> int:
    placed = 0
    while True:
        arrived = session.connection().execute(_ARRIVED).all()
        if arrived:
            place(session, [row.body for row in arrived])
            session.connection().execute(_TAKEN, {"arrivals": [row.arrival for row in arrived]})
            placed += len(arrived)
        if len(arrived) < BATCH:
            return placed


def place(session: Session, unverified: Sequence[bytes]) -> None:
    """Give the next places to entries of which none is in the log; for whoever has the turn (`wait_for_turn`).

    Raises:
        UnreadableEntry: some of the bytes are no entry.
    """
    if not unverified:
        return
    begin = next_place(session)
    entries = [decode_entry(seq, body) for seq, body in enumerate(unverified, begin)]
    rows = [
        {
            "seq": entry.seq,
            "id": entry.id,
            "kind": entry.kind,
            "at": entry.at,
            "actor": entry.actor,
            "body": entry.encoded,
            "leaf_hash": entry.leaf,
        }
        for entry in entries
    ]
    insert_rows(session.connection(), ENTRIES, rows)
    derive(session, entries)


def derive(session: Session, entries: Sequence[Entry]) -> None:
    """Store what follows from entries that got the places after all others: what they name, and the tiles they fill."""
    connection = session.connection()
    named = [{"value": value, "seq": entry.seq} for entry in entries for value in sorted(mentions_of(entry.body))]
    insert_rows(connection, MENTIONS, named)
    for row in tile_rows(session, entries[0].seq, entries[-1].seq + 1):
        connection.execute(_TILE, row)
