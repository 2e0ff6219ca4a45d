"""The database's own history, checked from its rows: what the operator runs before trusting a restored store."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from governance.database import reading
from governance.errors import BrokenProof
from governance.ledger.check_cosigned import read_cosignatures, require_witnessed
from governance.ledger.checkpoint import Checkpoint
from governance.ledger.cosigned import SomeWitnessKey
from governance.ledger.entry import Entry, decode_entry
from governance.ledger.merkle import root_of
from governance.ledger.note import VerifierKey
from governance.ledger.sequencer import mentions_of
from governance.ledger.store import SignedCheckpoint, list_checkpoints, list_rows, size, verified_leaf
from governance.ledger.tables import LedgerEntry, LedgerInbox, LedgerMention, LedgerTile
from governance.ledger.tiles import TILE_WIDTH, GrowingTiles, Tile
from governance.ledger.trust_policy import TrustPolicy, trusting, verify_cosigned

ROWS_PER_READ = 8 * TILE_WIDTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found to agree: ``size`` entries, ``tiles`` full tiles and ``checkpoints``; ``waiting`` wait.

    ``cosignatures`` hold; those of ``unknown_witnesses`` could not be verified, because their keys were not given.
    """

    size: int
    tiles: int
    checkpoints: int
    waiting: int
    cosignatures: int = 0
    unknown_witnesses: int = 0


def check_database(
    engine: Engine,
    *keys: VerifierKey,
    witnesses: Sequence[SomeWitnessKey] = (),
    published: Checkpoint | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Checked:
    """Rebuild everything from the entries and compare: leaf hashes, columns, tiles, mentions, signed roots, the inbox.

    ``keys`` are all under which the log was ever signed, ``witnesses`` those of the witnesses that are believed;
    ``published`` is what readers were given last. When a checkpoint was signed (``signed_at``) is in no signature: that
    column is bookkeeping, and is not checked.

    Raises:
        BrokenProof: names the entry or tile, or the table and the size, that does not hold.
        UnreadableEntry: an entry is in no encoding we know.
    """
    with reading(engine) as session:
        count, signed = size(session), _signed(session)
        roots = {row.size: _verified(row, trusting(*keys)).root for row in signed}
        found = read_cosignatures(session, signed, witnesses)
        _require_published(roots, published, count)
        tree, tiles = GrowingTiles(), 0
        _require_root(tree, roots)
        for begin in range(0, count, ROWS_PER_READ):
            rows = list_rows(session, begin, min(begin + ROWS_PER_READ, count))
            for filled in _grow(tree, rows, roots):
                _require_tile(session, filled)
                tiles += 1
            entries = [decode_entry(row.seq, row.body) for row in rows]
            _require_mentions(session, begin, entries)
            require_witnessed(entries, found)
            if progress is not None:
                progress(tree.size, count)
        if signed and signed[-1].size > count:
            msg = f"{signed[-1].size} entries were signed, but the database has {count}"
            raise BrokenProof(msg)
        _require_no_more_tiles(session, tiles)
        _require_no_more_mentions(session, count)
        _require_remembered(signed, published)
        return Checked(
            size=count,
            tiles=tiles,
            checkpoints=len(signed),
            waiting=_waiting(session),
            cosignatures=found.verified,
            unknown_witnesses=found.unknown,
        )


def _grow(tree: GrowingTiles, rows: Sequence[LedgerEntry], roots: dict[int, bytes]) -> Iterator[Tile]:
    for row in rows:
        _require_place(row, tree.size)
        yield from tree.append(verified_leaf(row))
        _require_columns(row)
        _require_root(tree, roots)


def _signed(session: Session) -> list[SignedCheckpoint]:
    try:
        return list_checkpoints(session)
    except (StatementError, TypeError, ValueError) as cause:
        msg = "ledger_checkpoint: a row does not hold what its columns are for"
        raise BrokenProof(msg) from cause


def _verified(row: SignedCheckpoint, policy: TrustPolicy) -> Checkpoint:
    place = f"ledger_checkpoint, size {row.size}"
    try:
        checkpoint = verify_cosigned(row.note, policy).checkpoint
    except (BrokenProof, AttributeError) as cause:
        # SQLite keeps text in a column of bytes if it is told to.
        msg = f"{place}: {cause if isinstance(cause, BrokenProof) else 'its note is text, expected bytes'}"
        raise BrokenProof(msg) from cause
    if (checkpoint.size, checkpoint.root) != (row.size, row.root):
        msg = f"{place}: its note says size {checkpoint.size} and root {checkpoint.root.hex()}"
        raise BrokenProof(msg)
    return checkpoint


def _require_published(roots: dict[int, bytes], published: Checkpoint | None, count: int) -> None:
    """Await the published root on the way through the entries."""
    if published is None:
        return
    if published.size > count:
        msg = f"{published.size} entries were published, but the database has {count}"
        raise BrokenProof(msg)
    if roots.setdefault(published.size, published.root) != published.root:
        msg = f"checkpoint {published.size}: another root was published than the database signed"
        raise BrokenProof(msg)


def _require_remembered(signed: Sequence[SignedCheckpoint], published: Checkpoint | None) -> None:
    if published is not None and published.size not in [row.size for row in signed]:
        msg = (
            f"ledger_checkpoint, size {published.size}: missing, but that checkpoint is published and holds; if a "
            "backup from before it was restored, `probity ledger publish` takes it up again"
        )
        raise BrokenProof(msg)


def _require_place(row: LedgerEntry, expected_seq: int) -> None:
    if row.seq != expected_seq:
        msg = f"entry {expected_seq}: missing, the next one is {row.seq}"
        raise BrokenProof(msg)


def _require_columns(row: LedgerEntry) -> None:
    entry = decode_entry(row.seq, row.body)
    if (entry.id, entry.kind, entry.at, entry.actor) != (row.id, row.kind, row.at, row.actor):
        msg = f"entry {row.seq}: its columns do not say what its bytes say"
        raise BrokenProof(msg)


def _require_root(tree: GrowingTiles, roots: dict[int, bytes]) -> None:
    if tree.size in roots and tree.root() != roots[tree.size]:
        msg = f"checkpoint {tree.size}: the entries do not give the root that was signed"
        raise BrokenProof(msg)


def _require_tile(session: Session, tile: Tile) -> None:
    stored = session.get(LedgerTile, (tile.name.level, tile.name.index))
    if stored is None or (stored.root, stored.hashes) != (root_of(tile.hashes), b"".join(tile.hashes)):
        msg = f"{tile.name.path}: the database holds no such tile, or one that does not follow from the entries"
        raise BrokenProof(msg)
    session.expunge(stored)


def _require_no_more_tiles(session: Session, expected: int) -> None:
    found = session.scalar(select(func.count()).select_from(LedgerTile))
    if found != expected:
        msg = f"the entries fill {expected} tiles, but the database has {found}"
        raise BrokenProof(msg)


def _require_mentions(session: Session, begin: int, entries: Sequence[Entry]) -> None:
    expected = {(value, entry.seq) for entry in entries for value in mentions_of(entry.body)}
    query = select(LedgerMention.value, LedgerMention.seq)
    found = session.execute(query.where(LedgerMention.seq >= begin, LedgerMention.seq < begin + len(entries)))
    different = {(row.value, row.seq) for row in found} ^ expected
    if different:
        msg = f"entry {min(seq for _, seq in different)}: the search index does not say what it names"
        raise BrokenProof(msg)


def _require_no_more_mentions(session: Session, count: int) -> None:
    beyond = session.scalar(select(func.min(LedgerMention.seq)).where(LedgerMention.seq >= count))
    if beyond is not None:
        msg = f"the search index names entry {beyond}, but the database has {count}"
        raise BrokenProof(msg)


def _waiting(session: Session) -> int:
    """How many entries wait in the inbox, each of them readable and of an id that the log does not have."""
    query = select(LedgerInbox.id, LedgerInbox.body, LedgerEntry.seq)
    waiting = session.execute(query.outerjoin(LedgerEntry, LedgerEntry.id == LedgerInbox.id)).all()
    for entry_id, stored, taken in waiting:
        body: Any = stored  # SQLite keeps text in a column of bytes if it is told to
        if not isinstance(body, bytes) or decode_entry(-1, body).id != entry_id or taken is not None:
            msg = f"inbox: the entry {entry_id} is another one, or has its place already"
            raise BrokenProof(msg)
    return len(waiting)
