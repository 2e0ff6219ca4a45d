"""Verification from files alone: what an auditor runs on an export, on any machine, holding only the log's public key.

Every entry is decoded and hashed anew, every tile compared, every checkpoint's signature and root checked. What is
not covered: README and anything else that lies beside the log's own files.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.checkpoint import Checkpoint, verify_checkpoint
from governance.ledger.entry import decode_entry
from governance.ledger.merkle import leaf_hash
from governance.ledger.note import LARGEST_NOTE_BYTES, VerifierKey, decode_vkey
from governance.ledger.published import (
    LARGEST_BUNDLE_BYTES,
    OLDER,
    VKEY,
    list_files,
    read_bundle,
    read_checkpoint,
    read_file,
)
from governance.ledger.tiles import (
    TILE_WIDTH,
    GrowingTiles,
    Tile,
    TileName,
    bundle_names,
    decode_bundle,
    decode_tile,
    encode_tile,
    parse_path,
    tile_names,
)

Progress = Callable[[int, int], None]
"""Called with how many entries are done and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found to hold: ``size`` entries lead to the signed ``root``.

    ``kinds`` counts entries by kind; ``older`` are the sizes of the older checkpoints that begin the log.
    ``unsigned`` names tiles beyond ``size``, for which nothing vouches: a live folder has them while its publisher
    works or after it crashed, an export has none.
    """

    origin: str
    size: int
    root: bytes
    kinds: Mapping[str, int]
    older: tuple[int, ...]
    unsigned: tuple[str, ...]


def verify_folder(
    folder: Path, vkey: str, *, old_checkpoint: bytes | None = None, progress: Progress | None = None
) -> Verification:
    """Verify an exported or published log.

    Args:
        folder: holds ``checkpoint``, ``tile/`` and perhaps ``log.vkey`` and ``checkpoints/``.
        vkey: the log's public key, from a source that is not the folder.
        old_checkpoint: a checkpoint note kept from earlier; the log must begin with it.
        progress: called as entries are done.

    Guarantees:
      - any byte changed, missing or added in what the checkpoints vouch for is found; files beyond it are named
      - the log begins with every older checkpoint in the folder and with ``old_checkpoint``

    Raises:
        BrokenProof: names the entry, tile or checkpoint that does not hold.
        UnreadableEntry: an entry that the log contains is in no encoding we know.
        InvalidInput: ``vkey`` is no key.
    """
    key = decode_vkey(vkey)
    checkpoint = read_checkpoint(folder, key)
    _verify_vkey_file(folder, vkey)
    older = _older(folder, key)
    if old_checkpoint is not None:
        older["the old checkpoint"] = verify_checkpoint(old_checkpoint, key)
    _refuse_younger(older, checkpoint)
    kinds = _verify_entries(folder, checkpoint, older, progress)
    return Verification(
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root,
        kinds=kinds,
        older=tuple(sorted({old.size for old in older.values()})),
        unsigned=_verify_rest(folder, checkpoint.size),
    )


def _verify_vkey_file(folder: Path, vkey: str) -> None:
    if (folder / VKEY).exists() and read_file(folder, VKEY, LARGEST_NOTE_BYTES) != f"{vkey}\n".encode():
        msg = f"{VKEY}: expected the key given for verification, found another"
        raise BrokenProof(msg)


def _older(folder: Path, key: VerifierKey) -> dict[str, Checkpoint]:
    older: dict[str, Checkpoint] = {}
    for path in sorted((folder / OLDER).glob("*")):
        name = f"{OLDER}/{path.name}"
        older[name] = verify_checkpoint(read_file(folder, name, LARGEST_NOTE_BYTES), key)
        if str(older[name].size) != path.name:
            msg = f"{name}: expected a checkpoint of that size, found one of {older[name].size}"
            raise BrokenProof(msg)
    return older


def _refuse_younger(older: Mapping[str, Checkpoint], checkpoint: Checkpoint) -> None:
    for name, old in older.items():
        if old.size > checkpoint.size:
            msg = f"{name} has {old.size} entries, but the log shown has only {checkpoint.size}: it was cut"
            raise BrokenProof(msg)


def _verify_entries(
    folder: Path, checkpoint: Checkpoint, older: Mapping[str, Checkpoint], progress: Progress | None
) -> dict[str, int]:
    tree = GrowingTiles()
    kinds: Counter[str] = Counter()
    awaited = {old.size for old in older.values()}
    _require_roots(tree, older)
    for name in bundle_names(checkpoint.size):
        entries = read_bundle(folder, name)
        leaves = [leaf_hash(entry) for entry in entries]
        _require_leaves(folder, name, leaves)
        for entry, leaf in zip(entries, leaves, strict=True):
            kinds[decode_entry(tree.size, entry).kind] += 1
            _require_tiles(folder, tree.append(leaf))
            if tree.size in awaited:
                _require_roots(tree, older)
        if progress is not None:
            progress(tree.size, checkpoint.size)
    _require_tiles(folder, tree.partials())
    if tree.root() != checkpoint.root:
        msg = f"the {checkpoint.size} entries do not give the signed root {checkpoint.root.hex()}"
        raise BrokenProof(msg)
    return dict(sorted(kinds.items()))


def _require_leaves(folder: Path, bundle: TileName, leaves: list[bytes]) -> None:
    tile = TileName(0, bundle.index, bundle.width)
    hashes = decode_tile(tile, read_file(folder, tile.path, LARGEST_BUNDLE_BYTES))
    for place, (leaf, expected) in enumerate(zip(leaves, hashes, strict=True)):
        if leaf != expected:
            msg = f"entry {bundle.index * TILE_WIDTH + place} in {bundle.path} is not the one that {tile.path} holds"
            raise BrokenProof(msg)


def _require_tiles(folder: Path, tiles: list[Tile]) -> None:
    for tile in tiles:
        if read_file(folder, tile.name.path, LARGEST_BUNDLE_BYTES) != encode_tile(tile.hashes):
            msg = f"{tile.name.path}: its hashes do not follow from the entries"
            raise BrokenProof(msg)


def _require_roots(tree: GrowingTiles, older: Mapping[str, Checkpoint]) -> None:
    for name, old in older.items():
        if old.size == tree.size and old.root != tree.root():
            msg = f"{name}: the first {old.size} entries are not those it was signed for: history was rewritten"
            raise BrokenProof(msg)


def _verify_rest(folder: Path, size: int) -> tuple[str, ...]:
    """The tiles beyond ``size``. What overlaps the verified tiles, of older or coming sizes, must agree with them."""
    expected = {name.path: name for name in tile_names(size)}
    places = {(name.level, name.index): name for name in expected.values()}
    unsigned: list[str] = []
    for path in list_files(folder):
        if path in expected:
            continue
        try:
            name = parse_path(path)
        except InvalidInput as cause:
            msg = f"{path}: not a file of the log"
            raise BrokenProof(msg) from cause
        verified = places.get((name.level, name.index))
        if verified is not None:
            _require_overlap(folder, name, verified)
        if verified is None or name.width > verified.width:
            unsigned.append(path)
    return tuple(unsigned)


def _require_overlap(folder: Path, name: TileName, verified: TileName) -> None:
    decode = decode_bundle if name.level is None else decode_tile
    width = min(name.width, verified.width)
    found = decode(name, read_file(folder, name.path, LARGEST_BUNDLE_BYTES))
    if found[:width] != decode(verified, read_file(folder, verified.path, LARGEST_BUNDLE_BYTES))[:width]:
        msg = f"{name.path}: does not agree with {verified.path}"
        raise BrokenProof(msg)
