"""Commitments: what lets an entry be about a person without saying so, and what is erased to cut that link.

The log holds ``HMAC-SHA-256(salt, tag || RFC 8785(payload))``. Salt and payload lie in an ordinary, erasable table;
while they do, the operator can show what the entry was about. A salted hash is personal data as long as its salt
exists; once salt and payload are gone (backups included), the log proves that something was recorded, not about whom.
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256

from sqlalchemy import LargeBinary, Text, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from governance.database import Base
from governance.errors import BrokenProof, InvalidInput, NotFound
from governance.ledger.canonical import Json, decode_json, encode_json

SALT_BYTES = 32
TAG = b"probity/ledger-commitment/v1\x00"


class LedgerOpening(Base):
    """What opens one commitment. ``about`` is the pseudonym by which its subject's openings are found and erased."""

    __tablename__ = "ledger_opening"

    commitment: Mapped[str] = mapped_column(Text, primary_key=True)
    about: Mapped[str | None] = mapped_column(Text, index=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    payload: Mapped[bytes] = mapped_column(LargeBinary)


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


def verify_opening(committed: str, salt: bytes, payload: Mapping[str, Json]) -> None:
    """Raise `BrokenProof` unless salt and payload open the commitment."""
    if not hmac.compare_digest(commitment(salt, payload), committed):
        msg = f"commitment {committed}: salt and payload do not open it"
        raise BrokenProof(msg)


def commit_to(session: Session, payload: Mapping[str, Json], *, salt: bytes, about: str | None = None) -> str:
    """Keep the opening and return the commitment, for an entry of the same transaction to carry."""
    committed = commitment(salt, payload)
    session.add(LedgerOpening(commitment=committed, about=about, salt=salt, payload=encode_json(payload)))
    session.flush()
    return committed


def get_opening(session: Session, committed: str) -> tuple[bytes, Json]:
    """Salt and payload of a commitment.

    Raises:
        NotFound: it was erased, or never made here.
    """
    row = session.scalar(select(LedgerOpening).where(LedgerOpening.commitment == committed))
    if row is None:
        msg = f"commitment {committed}: no opening is kept"
        raise NotFound(msg)
    return row.salt, decode_json(row.payload)


def erase_openings(session: Session, about: str) -> int:
    """Delete every opening about one pseudonym; how many there were. The entries stay and still verify."""
    erased = session.scalars(
        delete(LedgerOpening).where(LedgerOpening.about == about).returning(LedgerOpening.commitment)
    )
    return len(erased.all())
