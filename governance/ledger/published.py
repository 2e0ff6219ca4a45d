"""A published log, read from its folder: checkpoint, tiles, bundles, proofs. Needs nothing but the files.

Trusted for nothing: what is read here is `unverified` until it leads to a signed root.
"""

import os
from pathlib import Path
from stat import S_ISREG

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.note import LARGEST_NOTE_BYTES, VerifierKey, decode_vkey
from governance.ledger.tiles import (
    LARGEST_ENTRY_BYTES,
    LENGTH_BYTES,
    TILE_WIDTH,
    ReadTile,
    TileName,
    decode_bundle,
    decode_tile,
)

CHECKPOINT = "checkpoint"
VKEY = "log.vkey"
POLICY = "policy"
LONGEST_VKEY = 1024
TILES = "tile"
OLDER = "checkpoints"
LARGEST_BUNDLE_BYTES = TILE_WIDTH * (LENGTH_BYTES + LARGEST_ENTRY_BYTES)


def read_file(folder: Path, name: str, limit: int) -> bytes:
    """The bytes of a file of the log, at most ``limit`` of them.

    Raises:
        BrokenProof: names the file that is missing, unreadable or too long.
    """
    try:
        data = _read_regular(folder / name, limit + 1)
    except OSError as cause:
        msg = f"{name}: expected a file of the log, found none that can be read"
        raise BrokenProof(msg) from cause
    if data is None:
        msg = f"{name}: expected a file of the log, found something that is no file"
        raise BrokenProof(msg)
    if len(data) > limit:
        msg = f"{name}: expected at most {limit} bytes, got more"
        raise BrokenProof(msg)
    return data


def _read_regular(path: Path, most: int) -> bytes | None:
    """At most ``most`` bytes; None unless it is a regular file. A pipe in its place must not hang who verifies."""
    found = path.stat()
    if not S_ISREG(found.st_mode):
        return None
    expected = min(found.st_size, most)
    with path.open("rb", buffering=0) as file:
        data = file.read(expected)
        while len(data) < expected and (more := file.read(expected - len(data))):
            data += more
    return data


def read_note(folder: Path) -> bytes:
    """The unverified checkpoint note."""
    return read_file(folder, CHECKPOINT, LARGEST_NOTE_BYTES)


def read_vkey(folder: Path) -> VerifierKey:
    """The key that the log was published with, for its operator's own use: it came with the data and proves nothing.

    Raises:
        BrokenProof: the file is missing, or holds something else than a vkey and at most one newline after it.
    """
    try:
        return decode_vkey(read_file(folder, VKEY, LONGEST_VKEY).decode(errors="replace").removesuffix("\n"))
    except InvalidInput as cause:
        msg = f"{VKEY}: {cause}"
        raise BrokenProof(msg) from cause


def tile_reader(folder: Path) -> ReadTile:
    """Reads a tile of hashes; where a partial one was pruned, from the full tile that replaced it."""

    def read(name: TileName) -> list[bytes]:
        full = TileName(name.level, name.index)
        if name != full and not (folder / name.path).exists() and (folder / full.path).exists():
            return read(full)[: name.width]
        return decode_tile(name, read_file(folder, name.path, LARGEST_BUNDLE_BYTES))

    return read


def read_bundle(folder: Path, name: TileName) -> list[bytes]:
    """The unverified entries of a bundle.

    Raises:
        BrokenProof: names the bundle.
    """
    return decode_bundle(name, read_file(folder, name.path, LARGEST_BUNDLE_BYTES))


def printable(text: str) -> str:
    """Text of strangers, such as a file's name, fit for a terminal: control characters and broken text are escaped."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def list_files(folder: Path) -> list[str]:
    """The paths of all files below ``tile/``, relative to the log's folder, sorted. A link to a folder is a file."""
    found: list[str] = []
    for path, folders, names in os.walk(folder / TILES):
        place = Path(path).relative_to(folder).as_posix()
        links = [name for name in folders if (Path(path) / name).is_symlink()]
        found += [f"{place}/{name}" for name in [*names, *links]]
    return sorted(found)
