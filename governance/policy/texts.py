"""The texts of policies that were in force, by digest: what a change of policy is read from later.

Trusted for nothing: a text is shown only if it gives the digest that the ledger holds. Policies name roles and rules,
never a subject, so they are kept for good.
"""

from datetime import datetime
from hashlib import sha256

from sqlalchemy import Text, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from governance.clock import Clock
from governance.database import Base, UtcDateTime
from governance.errors import BrokenProof


class PolicyText(Base):
    """One text of one policy; ``digest`` is the SHA-256 (hex) of its UTF-8 bytes."""

    __tablename__ = "policy_text"

    digest: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)


# Two processes may open a home at once and find the same text missing.
_INSERT = {
    "sqlite": sqlite.insert(PolicyText).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(PolicyText).on_conflict_do_nothing(),
}


def keep_text(session: Session, name: str, digest: str, text: str, *, clock: Clock) -> None:
    """Keep the text of a policy; one that is kept already stays as it is.

    Raises:
        BrokenProof: the text does not give the digest.
    """
    _require_digest(name, digest, text)
    row = {"digest": digest, "name": name, "text": text, "recorded_at": clock()}
    session.execute(_INSERT[session.get_bind().dialect.name], row)


def find_text(session: Session, digest: str) -> str | None:
    """The text with this digest, or None where it was not kept.

    Raises:
        BrokenProof: the text that is kept does not give the digest.
    """
    row = session.scalar(select(PolicyText).where(PolicyText.digest == digest))
    if row is None:
        return None
    _require_digest(row.name, digest, row.text)
    return row.text


def _require_digest(name: str, digest: str, text: str) -> None:
    if sha256(text.encode()).hexdigest() != digest:
        msg = f"policy {name}: the text that is kept does not give its digest {digest}"
        raise BrokenProof(msg)
