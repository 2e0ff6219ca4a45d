"""The ledger as the web shows it: entries with the proof that the signed checkpoint contains them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from sqlalchemy.orm import Session

from governance.errors import BrokenProof, NotFound
from governance.ledger import stored_tiles
from governance.ledger.checkpoint import Checkpoint
from governance.ledger.entry import Entry
from governance.ledger.note import decode_note, encode_vkey, verified_lines
from governance.ledger.proving import SignedTree
from governance.ledger.published import CHECKPOINT, read_note, read_vkey, tile_reader
from governance.ledger.store import get_entry
from governance.ledger.tables import LedgerCheckpoint
from governance.ledger.trust_policy import TrustPolicy, trusting, verify_cosigned

State = Literal["proved", "waiting", "broken"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedCheckpoint:
    """The newest signed tree head: what it says, the ``note`` as signed, and the log's public key ``vkey``."""

    checkpoint: Checkpoint
    note: str
    vkey: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A verified inclusion proof: hashes (32 bytes each) from the leaf's sibling up to the signed root."""

    path: tuple[bytes, ...]
    published: PublishedCheckpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryReading:
    """An entry, and its proof unless it was written after the newest checkpoint."""

    entry: Entry
    proof: Proof | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far the log is signed, and what that proves about some of its entries.

    Attributes:
        published: the newest checkpoint, or None before the first.
        signed_at: when it was signed, as the database remembers; the note itself says no time.
        witnesses: how many witnesses of the trust policy have cosigned it.
        states: by entry: proved, waiting for the next checkpoint, or broken.
        broken: what does not hold, one sentence each; empty when all is well.
    """

    published: PublishedCheckpoint | None
    signed_at: datetime | None
    witnesses: int
    states: Mapping[int, State]
    broken: tuple[str, ...]


def get_published(folder: Path) -> PublishedCheckpoint:
    """The newest checkpoint in the folder, its signature verified under the folder's own key.

    Raises:
        NotFound: nothing was published yet.
        BrokenProof: malformed, or not signed by the key.
    """
    if not (folder / CHECKPOINT).exists():
        msg = "no checkpoint was published yet: `probity ledger publish`"
        raise NotFound(msg)
    note, key = read_note(folder), read_vkey(folder)
    checkpoint = verify_cosigned(note, trusting(key)).checkpoint
    return PublishedCheckpoint(checkpoint=checkpoint, note=note.decode(), vkey=encode_vkey(key))


def find_published(folder: Path) -> PublishedCheckpoint | None:
    """The newest checkpoint, or None where nothing was published yet."""
    try:
        return get_published(folder)
    except NotFound:
        return None


def read_entry(session: Session, folder: Path, seq: int) -> EntryReading:
    """The entry at ``seq`` as the database has it, proved by the database's tiles against the published checkpoint.

    Executes one statement.

    Raises:
        NotFound: the log is shorter.
        BrokenProof: what the database holds does not lead to the signed root.
    """
    published = find_published(folder)
    if published is None or seq >= published.checkpoint.size:
        return EntryReading(entry=get_entry(session, seq), proof=None)
    entry, path = stored_tiles.prove(session, seq, published.checkpoint)
    return EntryReading(entry=entry, proof=Proof(path=path, published=published))


def read_standing(
    session: Session, folder: Path, entries: Sequence[Entry], trust: TrustPolicy | None = None
) -> Standing:
    """What the published log proves about ``entries`` as the database has them. What is broken is told, not raised.

    Witnesses count where ``trust`` names them and their cosignatures hold.
    """
    try:
        published = find_published(folder)
        witnesses = 0 if published is None else _witnesses(published, trust)
    except BrokenProof as finding:
        states: dict[int, State] = {each.seq: "broken" for each in entries}
        return Standing(published=None, signed_at=None, witnesses=0, states=states, broken=(f"{finding}",))
    if published is None:
        waiting: dict[int, State] = {each.seq: "waiting" for each in entries}
        return Standing(published=None, signed_at=None, witnesses=0, states=waiting, broken=())
    states, broken = _prove_all(folder, published.checkpoint, entries)
    return Standing(
        published=published,
        signed_at=_signed_at(session, published.checkpoint),
        witnesses=witnesses,
        states=states,
        broken=broken,
    )


def _prove_all(
    folder: Path, checkpoint: Checkpoint, entries: Sequence[Entry]
) -> tuple[dict[int, State], tuple[str, ...]]:
    tree = SignedTree(checkpoint, tile_reader(folder))
    states: dict[int, State] = {}
    broken: list[str] = []
    for entry in entries:
        states[entry.seq] = _state(tree, entry, broken)
    return states, tuple(broken)


def _state(tree: SignedTree, entry: Entry, broken: list[str]) -> State:
    if entry.seq >= tree.checkpoint.size:
        return "waiting"
    try:
        tree.prove(entry.seq, entry.encoded)
    except BrokenProof as finding:
        broken.append(f"{finding}")
        return "broken"
    return "proved"


def _signed_at(session: Session, checkpoint: Checkpoint) -> datetime | None:
    row = session.get(LedgerCheckpoint, checkpoint.size)
    return None if row is None or row.root != checkpoint.root else row.signed_at


def _witnesses(published: PublishedCheckpoint, trust: TrustPolicy | None) -> int:
    """How many witnesses of the policy cosigned what is published; a row in the database says nothing.

    Raises:
        BrokenProof: a line says that it is of one of them, and is not.
    """
    keys = [each.key for each in trust.witnesses] if trust is not None else []
    return len({key for key, _ in verified_lines(decode_note(published.note.encode()), keys)})
