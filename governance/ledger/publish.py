"""From the database to a folder that anybody can verify: bundles, tiles, signature, cosignatures, checkpoint.

In this order, each durable before the next. The publisher signs nothing that does not contain what it signed before. It
holds four things against each other: the entries in the database, the checkpoints the database remembers, the
checkpoint in the folder, and what witnesses remember. A restored backup shows as a database that lacks what was
published, and is refused: signing on from there would be a fork.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from governance.clock import Clock
from governance.database import reading, transaction
from governance.errors import BrokenProof, Conflict, QuorumMissed, Rollback
from governance.ledger import stored_tiles
from governance.ledger.checkpoint import Checkpoint, sign_checkpoint
from governance.ledger.cosigned import keep_cosignatures, with_cosignatures
from governance.ledger.durable_files import create, locked, replace
from governance.ledger.merkle import consistency_path
from governance.ledger.note import LedgerSigner, VerifierKey, decode_note, encode_vkey, verified_lines
from governance.ledger.published import CHECKPOINT, VKEY, read_note, tile_reader
from governance.ledger.sequencer import sequence, wait_for_turn
from governance.ledger.store import (
    SignedCheckpoint,
    add_checkpoint,
    last_checkpoint,
    list_rows,
    size,
    verified_leaf,
)
from governance.ledger.tables import LedgerCheckpoint
from governance.ledger.tiles import (
    TILE_WIDTH,
    GrowingTiles,
    Tile,
    TileName,
    encode_bundle,
    encode_tile,
    resume,
    subtree_from_tiles,
)
from governance.ledger.trust_policy import TrustPolicy, trusting, verify_cosigned
from governance.ledger.witness_client import CollectCosignatures, last_sizes

ROWS_PER_READ = 8 * TILE_WIDTH
"""A multiple of a bundle."""

Progress = Callable[[int, int], None]
"""Called with how many entries are done and how many there are."""


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Who is asked to cosign, and how many of them a checkpoint needs before it is published."""

    policy: TrustPolicy
    collect: CollectCosignatures


def publish(
    engine: Engine,
    folder: Path,
    signer: LedgerSigner,
    *,
    clock: Clock,
    retired: Sequence[LedgerSigner] = (),
    known: Sequence[VerifierKey] = (),
    witnesses: Witnesses | None = None,
    permit: Callable[[Session], None] = lambda _: None,
    progress: Progress | None = None,
) -> Checkpoint:
    """Bring ``folder`` to the present size of the log and sign it.

    With nothing new nothing is written, but the tiles at the edge, in the folder and in the database, must still give
    the published root.

    Args:
        engine: the control plane's database.
        folder: where the log is published.
        signer: signs the checkpoint; its name is the log's origin.
        clock: the present moment.
        retired: earlier keys that still sign beside ``signer``, so that whoever knows only those can follow.
        known: every key under which this log was ever published.
        witnesses: without them a checkpoint needs no cosignature.
        permit: raises where ``signer`` may not sign any more; called in the transaction that stores the signature.
        progress: called as entries are done.

    Guarantees:
      - every file is durable before the checkpoint that needs it; the checkpoint comes last
      - the new tree begins with the last signed one and with the published one
      - a checkpoint without its quorum of witnesses is not published; the cosignatures that it got are kept
      - after a crash at any point, running it again completes the work

    Raises:
        Rollback: the database has fewer entries than were signed, published or witnessed, or others.
        BrokenProof: a published file or a stored leaf hash is not what the entries give, or the folder has another key.
        QuorumMissed: too few witnesses cosigned; the checkpoint published before stays.
        Conflict: another publisher signed in between.
    """
    with locked(folder):
        sequence(engine)
        policy = trusting(signer.verifier_key, *(key for key in known if key != signer.verifier_key))
        _require_vkey(folder, policy)
        published = verify_cosigned(read_note(folder), policy).checkpoint if (folder / CHECKPOINT).exists() else None
        _renew_vkey(folder, signer)
        count, signed = _standing(engine, folder, published, clock)
        tree = _resume(folder, published)
        if published is not None and count == published.size and _is_witnessed(folder, witnesses):
            _require_stored_root(engine, published)
            return published
        for done in _write_tiles(engine, folder, tree, signed, count):
            if progress is not None:
                progress(done, count)
        checkpoint = Checkpoint(signer.name, count, tree.root())
        note = _sign(engine, checkpoint, (signer, *retired), permit, clock)
        replace(folder, CHECKPOINT, _cosigned(engine, folder, checkpoint, note, witnesses))
        _renew_vkey(folder, signer)
        return checkpoint


def _require_vkey(folder: Path, policy: TrustPolicy) -> None:
    """Beside the log lies the key that it was published under; a folder of another log is left alone."""
    keys = [_vkey(log.key) for log in policy.logs]
    if not (folder / VKEY).exists() or (folder / VKEY).read_bytes() not in keys:
        create(folder, VKEY, keys[0])


def _renew_vkey(folder: Path, signer: LedgerSigner) -> None:
    """The newest key lies beside the log as soon as it signed the checkpoint; before, the one that did."""
    expected = _vkey(signer.verifier_key)
    if (folder / CHECKPOINT).exists() and (folder / VKEY).read_bytes() != expected:
        signed_by = verified_lines(decode_note(read_note(folder)), [signer.verifier_key])
        if signed_by:
            replace(folder, VKEY, expected)


def _vkey(key: VerifierKey) -> bytes:
    return f"{encode_vkey(key)}\n".encode()


def _is_witnessed(folder: Path, witnesses: Witnesses | None) -> bool:
    return witnesses is None or witnesses.policy.is_met_by(last_sizes(read_note(folder), witnesses.policy))


def _cosigned(engine: Engine, folder: Path, checkpoint: Checkpoint, note: bytes, witnesses: Witnesses | None) -> bytes:
    """The note with the cosignatures that were kept for it and those that witnesses give now, which are kept first."""
    if witnesses is None:
        return note
    with reading(engine) as session:
        note = with_cosignatures(session, checkpoint.size, note, [each.key for each in witnesses.policy.witnesses])
    last_sizes(note, witnesses.policy)  # raises where what was kept does not hold
    subtree = subtree_from_tiles(checkpoint.size, tile_reader(folder))
    answers = witnesses.collect(note, checkpoint, lambda old: consistency_path(old, checkpoint.size, subtree))
    with transaction(engine) as session:
        keep_cosignatures(session, checkpoint.size, answers.note, witnesses.policy)
    if not answers.quorum_met:
        missing = "; ".join(f"{each.name}: {each.error}" for each in answers.answers if each.error is not None)
        msg = f"size {checkpoint.size} is not published: the quorum {witnesses.policy.quorum} was not met ({missing})"
        raise QuorumMissed(msg)
    return answers.note


def _standing(
    engine: Engine, folder: Path, published: Checkpoint | None, clock: Clock
) -> tuple[int, SignedCheckpoint | None]:
    """How many entries there are, and what was signed last, be it only in what is published.

    Raises:
        Rollback: what was signed or published is more, or other entries.
    """
    with reading(engine) as session:
        count, signed = size(session), last_checkpoint(session)
        is_known = published is None or _is_known(session, published)
    _refuse_behind(count, signed, published)
    if published is not None and not is_known:
        signed = _adopt(engine, published, read_note(folder), signed, clock)
    return count, signed


def _is_known(session: Session, published: Checkpoint) -> bool:
    row = session.get(LedgerCheckpoint, published.size)
    if row is not None and row.root != published.root:
        msg = f"size {published.size}: the database signed another root than the published one"
        raise Rollback(msg)
    return row is not None


def _refuse_behind(count: int, signed: SignedCheckpoint | None, published: Checkpoint | None) -> None:
    for before, what in ((signed, "signed"), (published, "published")):
        if before is not None and count < before.size:
            msg = f"the database has {count} entries, but {before.size} were {what}: was a backup restored?"
            raise Rollback(msg)


def _adopt(
    engine: Engine, published: Checkpoint, note: bytes, signed: SignedCheckpoint | None, clock: Clock
) -> SignedCheckpoint:
    """Take up a published checkpoint that the database does not remember, if it has exactly the published entries.

    This is the way back after a backup that has all entries but was made before the last signature.
    """
    tree = GrowingTiles()
    for begin in range(0, published.size, ROWS_PER_READ):
        tree.extend([leaf for leaf, _ in read_entries(engine, begin, min(begin + ROWS_PER_READ, published.size))])
    if tree.root() != published.root:
        msg = f"the first {published.size} entries of the database are not the published ones: was a backup restored?"
        raise Rollback(msg)
    if signed is not None and signed.size > published.size:
        return signed
    adopted = SignedCheckpoint(published.size, published.root, note, clock())
    with transaction(engine) as session:
        add_checkpoint(session, adopted)
    return adopted


def _write_tiles(
    engine: Engine, folder: Path, tree: GrowingTiles, signed: SignedCheckpoint | None, count: int
) -> Iterator[int]:
    """Grow ``tree`` to ``count`` entries and write what that completes; gives the size reached after each read."""
    _require_root(tree, signed)
    for begin in range(tree.size // TILE_WIDTH * TILE_WIDTH, count, ROWS_PER_READ):
        rows = read_entries(engine, begin, min(begin + ROWS_PER_READ, count))
        _require_same_edge(tree, begin, rows)
        for first in range(0, len(rows), TILE_WIDTH):
            bundle = rows[first : first + TILE_WIDTH]
            name = TileName(None, (begin + first) // TILE_WIDTH, len(bundle))
            create(folder, name.path, encode_bundle([body for _, body in bundle]))
            for leaf, _ in bundle[max(tree.size - begin - first, 0) :]:
                for tile in tree.append(leaf):
                    _create_tile(folder, tile)
                _require_root(tree, signed)
        yield tree.size
    for tile in tree.partials():
        _create_tile(folder, tile)


def _create_tile(folder: Path, tile: Tile) -> None:
    create(folder, tile.name.path, encode_tile(tile.hashes))


def _resume(folder: Path, published: Checkpoint | None) -> GrowingTiles:
    if published is None:
        return GrowingTiles()
    tree = resume(published.size, tile_reader(folder))
    if tree.root() != published.root:
        msg = f"the published tiles of size {published.size} do not give the published root: see `fsck`"
        raise BrokenProof(msg)
    return tree


def _require_stored_root(engine: Engine, published: Checkpoint) -> None:
    with reading(engine) as session:
        root = subtree_from_tiles(published.size, stored_tiles.tile_reader(session))(0, published.size)
    if root != published.root:
        msg = f"the tiles of size {published.size} in the database do not give the published root: see `fsck`"
        raise BrokenProof(msg)


def _require_root(tree: GrowingTiles, signed: SignedCheckpoint | None) -> None:
    # The tree passes through each size on its way, so a signed one is a prefix of the next exactly when its root is
    # met.
    if signed is not None and tree.size == signed.size and tree.root() != signed.root:
        msg = f"the first {signed.size} entries of the database do not give the root that was signed for them"
        raise Rollback(msg)


def _require_same_edge(tree: GrowingTiles, begin: int, rows: list[tuple[bytes, bytes]]) -> None:
    """The unfinished bundle is written anew from the database: its old part must be what the tree already holds."""
    partial = tree.partials()
    held = list(partial[0].hashes) if tree.size > begin and partial and partial[0].name.level == 0 else []
    if held != [leaf for leaf, _ in rows[: len(held)]]:
        msg = f"entries {begin} to {begin + len(held) - 1} of the database are not the published ones"
        raise Rollback(msg)


def read_entries(engine: Engine, begin: int, end: int) -> list[tuple[bytes, bytes]]:
    """Leaf hash and bytes of the entries ``begin <= seq < end``, the hash computed anew.

    Raises:
        BrokenProof: one is missing, or its bytes do not give the hash stored beside them.
    """
    with reading(engine) as session:
        rows = list_rows(session, begin, end)
    if [row.seq for row in rows] != list(range(begin, end)):
        msg = f"entries {begin} to {end - 1}: expected all of them in the database, found {len(rows)}"
        raise BrokenProof(msg)
    return [(verified_leaf(row), row.body) for row in rows]


def _sign(
    engine: Engine,
    checkpoint: Checkpoint,
    signers: Sequence[LedgerSigner],
    permit: Callable[[Session], None],
    clock: Clock,
) -> bytes:
    """The signed note, remembered in the database before anybody can see it."""
    note = sign_checkpoint(checkpoint, *signers)
    with transaction(engine) as session:
        wait_for_turn(session)
        permit(session)
        last = last_checkpoint(session)
        if last is not None and last.size == checkpoint.size and last.root == checkpoint.root:
            # Signed before a crash that came ahead of the file. The signature is deterministic, so is the note.
            return last.note
        if last is not None and last.size >= checkpoint.size:
            msg = f"size {last.size} was signed by another publisher in the meantime"
            raise Conflict(msg)
        add_checkpoint(session, SignedCheckpoint(checkpoint.size, checkpoint.root, note, clock()))
    return note
