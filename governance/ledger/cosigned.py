"""The cosignatures that witnesses gave, kept beside the checkpoints that they are under.

A checkpoint's own note never changes; what a reader gets is that note with the lines kept for its size.
"""

from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.ledger.cosignature import cosigned_at
from governance.ledger.note import (
    SignatureLine,
    add_signatures,
    decode_note,
    decode_signature_lines,
    encode_signature_lines,
    verified_lines,
)
from governance.ledger.store import SignedCheckpoint, list_checkpoints
from governance.ledger.tables import LedgerCosignature
from governance.ledger.trust_policy import TrustPolicy


def with_cosignatures(session: Session, size: int, note: bytes) -> bytes:
    """The note of the checkpoint of ``size`` with every cosignature that was kept for it."""
    query = select(LedgerCosignature.line).where(LedgerCosignature.size == size).order_by(LedgerCosignature.witness)
    lines = [line for text in session.scalars(query) for line in decode_signature_lines(text.decode())]
    return add_signatures(note, lines) if lines else note


def list_cosigned(session: Session) -> list[SignedCheckpoint]:
    """Every checkpoint ever signed, smallest first, each note with the cosignatures that were kept for it."""
    query = select(LedgerCosignature).order_by(LedgerCosignature.size, LedgerCosignature.witness)
    kept: dict[int, list[SignatureLine]] = {}
    for row in session.scalars(query):
        kept.setdefault(row.size, []).extend(decode_signature_lines(row.line.decode()))
    return [
        replace(signed, note=add_signatures(signed.note, kept[signed.size])) if signed.size in kept else signed
        for signed in list_checkpoints(session)
    ]


def keep_cosignatures(session: Session, size: int, note: bytes, policy: TrustPolicy) -> None:
    """Keep the cosignatures under a note that are of witnesses of ``policy``; the first of each witness stays.

    Raises:
        BrokenProof: one of them does not hold.
    """
    kept = set(session.scalars(select(LedgerCosignature.witness).where(LedgerCosignature.size == size)))
    for key, line in verified_lines(decode_note(note), [each.key for each in policy.witnesses]):
        witness = f"{key.name}+{key.key_id.hex()}"
        if witness not in kept:
            kept.add(witness)
            encoded, at = encode_signature_lines([line]).encode(), cosigned_at(line)
            session.add(LedgerCosignature(size=size, witness=witness, line=encoded, cosigned_at=at))
    session.flush()
