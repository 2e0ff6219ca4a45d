"""Many inclusion proofs against one signed tree head, each tile read and each inner hash computed once."""

from functools import lru_cache
from pathlib import Path

from governance.errors import BrokenProof
from governance.ledger.checkpoint import Checkpoint
from governance.ledger.merkle import consistency_path, inclusion_path, leaf_hash, root_from_inclusion
from governance.ledger.merkle import verify_consistency as verify_roots
from governance.ledger.published import tile_reader
from governance.ledger.tiles import subtree_from_tiles

TILES_KEPT = 512
HASHES_KEPT = 100_000


class SignedTree:
    """The published tiles of ``folder`` as one signed ``checkpoint`` covers them. Trusted for nothing: roots decide."""

    def __init__(self, folder: Path, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        read = lru_cache(TILES_KEPT)(tile_reader(folder))
        self._subtree = lru_cache(HASHES_KEPT)(subtree_from_tiles(checkpoint.size, read))

    def prove(self, index: int, entry: bytes) -> tuple[bytes, ...]:
        """The path (32-byte hashes, sibling first) from these bytes at ``index`` to the signed root.

        Raises:
            BrokenProof: the signed tree does not hold these bytes there, or its tiles do not lead to its root.
        """
        size = self.checkpoint.size
        path = inclusion_path(index, size, self._subtree)
        if root_from_inclusion(index, size, leaf_hash(entry), path) != self.checkpoint.root:
            msg = f"entry {index}: its bytes do not lead to the signed root of {size} entries"
            raise BrokenProof(msg)
        return tuple(path)

    def prove_consistency(self, old: Checkpoint) -> list[bytes]:
        """The hashes which show that this tree begins with the one of ``old``.

        Raises:
            BrokenProof: it does not.
        """
        path = consistency_path(old.size, self.checkpoint.size, self._subtree) if old.size else []
        verify_roots(old.size, self.checkpoint.size, old.root, self.checkpoint.root, path)
        return path
