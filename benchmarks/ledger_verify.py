"""Times the verification of an export from files alone, on one core, beside a floor measured in the same process.

    python benchmarks/ledger_verify.py [--entries 1000000] [--rounds 3] [--folder KEPT]

The entries are the frozen vectors of every event kind, with ids, digests and moments that differ from one to the next.
The floor is what no verifier in this language could do without: SHA-256 over every leaf and node, and the standard
library's JSON parser over every entry. It compares nothing, checks no encoding and reads no tile.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from governance.ledger.checkpoint import Checkpoint, sign_checkpoint
from governance.ledger.merkle import leaf_hash
from governance.ledger.note import LedgerSigner, encode_vkey
from governance.ledger.published import CHECKPOINT, OLDER, VKEY
from governance.ledger.tiles import (
    TILE_WIDTH,
    GrowingTiles,
    Tile,
    TileName,
    bundle_names,
    decode_bundle,
    encode_bundle,
    encode_tile,
)
from governance.ledger.trust_policy import trusting
from governance.ledger.verify import verify_folder

VECTORS = Path(__file__).parents[1] / "tests" / "vectors" / "events"
SIGNER = LedgerSigner("probity.example/benchmark", bytes(range(32)))
IDS = tuple(f"00000000-0000-4000-8000-00000000000{number}".encode() for number in (1, 2, 3))
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
OLDER_CHECKPOINTS = 40


def entries(number: int) -> Iterator[bytes]:
    """So many canonical entries, of each published kind in turn."""
    vectors = [path.read_bytes() for path in sorted(VECTORS.iterdir())]
    for seq in range(number):
        entry = vectors[seq % len(vectors)]
        moment = entry[entry.index(b'"at":"') + 6 :][:20]
        changed = (BEGIN + timedelta(seconds=20 * seq)).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
        digest = sha256(seq.to_bytes(8)).hexdigest()
        entry = entry.replace(moment, changed).replace(b"ab" * 32, digest.encode())
        for place, old in enumerate(IDS):
            entry = entry.replace(old, str(UUID(digest[place : place + 32])).encode())
        yield entry


def build(folder: Path, number: int) -> None:
    """Write an export of ``number`` entries, with older checkpoints at odd sizes."""
    tree, pending = GrowingTiles(), list[bytes]()
    signed = {number * part // OLDER_CHECKPOINTS | 1 for part in range(1, OLDER_CHECKPOINTS)}
    for entry in entries(number):
        pending.append(entry)
        for tile in tree.append(leaf_hash(entry)):
            _write_tile(folder, tile)
        if tree.size in signed and tree.size < number:
            _write(folder / OLDER / str(tree.size), _note(tree))
        if len(pending) == TILE_WIDTH or tree.size == number:
            name = TileName(None, (tree.size - 1) // TILE_WIDTH, len(pending))
            _write(folder / name.path, encode_bundle(pending))
            pending.clear()
    for tile in tree.partials():
        _write_tile(folder, tile)
    _write(folder / VKEY, f"{encode_vkey(SIGNER.verifier_key)}\n".encode())
    _write(folder / CHECKPOINT, _note(tree))


def _note(tree: GrowingTiles) -> bytes:
    return sign_checkpoint(Checkpoint(SIGNER.name, tree.size, tree.root()), SIGNER)


def _write_tile(folder: Path, tile: Tile) -> None:
    _write(folder / tile.name.path, encode_tile(tile.hashes))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def floor(folder: Path, number: int) -> None:
    """Hash every leaf and node, parse every entry, and nothing else."""
    for name in bundle_names(number):
        bundle = decode_bundle(name, (folder / name.path).read_bytes())
        row = [sha256(b"\x00" + entry).digest() for entry in bundle]
        for entry in bundle:
            json.loads(entry)
        while len(row) > 1:
            row = [sha256(b"\x01" + row[i] + row[i + 1]).digest() for i in range(0, len(row) - 1, 2)]


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Processor and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def run(number: int, *, rounds: int = 3, folder: Path) -> list[tuple[str, float, float]]:
    """Build an export in ``folder`` if there is none, and time floor and verification: name, processor, wall seconds.

    The best of so many rounds, taken in turn, so that both meet the same neighbours on the machine.
    """
    if not (folder / CHECKPOINT).exists():
        build(folder, number)
    policy = trusting(SIGNER.verifier_key)
    best: dict[str, tuple[float, float]] = {}
    works: tuple[tuple[str, Callable[[], object]], ...] = (
        ("floor", lambda: floor(folder, number)),
        ("verify", lambda: verify_folder(folder, policy)),
    )
    for _ in range(rounds):
        for name, work in works:
            cpu, wall = timed(work)
            before = best.get(name, (cpu, wall))
            best[name] = (min(cpu, before[0]), min(wall, before[1]))
    return [(name, *best[name]) for name, _ in works]


def main() -> None:
    """Print seconds, seconds for a million entries, and the ratio to the floor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="Where to build the export, or where it is; default: a new one.")
    chosen = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as temporary:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        rows = run(chosen.entries, rounds=chosen.rounds, folder=chosen.folder or Path(temporary))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"{'':<10}{'CPU s':>10}{'wall s':>10}{'ratio':>8}   {chosen.entries} entries, one core")
    for name, cpu, wall in rows:
        print(f"{name:<10}{cpu:>10.2f}{wall:>10.2f}{cpu / rows[0][1]:>8.2f}")
    print(f"peak memory grew by {grown / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
