"""Table of attestations. The envelopes lie in files, by the digest of what was said."""

from datetime import datetime

from sqlalchemy import Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from governance.database import Base, UtcDateTime


class AttestationRecord(Base):
    """One time that something was attested. At most one of a predicate type about an artefact is in force.

    ``digest`` is the SHA-256 (hex) over the envelope's PAE, ``subject_digest`` that of the artefact, ``made_on`` a day.
    ``ended`` says why it is no longer in force: ``superseded`` or ``withdrawn``.
    """

    __tablename__ = "attestation"
    __table_args__ = (
        Index(
            "uq_attestation_in_force",
            "subject_digest",
            "predicate_type",
            unique=True,
            sqlite_where=text("ended IS NULL"),
            postgresql_where=text("ended IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(Text, index=True)
    predicate_type: Mapped[str] = mapped_column(Text)
    subject_digest: Mapped[str] = mapped_column(Text, index=True)
    about: Mapped[str] = mapped_column(Text, index=True)
    key: Mapped[str] = mapped_column(Text)
    made_on: Mapped[datetime] = mapped_column(UtcDateTime)
    ended: Mapped[str | None] = mapped_column(Text)
