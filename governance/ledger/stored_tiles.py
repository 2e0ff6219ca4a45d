"""The tree's tiles as the database has them: a proof reads a handful of rows, whatever the size of the log."""

from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import TextClause, bindparam, select, text
from sqlalchemy.orm import Session

from governance.errors import BrokenProof, NotFound
from governance.ledger.checkpoint import Checkpoint
from governance.ledger.entry import Entry, decode_entry
from governance.ledger.merkle import HASH_BYTES
from governance.ledger.proving import SignedTree
from governance.ledger.sequencer import stored_hashes
from governance.ledger.tables import LedgerTile
from governance.ledger.tiles import TILE_WIDTH, ReadTile, TileName, decode_tile, path_names

_TILE = select(LedgerTile.hashes).where(LedgerTile.level == bindparam("level"), LedgerTile.index == bindparam("index"))


def prove(session: Session, index: int, checkpoint: Checkpoint) -> tuple[Entry, tuple[bytes, ...]]:
    """The entry at ``index`` as the database has it, and its path (32-byte hashes) to the signed root.

    All of it is read by one statement (`reading_once`): to ask costs more than what is read.

    Raises:
        NotFound: the log is shorter, and no longer one was signed.
        BrokenProof: the checkpoint does not cover the entry, or the database lacks it, or what that holds does not lead
            to the root.
    """
    body, tiles = _read_at_once(session, index, path_names(index, checkpoint.size))
    if body is None and index < checkpoint.size:
        msg = f"entry {index}: expected an entry in the database, for {checkpoint.size} are signed, found none"
        raise BrokenProof(msg)
    if body is None:
        msg = f"entry {index}: the log has no such entry"
        raise NotFound(msg)
    entry, read = decode_entry(index, body), tile_reader(session)
    tree = SignedTree(checkpoint, lambda name: tiles.get(name) or read(name))
    return entry, tree.prove(index, entry.encoded)


def tile_reader(session: Session) -> ReadTile:
    """Reads tiles of hashes from the database; a partial one from the entries or from the tiles below it."""

    def read(name: TileName) -> list[bytes]:
        if name.level is None:
            msg = f"{name.path}: expected a tile of hashes"
            raise BrokenProof(msg)
        if name.width < TILE_WIDTH:
            first = name.index * TILE_WIDTH
            return list(stored_hashes(session, name.level, first, first + name.width))
        wanted = {"level": name.level, "index": name.index}
        hashes: bytes | None = session.connection().execute(_TILE, wanted).scalar()
        if hashes is None or len(hashes) != TILE_WIDTH * HASH_BYTES:
            msg = f"{name.path}: expected a full tile in the database, found none"
            raise BrokenProof(msg)
        return decode_tile(name, hashes)

    return read


def _read_at_once(
    session: Session, seq: int, names: Sequence[TileName]
) -> tuple[bytes | None, dict[TileName, list[bytes]]]:
    """The bytes of entry ``seq``, if there is one, and those of the tiles that the database has whole."""
    values = {"seq": seq}
    for number, name in enumerate(names):
        first, rows = (name.index, 1) if name.width == TILE_WIDTH else (name.index * TILE_WIDTH, name.width)
        values |= {f"begin_{number}": first, f"end_{number}": first + rows}
    statement = _statement(tuple((name.level or 0, name.width == TILE_WIDTH) for name in names))
    found: list[list[bytes]] = [[] for _ in range(len(names) + 1)]
    for number, _, value in session.connection().execute(statement, values).all():
        found[number].append(value)
    *parts, body = map(b"".join, found)
    tiles = {
        name: decode_tile(name, hashes)
        for name, hashes in zip(names, parts, strict=True)
        if len(hashes) == name.width * HASH_BYTES
    }
    return body or None, tiles


@lru_cache
def _statement(tiles: tuple[tuple[int, bool], ...]) -> TextClause:
    """Reads tiles, each given by its level and whether it is full, and after them an entry.

    A row is the number of what it belongs to, its place there, and hashes or the entry's bytes.
    """
    parts = [_select(number, level, full) for number, (level, full) in enumerate(tiles)]
    entry = f"select {len(tiles)} as number, seq as place, body as value from ledger_entry where seq = :seq"  # noqa: S608 - a whole number
    return text(" union all ".join([*parts, entry]) + " order by number, place")


def _select(number: int, level: int, full: bool) -> str:  # noqa: FBT001 - a tile's kind
    if full:
        place, value, table = '"index"', "hashes", f"ledger_tile where level = {level}"
    elif level:
        place, value, table = '"index"', "root", f"ledger_tile where level = {level - 1}"
    else:
        place, value, table = "seq", "leaf_hash", "ledger_entry where true"
    columns = f"{number} as number, {place} as place, {value} as value"
    return f"select {columns} from {table} and {place} >= :begin_{number} and {place} < :end_{number}"  # noqa: S608 - whole numbers and names of ours
