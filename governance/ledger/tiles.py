"""C2SP tlog-tiles: the tree and its entries as immutable files of 256.

Hash ``i`` of tile (level, n) is the root over the leaves from (256 n + i) 256^level on, 256^level of them. A tile
that is not full is kept beside, under its width, for each published size.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import count
from struct import Struct

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.merkle import EMPTY_ROOT, HASH_BYTES, Subtree, node_hash, root_of

TILE_WIDTH = 256
TILE_BITS = 8
LARGEST_ENTRY_BYTES = 65_535
LENGTH_BYTES = 2
TILES_KEPT = 512
ROWS_KEPT = 256
"""Some 40 kB each; enough for a log of ten million entries."""
_LENGTH = Struct(">H")
ENTRIES = "entries"
_PATH = re.compile(r"tile/(entries|0|[1-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


@dataclass(frozen=True, slots=True)
class TileName:
    """Which tile: ``level`` 0 to 63, or None for a bundle of entries; ``index`` from 0; ``width`` 1 to 256."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """``tile/<level>/<index>[.p/<width>]``, the index in groups of three digits."""
        groups = f"{self.index:,}".split(",")
        groups = [groups[0].zfill(3), *groups[1:]]
        number = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{ENTRIES if self.level is None else self.level}/{number}{partial}"

    @property
    def end(self) -> int:
        """How many leaves a tree must have for this tile to be complete."""
        return (self.index * TILE_WIDTH + self.width) << (TILE_BITS * (self.level or 0))


def parse_path(path: str) -> TileName:
    """The tile that ``path`` names.

    Guarantees:
      - ``parse_path(p).path == p``

    Raises:
        InvalidInput: not a tile's path, in its one spelling.
    """
    match = _PATH.fullmatch(path)
    if match is not None:
        level, number, width = match.groups()
        index = int(number.replace("x", "").replace("/", ""))
        name = TileName(None if level == ENTRIES else int(level), index, int(width or TILE_WIDTH))
        if name.path == path and name.width <= TILE_WIDTH:
            return name
    msg = f"{path}: expected the path of a tile"
    raise InvalidInput(msg)


def tile_names(size: int) -> list[TileName]:
    """Every bundle and tile of a tree of ``size`` leaves: full ones, and one partial at the edge of a level."""
    names = bundle_names(size)
    level, count = 0, size
    while count:
        names += _row(level, count)
        level, count = level + 1, count >> TILE_BITS
    return names


def bundle_names(size: int) -> list[TileName]:
    """The bundles of a tree of ``size`` leaves, in order."""
    return _row(None, size)


def _row(level: int | None, count: int) -> list[TileName]:
    full, rest = divmod(count, TILE_WIDTH)
    return [TileName(level, index) for index in range(full)] + ([TileName(level, full, rest)] if rest else [])


def path_names(index: int, size: int) -> list[TileName]:
    """The tiles that `subtree_from_tiles` reads to prove entry ``index`` of ``size``: above it, and at the edge."""
    names: list[TileName] = []
    level, count, place = 0, size, index
    while count:
        full, rest = divmod(count, TILE_WIDTH)
        place >>= TILE_BITS
        if place < full:
            names.append(TileName(level, place))
        if rest:
            names.append(TileName(level, full, rest))
        level, count = level + 1, full
    return names


def encode_tile(hashes: Sequence[bytes]) -> bytes:
    """1 to 256 hashes of 32 bytes, one after the other."""
    return b"".join(hashes)


def decode_tile(name: TileName, unverified: bytes) -> list[bytes]:
    """The hashes of a tile file.

    Raises:
        BrokenProof: names the tile when its length is not 32 times its width.
    """
    if len(unverified) != name.width * HASH_BYTES:
        msg = f"{name.path}: expected {name.width * HASH_BYTES} bytes, got {len(unverified)}"
        raise BrokenProof(msg)
    return [unverified[i : i + HASH_BYTES] for i in range(0, len(unverified), HASH_BYTES)]


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Entries, each after its length as two big-endian bytes.

    Raises:
        InvalidInput: an entry is longer than 65,535 bytes.
    """
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > LARGEST_ENTRY_BYTES:
            msg = f"an entry has at most {LARGEST_ENTRY_BYTES} bytes, got {len(entry)}"
            raise InvalidInput(msg)
        parts += [len(entry).to_bytes(LENGTH_BYTES), entry]
    return b"".join(parts)


def decode_bundle(name: TileName, unverified: bytes) -> list[bytes]:
    """The entries of a bundle file.

    Raises:
        BrokenProof: names the bundle when it does not hold exactly ``name.width`` entries and nothing after them.
    """
    entries: list[bytes] = []
    place, last = 0, len(unverified) - LENGTH_BYTES
    while place <= last and len(entries) < name.width:
        begin = place + LENGTH_BYTES
        place = begin + _LENGTH.unpack_from(unverified, place)[0]
        entries.append(unverified[begin:place])
    if place != len(unverified) or len(entries) != name.width:
        msg = (
            f"{name.path}: expected {name.width} entries and no byte more, got {len(entries)} that end at byte {place}"
        )
        raise BrokenProof(msg)
    return entries


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile of hashes and where it belongs."""

    name: TileName
    hashes: tuple[bytes, ...]


class GrowingTiles:
    """The unfinished tile of each level of a growing tree.

    Guarantees:
      - every full tile is given exactly once, lower levels before higher ones
      - ``root()`` is the RFC 6962 root over all leaves so far
    """

    __slots__ = ("_edge", "size")

    def __init__(self, edge: Sequence[Sequence[bytes]] = (), size: int = 0) -> None:
        """``edge[level]`` holds the hashes of that level's unfinished tile, 0 to 255 of them."""
        self._edge = [list(hashes) for hashes in edge]
        self.size = size

    def append(self, leaf: bytes) -> list[Tile]:
        """Add the next leaf hash; the tiles that it filled, if any."""
        return self.extend((leaf,))

    def extend(self, leaves: Sequence[bytes]) -> list[Tile]:
        """Add the next leaf hashes, at best as many as fill a tile; the tiles that they filled, if any."""
        filled: list[Tile] = []
        begin = 0
        while begin < len(leaves):
            fitting = leaves[begin : begin + TILE_WIDTH - self.size % TILE_WIDTH]
            begin += len(fitting)
            self.size += len(fitting)
            filled += self._carry(fitting)
        return filled

    def _carry(self, hashes: Sequence[bytes]) -> list[Tile]:
        filled: list[Tile] = []
        for level in count():
            if level == len(self._edge):
                self._edge.append([])
            edge = self._edge[level]
            edge.extend(hashes)
            if len(edge) < TILE_WIDTH:
                break
            index = (self.size >> (TILE_BITS * (level + 1))) - 1
            filled.append(Tile(TileName(level, index), tuple(edge)))
            hashes = (root_of(edge),)
            edge.clear()
        return filled

    def partials(self) -> list[Tile]:
        """The tiles that are not full, as they must be published for this size."""
        return [
            Tile(TileName(level, self.size >> (TILE_BITS * (level + 1)), len(edge)), tuple(edge))
            for level, edge in enumerate(self._edge)
            if edge
        ]

    def root(self) -> bytes:
        """The root over all leaves so far."""
        root: bytes | None = None
        for edge in self._edge:
            nodes = edge if root is None else [*edge, root]
            root = root_of(nodes) if nodes else root
        return EMPTY_ROOT if root is None else root


ReadTile = Callable[[TileName], list[bytes]]
"""Gives the hashes of a tile, or raises `BrokenProof`."""


def resume(size: int, read: ReadTile) -> GrowingTiles:
    """The growing tree at ``size``, from its partial tiles. Its root says whether they are the right ones."""
    edge: list[list[bytes]] = []
    level, count = 0, size
    while count:
        full, rest = divmod(count, TILE_WIDTH)
        edge.append(read(TileName(level, full, rest)) if rest else [])
        level, count = level + 1, full
    return GrowingTiles(edge, size)


Rows = Sequence[Sequence[bytes]]
"""``rows[bits][i]`` is the root over the 2^bits hashes of a tile that begin at ``i << bits``, where it has them all."""


def subtree_from_tiles(size: int, read: ReadTile) -> Subtree:
    """Hashes of ranges of a published tree of ``size``, read from its tiles: O(log size) tiles per proof.

    The tiles of a proof are kept for the next one, and what lies above the entries also for other trees.
    """

    @lru_cache(TILES_KEPT)
    def rows(name: TileName) -> Rows:
        # Few tiles lie above the entries and at the edge, and nearly every proof goes through them.
        is_shared = name.level or name.width < TILE_WIDTH
        return shared_rows(tuple(read(name))) if is_shared else _rows(read(name))

    def subtree(begin: int, end: int) -> bytes:
        width = 1 << ((end - begin).bit_length() - 1)
        if width < end - begin:
            return node_hash(subtree(begin, begin + width), subtree(begin + width, end))
        # A power of two of leaves is a run of hashes inside one tile.
        level, run_bits = divmod(width.bit_length() - 1, TILE_BITS)
        index, first = divmod(begin >> (TILE_BITS * level), TILE_WIDTH)
        present = min((size >> (TILE_BITS * level)) - index * TILE_WIDTH, TILE_WIDTH)
        return rows(TileName(level, index, present))[run_bits][first >> run_bits]

    return subtree


def _rows(hashes: Sequence[bytes]) -> Rows:
    rows = [hashes]
    while len(rows[-1]) > 1:
        joined = b"".join(rows[-1])
        # `node_hash` written out, as in `root_of`: a proof spends most of its time here.
        rows.append([sha256(b"\x01" + joined[i : i + 64]).digest() for i in range(0, len(joined) - 63, 64)])
    return rows


@lru_cache(ROWS_KEPT)
def shared_rows(hashes: tuple[bytes, ...]) -> Rows:
    """The rows over these hashes, kept from one proof to the next. They depend on nothing but the hashes."""
    return _rows(hashes)
