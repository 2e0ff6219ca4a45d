"""A log that grows in memory, and can be published into a folder."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from governance.ledger.checkpoint import Checkpoint, sign_checkpoint
from governance.ledger.merkle import consistency_path, leaf_hash, root_of, subtree_of
from governance.ledger.note import LedgerSigner
from governance.ledger.tiles import GrowingTiles, Tile, TileName, encode_bundle, encode_tile
from governance.ledger.witness_protocol import AddCheckpoint, encode_request

LOG = LedgerSigner("probity.example/ledger", bytes(range(32)))
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


@dataclass
class GrowingLog:
    """A log in memory. ``history`` tells histories apart that share the first ``common`` entries."""

    signer: LedgerSigner = LOG
    history: bytes = b""
    common: int = 0
    leaves: list[bytes] = field(default_factory=list)

    def entry(self, index: int) -> bytes:
        return b'{"entry":%d,"of":"%s"}' % (index, self.history if index >= self.common else b"")

    def at(self, size: int) -> Checkpoint:
        self.leaves += [leaf_hash(self.entry(index)) for index in range(len(self.leaves), size)]
        return Checkpoint(self.signer.name, size, root_of(self.leaves[:size]))

    def note(self, size: int) -> bytes:
        return sign_checkpoint(self.at(size), self.signer)

    def prove(self, old: int, size: int) -> list[bytes]:
        self.at(size)
        return consistency_path(old, size, subtree_of(self.leaves))

    def request(self, old: int, size: int) -> bytes:
        proof = tuple(self.prove(old, size)) if 0 < old <= size else ()
        return encode_request(AddCheckpoint(old, proof, self.note(size)))

    def publish(self, folder: Path, size: int) -> None:
        """Write it as C2SP tlog-tiles."""
        tree, tiles = GrowingTiles(), list[Tile]()
        self.at(size)
        for leaf in self.leaves[:size]:
            tiles += tree.append(leaf)
        files = {tile.name.path: encode_tile(tile.hashes) for tile in tiles + tree.partials()}
        for begin in range(0, size, 256):
            entries = [self.entry(index) for index in range(begin, min(begin + 256, size))]
            files[TileName(None, begin // 256, len(entries)).path] = encode_bundle(entries)
        for path, data in {**files, "checkpoint": self.note(size)}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
