"""Tables of requests, of the work on them, and of certificates. Subjects are pseudonyms of the rights domain."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Date, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from governance.access.tables import Principal
from governance.database import Base, UtcDateTime


class RightsRequest(Base):
    """A request. ``subject`` is emptied by an erasure; what remains is the record that 11 CCR §7101 asks for.

    ``manner`` is how it was made. ``box_key`` seals what its entries commit to (see `openings`); both are None in
    requests from before there were any, and the key goes with the subject.

    At most one request per subject and right is alive: a second one finds the first.
    """

    __tablename__ = "rights_request"
    __table_args__ = (
        Index(
            "uq_rights_request_alive",
            "subject",
            "right",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    right: Mapped[str] = mapped_column(Text)
    regime: Mapped[str] = mapped_column(Text)
    subject: Mapped[str | None] = mapped_column(Text)
    manner: Mapped[str | None] = mapped_column(Text)
    box_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(Text, index=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    received_by: Mapped[UUID] = mapped_column(ForeignKey(Principal.id))
    approved_by: Mapped[UUID | None] = mapped_column(ForeignKey(Principal.id))
    acknowledge_by: Mapped[date | None] = mapped_column(Date)
    due_on: Mapped[date] = mapped_column(Date)
    extended_on: Mapped[date | None] = mapped_column(Date)
    extension_reason: Mapped[str | None] = mapped_column(Text)
    refusal: Mapped[str | None] = mapped_column(Text)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Job(Base):
    """The work on one request: the stages that are done and what they found. ``work`` is emptied when all are."""

    __tablename__ = "rights_job"

    request_id: Mapped[UUID] = mapped_column(ForeignKey(RightsRequest.id), primary_key=True)
    done: Mapped[list[str]] = mapped_column(JSON)
    work: Mapped[dict[str, Any]] = mapped_column(JSON)


class CertificateRecord(Base):
    """A signed certificate, byte for byte as it was handed out."""

    __tablename__ = "rights_certificate"

    digest: Mapped[str] = mapped_column(Text, primary_key=True)
    request_id: Mapped[UUID] = mapped_column(ForeignKey(RightsRequest.id), unique=True)
    envelope: Mapped[bytes] = mapped_column(LargeBinary)
    issued_on: Mapped[date] = mapped_column(Date)
