"""Commitments: what lets an entry be about a person without saying so, and what is erased to cut that link.

The log holds ``HMAC-SHA-256(salt, tag || RFC 8785(payload))``, with a fresh salt for each record. Salt and payload, the
*opening*, lie in an ordinary, erasable table, sealed to a box of the subject (`pseudonymisation.boxes`). While both
are there, the operator can show what the entry was about. A salted hash is personal data as long as its salt exists;
once it is gone, the log proves that something was recorded, not about whom.

Trusted for: nothing. Whoever can write ``ledger_opening`` can make an opening unreadable; none opens but to what was
committed.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from sqlalchemy import LargeBinary, Text, Uuid, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from governance.database import Base
from governance.errors import BrokenProof, InvalidInput, UnreadableEntry
from governance.ledger.canonical import Json, decode_base64, decode_json, encode_base64, encode_json
from pseudonymisation.boxes import BoxKey, seal

SALT_BYTES: Final = 32
TAG: Final = b"probity/ledger-commitment/v1\x00"
LARGEST_OPENING_BYTES: Final = 65_535


class LedgerOpening(Base):
    """What opens one commitment, sealed.

    ``about`` is the pseudonym by which its subject's openings are found and erased, ``record`` the id of what it was
    made for, by which retention finds them.
    """

    __tablename__ = "ledger_opening"

    commitment: Mapped[str] = mapped_column(Text, primary_key=True)
    about: Mapped[str] = mapped_column(Text, index=True)
    record: Mapped[UUID] = mapped_column(Uuid, index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a commitment: a salt of 32 bytes, and the payload. Never printed: the payload names somebody."""

    salt: bytes = field(repr=False)
    payload: Mapping[str, Json] = field(repr=False)


def commitment(salt: bytes, payload: Mapping[str, Json]) -> str:
    """The commitment to ``payload``, 64 hex characters.

    Args:
        salt: 32 fresh random bytes, never used for another record.
        payload: what is committed to.

    Raises:
        InvalidInput: the salt has another length, or the payload is not JSON.
    """
    if len(salt) != SALT_BYTES:
        msg = f"expected a salt of {SALT_BYTES} bytes, got {len(salt)}"
        raise InvalidInput(msg)
    return hmac.new(salt, TAG + encode_json(payload), sha256).hexdigest()


def verify_opening(committed: str, opening: Opening) -> None:
    """Raise `BrokenProof` unless salt and payload open the commitment."""
    if not hmac.compare_digest(commitment(opening.salt, opening.payload).encode(), committed.encode()):
        msg = "salt and payload do not open this commitment"
        raise BrokenProof(msg)


def encode_opening(opening: Opening) -> bytes:
    """``{"payload": …, "salt": base64}`` as RFC 8785 writes it."""
    return encode_json({"payload": opening.payload, "salt": encode_base64(opening.salt)})


def decode_opening(unverified: bytes) -> Opening:
    """The opening in exactly the bytes that `encode_opening` writes.

    Raises:
        UnreadableEntry: other bytes; nothing of them is repeated.
    """
    try:
        opening = _opening(unverified)
    except (ValueError, TypeError, KeyError, UnreadableEntry):
        # Without its cause: a decoder's message may quote what it was given.
        msg = f"expected an opening as it was written (payload and salt), got {len(unverified)} bytes that are none"
        raise UnreadableEntry(msg) from None
    return opening


def _opening(unverified: bytes) -> Opening:
    value: Any = decode_json(unverified)
    salt, payload = decode_base64(str(value["salt"])), value["payload"]
    if not isinstance(payload, dict) or len(salt) != SALT_BYTES or len(unverified) > LARGEST_OPENING_BYTES:
        raise ValueError
    opening = Opening(salt, payload)
    if encode_opening(opening) != unverified:
        raise ValueError
    return opening


def commit_to(
    session: Session, payload: Mapping[str, Json], *, box_key: BoxKey, about: str, record: UUID, salt: bytes
) -> str:
    """The commitment to ``payload``, for an entry of the same transaction to carry; its opening is kept, sealed.

    Args:
        session: of the control database.
        payload: what is committed to.
        box_key: of the subject's box for ``record``.
        about: the subject's pseudonym, by which its openings are erased.
        record: what the entry is about, by which retention finds the opening.
        salt: 32 fresh random bytes.
    """
    committed = commitment(salt, payload)
    # The commitment is the opening's place: an opening that is moved to another row does not open.
    sealed = seal(box_key, encode_opening(Opening(salt, payload)), place=committed.encode())
    keep_opening(session, committed, about=about, record=record, sealed=sealed)
    return committed


def keep_opening(session: Session, committed: str, *, about: str, record: UUID, sealed: bytes) -> None:
    """Store a sealed opening, for an entry of the same transaction to carry the commitment."""
    session.add(LedgerOpening(commitment=committed, about=about, record=record, sealed=sealed))
    session.flush()


def find_opening(session: Session, committed: str) -> LedgerOpening | None:
    """The sealed opening of a commitment; None where it was erased, or the commitment is not ours."""
    return session.get(LedgerOpening, committed)


def count_openings(session: Session, about: str) -> int:
    """How many openings are kept about one pseudonym."""
    return session.scalar(select(func.count()).where(LedgerOpening.about == about)) or 0


def erase_openings(session: Session, *, about: str | None = None, record: UUID | None = None) -> int:
    """Delete every opening about one pseudonym, or made for one record; how many. The entries stay and still verify.

    Raises:
        InvalidInput: neither was said, or both.
    """
    if (about is None) == (record is None):
        msg = "openings are erased by one pseudonym or one record, got neither or both"
        raise InvalidInput(msg)
    found = LedgerOpening.record == record if about is None else LedgerOpening.about == about
    return len(session.scalars(delete(LedgerOpening).where(found).returning(LedgerOpening.commitment)).all())
