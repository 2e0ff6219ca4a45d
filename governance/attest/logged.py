"""What a published log says about attestations: read from files alone, and believed only as far as a signed root goes.

To know that an attestation was superseded, or was not, every entry is needed; so all of them are hashed and lead to the
root that the reader's trust accepts. A proof of one entry shows that it was logged, and nothing about what came later.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from governance.attest.events import AttestationMade, AttestationWithdrawn
from governance.errors import BrokenProof
from governance.ledger.entry import Entry, decode_entry
from governance.ledger.merkle import leaf_hash
from governance.ledger.proof import decode_proof, verify_proof
from governance.ledger.published import CHECKPOINT, read_bundle, read_note
from governance.ledger.tiles import TILE_WIDTH, GrowingTiles, TileName
from governance.ledger.trust_policy import CosignedCheckpoint, TrustPolicy, Witnessed, verify_cosigned

KINDS = (AttestationMade.kind, AttestationWithdrawn.kind)
MARK = b'"kind":"attestation.'
"""Stands in the bytes of every entry of these kinds: there is one spelling of an entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One entry about an attestation: at ``seq``, on the day ``on`` (aware UTC), what became of which."""

    seq: int
    kind: str
    on: datetime
    attestation: str
    predicate_type: str
    artefact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedAttestations:
    """Every entry about attestations in a log of ``size`` entries whose root was signed, in order.

    ``seen_at`` is when enough witnesses for the reader's quorum last said that this was the newest root they knew;
    None where none did.
    """

    origin: str
    size: int
    logged: tuple[Logged, ...]
    seen_at: datetime | None = None

    def find_made(self, attestation: str) -> Logged | None:
        """The latest time that it was made."""
        made = (each for each in reversed(self.logged) if each.kind == AttestationMade.kind)
        return next((each for each in made if each.attestation == attestation), None)

    def find_end(self, made: Logged) -> Logged | None:
        """The first later entry that supersedes or withdraws it."""
        return next((each for each in self.logged if each.seq > made.seq and _ends(each, made)), None)


def is_published(folder: Path) -> bool:
    """Whether a folder holds a published log at all."""
    return (folder / CHECKPOINT).exists()


def read_log(folder: Path, trust: TrustPolicy) -> LoggedAttestations:
    """The attestations in a published or exported log.

    Raises:
        BrokenProof: the checkpoint is not trusted, a bundle is missing or malformed, or the entries do not give the
            root.
        UnreadableEntry: an entry about an attestation is in no encoding we know.
    """
    cosigned = verify_cosigned(read_note(folder), trust)
    checkpoint = cosigned.checkpoint
    tree, logged = GrowingTiles(), []
    for entry in _entries(folder, checkpoint.size):
        if MARK in entry:
            logged.append((tree.size, entry))
        tree.append(leaf_hash(entry))
    if tree.root() != checkpoint.root:
        msg = f"the {checkpoint.size} entries in {folder} do not give the signed root {checkpoint.root.hex()}"
        raise BrokenProof(msg)
    # Nothing in an entry is looked at before the root vouches for it.
    return _attestations(cosigned, trust, [_logged(decode_entry(seq, entry)) for seq, entry in logged])


def read_proof(unverified: bytes, trust: TrustPolicy) -> LoggedAttestations:
    """The attestation in a ``.tlog-proof`` that carries its entry in ``extra``.

    Raises:
        BrokenProof: malformed, without an entry, not trusted, or the entry is not in the log at that place.
        UnreadableEntry: the entry is in no encoding we know.
    """
    proof = decode_proof(unverified)
    if proof.extra is None:
        msg = "proof: expected the entry in a line `extra`, as `probity attest prove` writes it, found none"
        raise BrokenProof(msg)
    cosigned = verify_proof(proof, proof.extra, trust)
    return _attestations(cosigned, trust, [_logged(decode_entry(proof.index, proof.extra))])


def _attestations(cosigned: CosignedCheckpoint, trust: TrustPolicy, logged: list[Logged | None]) -> LoggedAttestations:
    return LoggedAttestations(
        origin=cosigned.checkpoint.origin,
        size=cosigned.checkpoint.size,
        logged=tuple(each for each in logged if each is not None),
        seen_at=_seen_at(cosigned.witnesses, trust),
    )


def _seen_at(witnesses: tuple[Witnessed, ...], trust: TrustPolicy) -> datetime | None:
    """The latest moment since which a quorum cosigned: one witness that lies about the time is not believed alone.

    Where the policy asks for no quorum, the newest cosignature.
    """
    for moment in sorted({each.cosigned_at for each in witnesses}, reverse=True):
        if trust.is_met_by([each.name for each in witnesses if each.cosigned_at >= moment]):
            return moment
    return None


def _entries(folder: Path, size: int) -> Iterator[bytes]:
    # One by one: a size is a claim, and a list of all the bundles of a large one would not fit into memory.
    for begin in range(0, size, TILE_WIDTH):
        yield from read_bundle(folder, TileName(None, begin // TILE_WIDTH, min(size - begin, TILE_WIDTH)))


def _logged(entry: Entry) -> Logged | None:
    if entry.kind not in KINDS:
        return None
    fields = (entry.body.get(name) for name in ("attestation", "predicate_type", "artefact"))
    attestation, predicate_type, artefact = (str(field) for field in fields)
    return Logged(
        seq=entry.seq,
        kind=entry.kind,
        on=entry.at,
        attestation=attestation,
        predicate_type=predicate_type,
        artefact=artefact,
    )


def _ends(later: Logged, made: Logged) -> bool:
    if later.kind == AttestationWithdrawn.kind:
        return later.attestation == made.attestation
    same = (later.predicate_type, later.artefact) == (made.predicate_type, made.artefact)
    return same and later.attestation != made.attestation
