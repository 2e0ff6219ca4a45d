"""The cosignatures that witnesses gave, kept beside the checkpoints that they are under.

A checkpoint's own note never changes; what a reader gets is that note with the lines kept for its size. Trusted for
nothing: whoever can write ``ledger_cosignature`` can put anything there, so each row is checked whenever it is read,
and counts only where a key that the reader names verifies it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from governance.errors import BrokenProof
from governance.ledger.cosignature import WitnessKey, cosigned_at
from governance.ledger.cosignature_mldsa import MldsaWitnessKey
from governance.ledger.note import (
    SignatureLine,
    UnverifiedNote,
    add_signatures,
    decode_note,
    decode_signature_lines,
    encode_signature_lines,
    verified_lines,
)
from governance.ledger.published import printable
from governance.ledger.store import SignedCheckpoint, list_checkpoints
from governance.ledger.tables import LedgerCosignature
from governance.ledger.trust_policy import TrustPolicy

SomeWitnessKey = WitnessKey | MldsaWitnessKey


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCosignature:
    """A row that says the same in all its columns: who (``name+key id``) cosigned which size at which POSIX second.

    ``verified`` where a key that the reader named holds it; of another's nothing is known but its form.
    """

    size: int
    witness: str
    line: SignatureLine
    time_s: int
    verified: bool


def with_cosignatures(session: Session, size: int, note: bytes, keys: Sequence[SomeWitnessKey] = ()) -> bytes:
    """The note of the checkpoint of ``size`` with every cosignature that was kept for it.

    Raises:
        BrokenProof: names the row that is no cosignature, or not one of the witness in ``keys`` that it says it is of.
    """
    kept = list_kept(session, size, note, keys)
    return add_signatures(note, [each.line for each in kept]) if kept else note


def list_cosigned(session: Session, keys: Sequence[SomeWitnessKey] = ()) -> list[SignedCheckpoint]:
    """Every checkpoint ever signed, smallest first, each note with the cosignatures that were kept for it.

    Raises:
        BrokenProof: as `with_cosignatures`.
    """
    sizes = set(session.scalars(select(LedgerCosignature.size).distinct()))
    return [
        replace(signed, note=with_cosignatures(session, signed.size, signed.note, keys))
        if signed.size in sizes
        else signed
        for signed in list_checkpoints(session)
    ]


def list_kept(session: Session, size: int, note: bytes, keys: Sequence[SomeWitnessKey]) -> list[KeptCosignature]:
    """The cosignatures kept for the checkpoint of ``size``, whose signed note is ``note``, by witness.

    Raises:
        BrokenProof: as `with_cosignatures`.
    """
    text = decode_note(note).text
    return [_checked(row, text, keys) for row in _rows(session, size)]


def keep_cosignatures(session: Session, size: int, note: bytes, policy: TrustPolicy) -> None:
    """Keep the cosignatures under a note that are of witnesses of ``policy``; the first of each witness stays.

    Raises:
        BrokenProof: one of them does not hold.
    """
    kept = set(session.scalars(select(LedgerCosignature.witness).where(LedgerCosignature.size == size)))
    for _, line in verified_lines(decode_note(note), [each.key for each in policy.witnesses]):
        witness = _witness(line)
        if witness not in kept:
            kept.add(witness)
            encoded, at = encode_signature_lines([line]).encode(), cosigned_at(line)
            session.add(LedgerCosignature(size=size, witness=witness, line=encoded, cosigned_at=at))
    session.flush()


def _rows(session: Session, size: int) -> Iterator[LedgerCosignature]:
    query = select(LedgerCosignature).where(LedgerCosignature.size == size).order_by(LedgerCosignature.witness)
    try:
        yield from session.scalars(query)
    except (StatementError, TypeError, ValueError) as cause:
        msg = f"ledger_cosignature, size {size}: a row does not hold what its columns are for"
        raise BrokenProof(msg) from cause


def _checked(row: LedgerCosignature, text: str, keys: Sequence[SomeWitnessKey]) -> KeptCosignature:
    place = f"ledger_cosignature, size {row.size}, witness {printable(row.witness)}"
    try:
        (line,) = decode_signature_lines(row.line.decode())
        at = cosigned_at(line)
    except (AttributeError, ValueError, BrokenProof) as cause:
        # SQLite keeps text in a column of bytes if it is told to.
        msg = f"{place}: expected one cosignature line, found something else"
        raise BrokenProof(msg) from cause
    if (_witness(line), at) != (row.witness, row.cosigned_at):
        msg = f"{place}: its line is of another witness or moment than the row says"
        raise BrokenProof(msg)
    try:
        verified = bool(verified_lines(UnverifiedNote(text, (line,)), keys))
    except BrokenProof as cause:
        msg = f"{place}: {cause}"
        raise BrokenProof(msg) from cause
    return KeptCosignature(size=row.size, witness=row.witness, line=line, time_s=int(at.timestamp()), verified=verified)


def _witness(line: SignatureLine) -> str:
    return f"{line.name}+{line.key_id.hex()}"
