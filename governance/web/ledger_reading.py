"""The ledger as the web shows it: entries with the proof that the signed checkpoint contains them."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from governance.errors import BrokenProof, NotFound
from governance.ledger.checkpoint import Checkpoint, verify_checkpoint
from governance.ledger.entry import Entry
from governance.ledger.note import VerifierKey, decode_vkey
from governance.ledger.proof import verify_proof
from governance.ledger.published import CHECKPOINT, VKEY, prove, read_file, read_note
from governance.ledger.store import get_entry
from governance.ledger.trust_policy import trusting

LONGEST_VKEY = 1024


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


def get_published(folder: Path) -> PublishedCheckpoint:
    """The newest checkpoint in the folder, its signature verified under the folder's own key.

    Raises:
        NotFound: nothing was published yet.
        BrokenProof: malformed, or not signed by the key.
    """
    if not (folder / CHECKPOINT).exists():
        msg = "no checkpoint was published yet: `probity ledger publish`"
        raise NotFound(msg)
    note = read_note(folder)
    return PublishedCheckpoint(checkpoint=verify_checkpoint(note, _key(folder)), note=note.decode(), vkey=_vkey(folder))


def find_published(folder: Path) -> PublishedCheckpoint | None:
    """The newest checkpoint, or None where nothing was published yet."""
    try:
        return get_published(folder)
    except NotFound:
        return None


def read_entry(session: Session, folder: Path, seq: int) -> EntryReading:
    """The entry at ``seq`` as the database has it, proved against the published log.

    Raises:
        NotFound: the log is shorter.
        BrokenProof: the published log holds other bytes there, or its files do not lead to the signed root.
    """
    entry = get_entry(session, seq)
    published = find_published(folder)
    if published is None or seq >= published.checkpoint.size:
        return EntryReading(entry=entry, proof=None)
    bytes_published, proof = prove(folder, seq, _key(folder))
    if bytes_published != entry.encoded:
        msg = f"entry {seq}: the database holds other bytes than those that were published and signed"
        raise BrokenProof(msg)
    verify_proof(proof, entry.encoded, trusting(_key(folder)))
    return EntryReading(entry=entry, proof=Proof(path=proof.path, published=published))


def _key(folder: Path) -> VerifierKey:
    return decode_vkey(_vkey(folder))


def _vkey(folder: Path) -> str:
    return read_file(folder, VKEY, LONGEST_VKEY).decode("utf-8", "replace").strip()
