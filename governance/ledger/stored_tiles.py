"""The tree's tiles as the database has them: a proof reads a handful of rows, whatever the size of the log."""

from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import TextClause, bindparam, select, text
from sqlalchemy.orm import Session

from governance.errors import BrokenProof
from governance.ledger.merkle import HASH_BYTES
from governance.ledger.sequencer import stored_hashes
from governance.ledger.tables import LedgerTile
from governance.ledger.tiles import TILE_WIDTH, ReadTile, TileName, decode_tile

_TILE = select(LedgerTile.hashes).where(LedgerTile.level == bindparam("level"), LedgerTile.index == bindparam("index"))


def tile_reader(session: Session, ahead: Sequence[TileName] = ()) -> ReadTile:
    """Reads tiles of hashes from the database, each once; a partial one from the entries or the tiles below it.

    Those named ``ahead`` are read at once by one statement: asking costs more than what is read.
    """
    known = _read_ahead(session, ahead) if ahead else {}

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


def _read_ahead(session: Session, names: Sequence[TileName]) -> dict[TileName, list[bytes]]:
    """Those of the tiles that the database has whole."""
    values: dict[str, int] = {}
    for number, name in enumerate(names):
        first, rows = (name.index, 1) if name.width == TILE_WIDTH else (name.index * TILE_WIDTH, name.width)
        values |= {f"begin_{number}": first, f"end_{number}": first + rows}
    statement = _statement(tuple((name.level or 0, name.width == TILE_WIDTH) for name in names))
    found: list[list[tuple[int, bytes]]] = [[] for _ in names]
    for number, place, hashes in session.connection().execute(statement, values):
        found[number].append((place, hashes))
    joined = [b"".join([hashes for _, hashes in sorted(rows)]) for rows in found]
    return {
        name: decode_tile(name, hashes)
        for name, hashes in zip(names, joined, strict=True)
        if len(hashes) == name.width * HASH_BYTES
    }


@lru_cache
def _statement(tiles: tuple[tuple[int, bool], ...]) -> TextClause:
    """Reads tiles, each given by its level and whether it is full: its number among them, the place, its hashes."""
    return text(" union all ".join(_select(number, level, full) for number, (level, full) in enumerate(tiles)))


def _select(number: int, level: int, full: bool) -> str:  # noqa: FBT001 - a tile's kind
    if full:
        place, hashes, table = '"index"', "hashes", f"ledger_tile where level = {level}"
    elif level:
        place, hashes, table = '"index"', "root", f"ledger_tile where level = {level - 1}"
    else:
        place, hashes, table = "seq", "leaf_hash", "ledger_entry where true"
    columns = f"{number} as number, {place} as place, {hashes} as hashes"
    return f"select {columns} from {table} and {place} >= :begin_{number} and {place} < :end_{number}"  # noqa: S608 - whole numbers and names of ours
