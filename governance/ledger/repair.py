"""Files of the published log that a disk lost, written again from the entries in the database.

Only what is missing or cut short is written. A file that says something else than the entries is evidence of a change,
here or there, and is left as it is.
"""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine

from governance.database import reading
from governance.errors import BrokenProof
from governance.ledger.cosigned import list_cosigned
from governance.ledger.durable_files import create, locked, replace
from governance.ledger.merkle import leaf_hash
from governance.ledger.note import LARGEST_NOTE_BYTES, encode_vkey
from governance.ledger.publish import ROWS_PER_READ, Progress, read_entries
from governance.ledger.published import CHECKPOINT, LARGEST_BUNDLE_BYTES, LONGEST_VKEY, VKEY, read_file
from governance.ledger.tiles import TILE_WIDTH, GrowingTiles, Tile, TileName, encode_bundle, encode_tile
from governance.ledger.trust_policy import CosignedCheckpoint, TrustPolicy, trusting, verify_cosigned


def repair(engine: Engine, folder: Path, policy: TrustPolicy, *, progress: Progress | None = None) -> tuple[str, ...]:
    """Restore the files of the newest published checkpoint that are missing or shorter than they were; their names.

    Args:
        engine: the control plane's database.
        folder: where the log is published.
        policy: names every key under which the log was signed, and the quorum without which nothing is published.
        progress: called as entries are done.

    Guarantees:
      - nothing is written unless the entries give the published root; nothing is signed
      - a lost ``checkpoint`` becomes the newest that was signed and that ``policy`` accepts; it is written last
      - what is there already with other bytes is not touched

    Raises:
        BrokenProof: names the file whose bytes are not those that the entries give, or the entry or row that does not
            hold.
    """
    with locked(folder):
        note, is_lost = _published(engine, folder, policy)
        found = verify_cosigned(note, trusting(*(log.key for log in policy.logs)))
        _require_root(engine, found)
        restored = [name for name, data in _files(engine, found, progress) if _restore(folder, name, data)]
        vkeys = [f"{encode_vkey(log.key)}\n".encode() for log in policy.logs]
        restored += _restore_vkey(folder, f"{encode_vkey(found.log)}\n".encode(), vkeys)
        if is_lost:
            replace(folder, CHECKPOINT, note)
            restored.append(CHECKPOINT)
    return tuple(restored)


def _published(engine: Engine, folder: Path, policy: TrustPolicy) -> tuple[bytes, bool]:
    """The published note, and whether its file was lost, so that the note comes from the database."""
    there = read_file(folder, CHECKPOINT, LARGEST_NOTE_BYTES) if (folder / CHECKPOINT).exists() else b""
    with reading(engine) as session:
        signed = list_cosigned(session, [each.key for each in policy.witnesses])
    for each in reversed(signed):
        if _is_cut_from(there, each.note) and _is_accepted(each.note, policy):
            return each.note, True
    if not there:
        msg = f"{CHECKPOINT}: missing, and the database holds none that was signed and may be published"
        raise BrokenProof(msg)
    return there, False


def _is_cut_from(there: bytes, note: bytes) -> bool:
    """Whether a file is the beginning of this note, whose signature lines may stand in another order there."""
    text = note[: note.index(b"\n\n") + 2]
    if len(there) >= len(note) or not there.startswith(text):
        return len(there) < len(text) and text.startswith(there)
    signatures = note.removeprefix(text).splitlines(keepends=True)
    *whole, last = there.removeprefix(text).splitlines(keepends=True) or [b""]
    return all(line in signatures for line in whole) and any(line.startswith(last) for line in signatures)


def _is_accepted(note: bytes, policy: TrustPolicy) -> bool:
    try:
        verify_cosigned(note, policy)
    except BrokenProof:
        return False
    return True


def _require_root(engine: Engine, found: CosignedCheckpoint) -> None:
    tree, size = GrowingTiles(), found.checkpoint.size
    for begin in range(0, size, ROWS_PER_READ):
        tree.extend([leaf for leaf, _ in read_entries(engine, begin, min(begin + ROWS_PER_READ, size))])
    if tree.root() != found.checkpoint.root:
        msg = f"the first {size} entries of the database do not give the published root: nothing was restored"
        raise BrokenProof(msg)


def _files(engine: Engine, found: CosignedCheckpoint, progress: Progress | None) -> Iterator[tuple[str, bytes]]:
    tree, size = GrowingTiles(), found.checkpoint.size
    for begin in range(0, size, ROWS_PER_READ):
        rows = read_entries(engine, begin, min(begin + ROWS_PER_READ, size))
        for first in range(0, len(rows), TILE_WIDTH):
            bodies = [body for _, body in rows[first : first + TILE_WIDTH]]
            name = TileName(None, (begin + first) // TILE_WIDTH, len(bodies))
            yield name.path, encode_bundle(bodies)
            for body in bodies:
                yield from map(_file, tree.append(leaf_hash(body)))
        if progress is not None:
            progress(tree.size, size)
    yield from map(_file, tree.partials())


def _file(tile: Tile) -> tuple[str, bytes]:
    return tile.name.path, encode_tile(tile.hashes)


def _restore(folder: Path, name: str, data: bytes) -> bool:
    if not (folder / name).exists():
        create(folder, name, data)
        return True
    there = read_file(folder, name, LARGEST_BUNDLE_BYTES)
    if there == data:
        return False
    if len(there) < len(data) and data.startswith(there):
        replace(folder, name, data)
        return True
    msg = f"{name}: its bytes are not those that the entries in the database give; it was not touched"
    raise BrokenProof(msg)


def _restore_vkey(folder: Path, expected: bytes, known: list[bytes]) -> list[str]:
    there = read_file(folder, VKEY, LONGEST_VKEY) if (folder / VKEY).exists() else b""
    if there in known or not expected.startswith(there):
        # Another key's is left to the publisher, which refuses it.
        return []
    replace(folder, VKEY, expected)
    return [VKEY]
