"""Tables of notices and decisions. A partial unique index keeps one current decision per subject and purpose."""

from datetime import datetime
from typing import Literal

from sqlalchemy import Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from governance.database import Base, UtcDateTime

Choice = Literal["grant", "refuse", "withdraw"]
Method = Literal["banner", "settings", "gpc", "import"]


class Notice(Base):
    """A text that subjects were shown. Never changed: a new text is a new version."""

    __tablename__ = "consent_notice"
    __table_args__ = (UniqueConstraint("version", "language"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    wording: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ConsentDecision(Base):
    """One decision of one subject on one purpose; ``in_force`` marks the one in force, the others are its history."""

    __tablename__ = "consent_decision"
    __table_args__ = (
        Index(
            "uq_consent_decision_in_force",
            "subject",
            "purpose",
            unique=True,
            sqlite_where=text("in_force"),
            postgresql_where=text("in_force"),
        ),
        Index("ix_consent_decision_purpose", "purpose"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(Text, index=True)
    purpose: Mapped[str] = mapped_column(Text)
    choice: Mapped[str] = mapped_column(Text)
    notice: Mapped[str] = mapped_column(Text)
    method: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    in_force: Mapped[bool]
