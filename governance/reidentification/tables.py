"""The table of cases. A subject is in it by its pseudonym of the rights domain, until the case is over."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from governance.access.tables import Principal
from governance.database import Base, UtcDateTime


class Case(Base):
    """One question who is behind a pseudonym. ``subject`` and ``box_key`` are emptied when it is over, or erased."""

    __tablename__ = "reidentification_case"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    domain: Mapped[str] = mapped_column(Text)
    ground: Mapped[str] = mapped_column(Text)
    subject: Mapped[str | None] = mapped_column(Text, index=True)
    box_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    asked_by: Mapped[UUID] = mapped_column(ForeignKey(Principal.id))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    valid_until: Mapped[datetime] = mapped_column(UtcDateTime)
    approved_by: Mapped[UUID | None] = mapped_column(ForeignKey(Principal.id))
    outcome: Mapped[str | None] = mapped_column(Text)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
