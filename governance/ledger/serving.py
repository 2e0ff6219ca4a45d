"""A published tile as it is handed to strangers: never more than the signed checkpoint covers."""

from pathlib import Path

from governance.errors import NotFound
from governance.ledger.published import LARGEST_BUNDLE_BYTES, read_bundle, read_file, tile_reader
from governance.ledger.tiles import TILE_BITS, TILE_WIDTH, TileName, encode_bundle, encode_tile


def read_served(folder: Path, name: TileName, size: int) -> bytes:
    """The bytes of a tile or bundle of a log of which ``size`` entries are signed (C2SP tlog-tiles).

    Guarantees:
      - nothing beyond ``size`` is given, though a publisher may have written it already
      - a narrower tile than the one that lies there is cut from it, so whoever holds an older checkpoint gets theirs

    Raises:
        NotFound: the signed log has no such tile.
        BrokenProof: a published file has the wrong length.
    """
    if name.end > size:
        msg = f"{name.path}: the signed log of {size} entries does not have it"
        raise NotFound(msg)
    if (folder / name.path).is_file():
        return read_file(folder, name.path, LARGEST_BUNDLE_BYTES)
    wider = _widest(name, size)
    if wider == name or not (folder / wider.path).is_file():
        msg = f"{name.path}: it was not published"
        raise NotFound(msg)
    if name.level is None:
        return encode_bundle(read_bundle(folder, wider)[: name.width])
    return encode_tile(tile_reader(folder)(wider)[: name.width])


def _widest(name: TileName, size: int) -> TileName:
    present = (size >> (TILE_BITS * (name.level or 0))) - name.index * TILE_WIDTH
    return TileName(name.level, name.index, min(present, TILE_WIDTH))
