"""The tree's tiles as the database has them: a proof reads a handful of rows, whatever the size of the log."""

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from governance.errors import BrokenProof
from governance.ledger.merkle import HASH_BYTES
from governance.ledger.sequencer import stored_hashes
from governance.ledger.tables import LedgerEntry, LedgerTile
from governance.ledger.tiles import TILE_WIDTH, ReadTile, TileName, decode_tile

_BODY = select(LedgerEntry.body).where(LedgerEntry.seq == bindparam("index"))
_TILE = select(LedgerTile.hashes).where(LedgerTile.level == bindparam("level"), LedgerTile.index == bindparam("index"))


def tile_reader(session: Session) -> ReadTile:
    """Reads tiles of hashes from the database, each once; a partial one from the entries or the tiles below it."""
    known: dict[TileName, list[bytes]] = {}

    def read(name: TileName) -> list[bytes]:
        if name not in known:
            known[name] = _read(session, name)
        return known[name]

    return read


def _read(session: Session, name: TileName) -> list[bytes]:
    if name.level is None:
        msg = f"{name.path}: expected a tile of hashes"
        raise BrokenProof(msg)
    if name.width < TILE_WIDTH:
        first = name.index * TILE_WIDTH
        return list(stored_hashes(session, name.level, first, first + name.width))
    hashes: bytes | None = session.connection().execute(_TILE, {"level": name.level, "index": name.index}).scalar()
    if hashes is None or len(hashes) != TILE_WIDTH * HASH_BYTES:
        msg = f"{name.path}: expected a full tile in the database, found none"
        raise BrokenProof(msg)
    return decode_tile(name, hashes)
