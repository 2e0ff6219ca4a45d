"""Openings: what shows, for as long as it is kept, whom an entry was about, and what is erased to cut that link.

Salt and payload of a commitment (`commitment`) lie in an ordinary, erasable table, sealed to a box of the subject
(`pseudonymisation.boxes`). While both are there, the operator can show what the entry was about. A salted hash is
personal data as long as its salt exists; once it is gone, the log proves that something was recorded, not about whom.

Trusted for: nothing. Whoever can write ``ledger_opening`` can make an opening unreadable; none opens but to what was
committed.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

from sqlalchemy import LargeBinary, Text, Uuid, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from governance.database import Base
from governance.errors import InvalidInput
from governance.ledger.canonical import Json
from governance.ledger.commitment import SALT_BYTES, Opening, commitment, encode_opening
from pseudonymisation.boxes import BoxKey, seal

ABOUT_DOMAIN: Final = "rights"
"""The domain of the pseudonyms by which openings, requests and cases name their subject."""


class LedgerOpening(Base):
    """What opens one commitment, sealed.

    ``about`` is the pseudonym (of ABOUT_DOMAIN) by which its subject's openings are found and erased, ``record`` the id
    of what it was made for, by which retention finds them.
    """

    __tablename__ = "ledger_opening"

    commitment: Mapped[str] = mapped_column(Text, primary_key=True)
    about: Mapped[str] = mapped_column(Text, index=True)
    record: Mapped[UUID] = mapped_column(Uuid, index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


def commit_to(
    session: Session,
    payload: Mapping[str, Json],
    *,
    box_key: BoxKey,
    about: str,
    record: UUID,
    draw: Callable[[int], bytes] = secrets.token_bytes,
) -> str:
    """The commitment to ``payload``, for an entry of the same transaction to carry; its opening is kept, sealed.

    Each has a salt of its own, so that the same payload twice is two commitments that nobody can tell to be alike.

    Args:
        session: of the control database.
        payload: what is committed to.
        box_key: of the subject's box for ``record``.
        about: the subject's pseudonym, by which its openings are erased.
        record: what the entry is about, by which retention finds the opening.
        draw: gives so many random bytes; others than the system's are for tests alone.
    """
    salt = draw(SALT_BYTES)
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


def count_by_record(session: Session, about: str) -> dict[UUID, int]:
    """How many openings are kept about one pseudonym, by what they were made for."""
    statement = select(LedgerOpening.record, func.count()).where(LedgerOpening.about == about)
    return {record: count for record, count in session.execute(statement.group_by(LedgerOpening.record))}  # noqa: C416 - rows, not pairs


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
