"""Table of decisions: what was judged, under which policy, and every finding."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from governance.database import Base, UtcDateTime
from governance.registry.tables import AuditRecord, Model


class GateRecord(Base):
    """One decision on one model; ``findings`` holds each rule's figure, interval, limit and sentence."""

    __tablename__ = "gate_decision"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    model_id: Mapped[UUID] = mapped_column(ForeignKey(Model.id), index=True)
    report: Mapped[str] = mapped_column(ForeignKey(AuditRecord.digest))
    policy: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    not_applicable: Mapped[list[str]] = mapped_column(JSON)
    number: Mapped[int]
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)
