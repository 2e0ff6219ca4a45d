"""Proofs against a signed tree head, from tiles wherever they lie: each tile read and each inner hash computed once."""

from pathlib import Path

from governance.errors import BrokenProof
from governance.ledger.checkpoint import Checkpoint
from governance.ledger.merkle import consistency_path, inclusion_path, leaf_hash, root_from_inclusion
from governance.ledger.merkle import verify_consistency as verify_roots
from governance.ledger.proof import InclusionProof
from governance.ledger.published import read_bundle, read_note, tile_reader
from governance.ledger.tiles import TILE_WIDTH, ReadTile, TileName, subtree_from_tiles
from governance.ledger.trust_policy import TrustPolicy, verify_cosigned


class SignedTree:
    """The tiles that ``read`` gives, as a signed ``checkpoint`` covers them. Trusted for nothing: the root decides.

    They lie in a published folder (`published.tile_reader`) or in the database (`stored_tiles.tile_reader`).
    """

    def __init__(self, checkpoint: Checkpoint, read: ReadTile) -> None:
        self.checkpoint = checkpoint
        self._subtree = subtree_from_tiles(checkpoint.size, read)

    def prove(self, index: int, entry: bytes) -> tuple[bytes, ...]:
        """The path (32-byte hashes, sibling first) from these bytes at ``index`` to the signed root.

        Raises:
            BrokenProof: the index is outside the tree, the tree does not hold these bytes there, or its tiles do not
                lead to its root.
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


def prove(folder: Path, index: int, policy: TrustPolicy) -> tuple[bytes, InclusionProof]:
    """The bytes of entry ``index`` of a published log, and the proof that its checkpoint contains it.

    Raises:
        BrokenProof: ``policy`` does not accept the checkpoint, the index is not published yet, or the files do not lead
            to the signed root.
    """
    note = read_note(folder)
    checkpoint = verify_cosigned(note, policy).checkpoint
    if not 0 <= index < checkpoint.size:
        msg = f"entry {index}: the published log has {checkpoint.size} entries"
        raise BrokenProof(msg)
    bundle, place = divmod(index, TILE_WIDTH)
    entry = read_bundle(folder, TileName(None, bundle, min(checkpoint.size - bundle * TILE_WIDTH, TILE_WIDTH)))[place]
    path = SignedTree(checkpoint, tile_reader(folder)).prove(index, entry)
    return entry, InclusionProof(index=index, path=path, note=note)
