"""Proofs from the database: a handful of rows, whatever the size of the log."""

from collections.abc import Callable

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from governance.errors import BrokenProof, NotFound
from governance.ledger.merkle import HASH_BYTES, consistency_path, inclusion_path, leaf_hash, root_from_inclusion
from governance.ledger.proof import InclusionProof
from governance.ledger.sequencer import stored_hashes
from governance.ledger.store import last_checkpoint
from governance.ledger.tables import LedgerEntry, LedgerTile
from governance.ledger.tiles import TILE_WIDTH, ReadTile, TileName, decode_tile, subtree_from_tiles

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


def prove_entry(session: Session, index: int) -> tuple[bytes, InclusionProof]:
    """The bytes of entry ``index`` and the proof that the last signed checkpoint contains it, in O(log size) rows.

    Raises:
        NotFound: no signed checkpoint contains the entry yet.
        BrokenProof: what is stored does not lead to the signed root.
    """
    signed = last_checkpoint(session)
    if signed is None or not 0 <= index < signed.size:
        msg = f"entry {index}: no signed checkpoint contains it yet"
        raise NotFound(msg)
    entry: bytes | None = session.connection().execute(_BODY, {"index": index}).scalar()
    if entry is None:
        msg = f"entry {index}: missing from the database, though {signed.size} were signed"
        raise BrokenProof(msg)
    path = inclusion_path(index, signed.size, subtree_from_tiles(signed.size, tile_reader(session)))
    if root_from_inclusion(index, signed.size, leaf_hash(entry), path) != signed.root:
        msg = f"entry {index}: what the database holds does not lead to the signed root of {signed.size}"
        raise BrokenProof(msg)
    return entry, InclusionProof(index=index, path=tuple(path), note=signed.note)


def consistency_prover(session: Session, size: int) -> Callable[[int], list[bytes]]:
    """Gives the consistency path from any older size to ``size``, empty where the old size is 0 or ``size``."""
    subtree = subtree_from_tiles(size, tile_reader(session))
    return lambda old_size: consistency_path(old_size, size, subtree) if old_size else []


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
