"""Tables of proposals, reviews and votes. Comments are free text and stay here; the ledger gets the votes only."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from governance.access.tables import Principal
from governance.database import Base, UtcDateTime
from governance.gate.tables import GateRecord
from governance.registry.tables import Model


class Proposal(Base):
    """One walk of a model from the data, or from its registration, to service.

    The ids of what its steps make follow from its own (`governance.review.proposals`), so it can be taken up again
    wherever it was cut off. ``model_id`` is None where it trains one; ``attempt`` counts the trainings that were paid
    for.
    """

    __tablename__ = "release_proposal"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    model_id: Mapped[UUID | None] = mapped_column(ForeignKey(Model.id))
    author_id: Mapped[UUID] = mapped_column(ForeignKey(Principal.id))
    attempt: Mapped[int]
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Review(Base):
    """The question whether a model may ship, put to the board on the strength of one gate decision.

    ``state``: open → approved | refused | superseded (the gate decided again, and the board was asked anew). At most
    one review of a model is open.
    """

    __tablename__ = "review"
    __table_args__ = (
        Index(
            "uq_review_open",
            "model_id",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    model_id: Mapped[UUID] = mapped_column(ForeignKey(Model.id))
    author_id: Mapped[UUID] = mapped_column(ForeignKey(Principal.id))
    decision_id: Mapped[UUID] = mapped_column(ForeignKey(GateRecord.id))
    state: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Vote(Base):
    """One principal's vote; ``revision`` counts how often it was changed before the review closed."""

    __tablename__ = "review_vote"
    __table_args__ = (UniqueConstraint("review_id", "principal_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    review_id: Mapped[UUID] = mapped_column(ForeignKey(Review.id), index=True)
    principal_id: Mapped[UUID] = mapped_column(ForeignKey(Principal.id))
    choice: Mapped[str] = mapped_column(Text)
    comment: Mapped[str | None] = mapped_column(Text)
    revision: Mapped[int]
    cast_at: Mapped[datetime] = mapped_column(UtcDateTime)
