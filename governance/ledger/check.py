"""The database's own history, checked from its rows: what the operator runs before trusting a restored store."""

from collections.abc import Callable, Sequence

from sqlalchemy import Engine

from governance.database import transaction
from governance.errors import BrokenProof, NotFound
from governance.ledger.checkpoint import Checkpoint, verify_checkpoint
from governance.ledger.entry import decode_entry
from governance.ledger.merkle import Frontier, inclusion_path, subtree_of
from governance.ledger.note import VerifierKey
from governance.ledger.proof import InclusionProof
from governance.ledger.store import (
    LedgerEntry,
    SignedCheckpoint,
    last_checkpoint,
    list_checkpoints,
    list_rows,
    size,
    verified_leaf,
)

ROWS_PER_READ = 2048
"""On SQLite a reader holds the write lock, so no read is long."""


def check_database(engine: Engine, key: VerifierKey, *, progress: Callable[[int, int], None] | None = None) -> int:
    """Rebuild the tree from every entry and compare all that was stored or signed; how many entries there are.

    Raises:
        BrokenProof: names the entry or checkpoint that does not hold.
        UnreadableEntry: an entry is in no encoding we know.
    """
    with transaction(engine) as session:
        count, signed = size(session), list_checkpoints(session)
    roots = {row.size: _verified(row, key).root for row in signed}
    tree = Frontier()
    _require_root(tree, roots)
    for begin in range(0, count, ROWS_PER_READ):
        for row in _rows(engine, begin, min(begin + ROWS_PER_READ, count)):
            _require_place(row, tree.size)
            tree.append(verified_leaf(row))
            _require_columns(row)
            _require_root(tree, roots)
        if progress is not None:
            progress(tree.size, count)
    if signed and signed[-1].size > count:
        msg = f"{signed[-1].size} entries were signed, but the database has {count}"
        raise BrokenProof(msg)
    return count


def prove_from_database(engine: Engine, index: int) -> tuple[bytes, InclusionProof]:
    """The bytes of entry ``index`` and its proof against the last signed checkpoint, in O(size).

    Raises:
        NotFound: no signed checkpoint contains the entry yet.
    """
    with transaction(engine) as session:
        signed = last_checkpoint(session)
    if signed is None or not 0 <= index < signed.size:
        msg = f"entry {index}: no signed checkpoint contains it yet"
        raise NotFound(msg)
    leaves: list[bytes] = []
    entry = b""
    for begin in range(0, signed.size, ROWS_PER_READ):
        for row in _rows(engine, begin, min(begin + ROWS_PER_READ, signed.size)):
            leaves.append(row.leaf_hash)
            entry = row.body if row.seq == index else entry
    path = inclusion_path(index, signed.size, subtree_of(leaves))
    return entry, InclusionProof(index=index, path=tuple(path), note=signed.note)


def _rows(engine: Engine, begin: int, end: int) -> Sequence[LedgerEntry]:
    with transaction(engine) as session:
        return list_rows(session, begin, end)


def _verified(row: SignedCheckpoint, key: VerifierKey) -> Checkpoint:
    checkpoint = verify_checkpoint(row.note, key)
    if (checkpoint.size, checkpoint.root) != (row.size, row.root):
        msg = f"checkpoint {row.size}: its note says size {checkpoint.size} and root {checkpoint.root.hex()}"
        raise BrokenProof(msg)
    return checkpoint


def _require_place(row: LedgerEntry, expected_seq: int) -> None:
    if row.seq != expected_seq:
        msg = f"entry {expected_seq}: missing, the next one is {row.seq}"
        raise BrokenProof(msg)


def _require_columns(row: LedgerEntry) -> None:
    entry = decode_entry(row.seq, row.body)
    if (entry.id, entry.kind, entry.at, entry.actor) != (row.id, row.kind, row.at, row.actor):
        msg = f"entry {row.seq}: its columns do not say what its bytes say"
        raise BrokenProof(msg)


def _require_root(tree: Frontier, roots: dict[int, bytes]) -> None:
    if tree.size in roots and tree.root() != roots[tree.size]:
        msg = f"checkpoint {tree.size}: the entries do not give the root that was signed"
        raise BrokenProof(msg)
