"""Table of reservations. One that was never cancelled counts as spent, whatever happened to the run that made it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Text
from sqlalchemy.orm import Mapped, mapped_column

from governance.database import Base, UtcDateTime


class Reservation(Base):
    """Privacy put aside for one release. ``state``: reserved → reading → spent, or reserved → cancelled."""

    __tablename__ = "budget_reservation"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    population: Mapped[str] = mapped_column(Text, index=True)
    purpose: Mapped[str] = mapped_column(Text)
    mu: Mapped[float]
    guarantee: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(Text)
    release: Mapped[str | None] = mapped_column(Text)
    reserved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
