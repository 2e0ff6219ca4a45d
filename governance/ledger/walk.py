"""Every entry of a log, from its bundles: checked, hashed, held against the tiles and against the signed roots."""

import gc
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from governance.errors import BrokenProof
from governance.ledger.checkpoint import Checkpoint
from governance.ledger.entry import outline
from governance.ledger.merkle import leaf_hash, leaf_hashes
from governance.ledger.published import LARGEST_BUNDLE_BYTES, read_file
from governance.ledger.tiles import (
    LENGTH_BYTES,
    TILE_WIDTH,
    GrowingTiles,
    Tile,
    TileName,
    decode_bundle,
    decode_tile,
)

Progress = Callable[[int, int], None]
"""Called with how many entries are done and how many there are."""


class Walked:
    """What the entries say of themselves, summed up. Moments in their one spelling sort as text."""

    def __init__(self) -> None:
        self.kinds: Counter[bytes] = Counter()
        self.earliest, self.latest = b"~", b""

    def add(self, outlines: list[tuple[bytes, bytes]]) -> None:
        """Take up kind and moment of one entry and more."""
        kinds, moments = zip(*outlines, strict=True)
        self.kinds.update(kinds)
        self.earliest = min(self.earliest, *moments)
        self.latest = max(self.latest, *moments)

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """The first and the last moment that an entry names; None without entries."""
        if not self.kinds:
            return None
        return datetime.fromisoformat(self.earliest.decode()), datetime.fromisoformat(self.latest.decode())


class _Roots:
    """The checkpoints that the log must pass through on its way, by size."""

    def __init__(self, older: Mapping[str, Checkpoint]) -> None:
        self._at: dict[int, list[tuple[str, Checkpoint]]] = {}
        for name, old in older.items():
            self._at.setdefault(old.size, []).append((name, old))
        self._sizes = sorted(self._at)

    def parts(self, size: int, leaves: list[bytes]) -> Iterator[list[bytes]]:
        """``leaves``, which follow ``size`` others, cut after each size that has a checkpoint."""
        end = size + len(leaves)
        inside = self._sizes[bisect_right(self._sizes, size) : bisect_left(self._sizes, end)]
        for begin, stop in pairwise([size, *inside, end]):
            yield leaves[begin - size : stop - size]

    def require(self, tree: GrowingTiles) -> None:
        for name, old in self._at.get(tree.size, ()):
            if old.root != tree.root():
                msg = f"{name}: the first {old.size} entries are not those it was signed for: history was rewritten"
                raise BrokenProof(msg)


def walk(folder: Path, checkpoint: Checkpoint, older: Mapping[str, Checkpoint], progress: Progress | None) -> Walked:
    """Verify that the bundles hold ``checkpoint.size`` entries that give every tile, its root and those of ``older``.

    Raises:
        BrokenProof: names the entry, tile or older checkpoint that does not hold.
        UnreadableEntry: an entry is in no encoding we know.
    """
    with _no_collection():
        return _walk(folder, checkpoint, _Roots(older), progress)


@contextmanager
def _no_collection() -> Iterator[None]:
    """No search for reference cycles meanwhile: a walk makes none, and a tenth of its time would go into looking."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _walk(folder: Path, checkpoint: Checkpoint, roots: _Roots, progress: Progress | None) -> Walked:
    tree, walked = GrowingTiles(), Walked()
    roots.require(tree)
    # One bundle at a time: a checkpoint may claim any size, and only what is there is believed.
    for begin in range(0, checkpoint.size, TILE_WIDTH):
        name = TileName(None, begin // TILE_WIDTH, min(TILE_WIDTH, checkpoint.size - begin))
        entries, leaves = _read_entries(folder, name)
        walked.add([outline(seq, entry) for seq, entry in enumerate(entries, tree.size)])
        for part in roots.parts(tree.size, leaves):
            _require_tiles(folder, tree.extend(part))
            roots.require(tree)
        if progress is not None:
            progress(tree.size, checkpoint.size)
    _require_tiles(folder, tree.partials())
    if tree.root() != checkpoint.root:
        msg = f"the {checkpoint.size} entries do not give the signed root {checkpoint.root.hex()}"
        raise BrokenProof(msg)
    return walked


def _read_entries(folder: Path, bundle: TileName) -> tuple[list[bytes], list[bytes]]:
    """The entries of a bundle and their leaf hashes, which the tile at level 0 confirms."""
    tile = TileName(0, bundle.index, bundle.width)
    expected = decode_tile(tile, read_file(folder, tile.path, LARGEST_BUNDLE_BYTES))
    data = read_file(folder, bundle.path, LARGEST_BUNDLE_BYTES)
    try:
        entries = decode_bundle(bundle, data)
    except BrokenProof as cause:
        raise _difference(bundle, data, expected) from cause
    leaves = leaf_hashes(entries)
    if leaves != expected:
        raise _difference(bundle, data, expected)
    return entries, leaves


def _difference(bundle: TileName, data: bytes, expected: list[bytes]) -> BrokenProof:
    """Names the first entry that is not the expected one, also where a wrong length hides all that follow."""
    place = 0
    for seq, leaf in enumerate(expected, bundle.index * TILE_WIDTH):
        begin = place + LENGTH_BYTES
        place = begin + int.from_bytes(data[place:begin])
        if place > len(data) or leaf_hash(data[begin:place]) != leaf:
            tile = TileName(0, bundle.index, bundle.width)
            return BrokenProof(f"entry {seq} in {bundle.path} is not the one that {tile.path} holds")
    return BrokenProof(f"{bundle.path}: expected {bundle.width} entries and no byte more, got {len(data) - place} more")


def _require_tiles(folder: Path, tiles: list[Tile]) -> None:
    for tile in tiles:
        if tile.name.level == 0:
            continue  # compared with its entries when they were read
        found = decode_tile(tile.name, read_file(folder, tile.name.path, LARGEST_BUNDLE_BYTES))
        for place, (hash_found, follows) in enumerate(zip(found, tile.hashes, strict=True)):
            if hash_found != follows:
                msg = f"{tile.name.path}: hash {place} does not follow from the entries below it"
                raise BrokenProof(msg)
