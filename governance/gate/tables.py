"""Tables of decisions (what was judged, under which policy, every finding), of alerts about what serves, of waivers."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from governance.access.tables import Principal
from governance.database import Base, UtcDateTime
from governance.registry.tables import AuditRecord, Model


class Alert(Base):
    """Something about the model that serves is not as it was when it was let serve.

    ``kind``: ``verdict`` (an audit on fresh traffic found otherwise than the one before), ``unaudited`` (it could not
    be audited) or ``waiver`` (an exception that its pass rests on was withdrawn). ``changes`` are sentences without
    personal data. It stands until somebody acknowledges it.
    """

    __tablename__ = "gate_alert"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    model_id: Mapped[UUID] = mapped_column(ForeignKey(Model.id), index=True)
    decision_id: Mapped[UUID | None] = mapped_column(ForeignKey("gate_decision.id"))
    before: Mapped[str] = mapped_column(Text)
    after: Mapped[str] = mapped_column(Text)
    changes: Mapped[list[str]] = mapped_column(JSON)
    raised_at: Mapped[datetime] = mapped_column(UtcDateTime)
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_by: Mapped[UUID | None] = mapped_column(ForeignKey(Principal.id))


class AskedWaiver(Base):
    """An exception from one rule, by the one who asked for it; it holds once somebody else has approved it.

    ``worst_value`` is in the unit of the rule's limit; ``expires_on`` is its last day. ``asked_of`` is the digest of
    what the rule asked then (``FairnessRule.question``); None of a waiver of old, which excepts from nothing. From
    ``withdrawn_at`` on no decision counts it.
    """

    __tablename__ = "gate_waiver"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    rule: Mapped[str] = mapped_column(Text)
    category: Mapped[str | None] = mapped_column(Text)
    subject_group: Mapped[str | None] = mapped_column(Text)
    worst_value: Mapped[float]
    expires_on: Mapped[date]
    reason: Mapped[str] = mapped_column(Text)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Principal.id))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    approver_id: Mapped[UUID | None] = mapped_column(ForeignKey(Principal.id))
    approved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    asked_of: Mapped[str | None] = mapped_column(Text)
    withdrawn_by_id: Mapped[UUID | None] = mapped_column(ForeignKey(Principal.id))
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdrawal_reason: Mapped[str | None] = mapped_column(Text)


class GateRecord(Base):
    """One decision on one model.

    ``findings`` holds each rule's figure, interval, limit and sentence; ``waivers`` every exception that the policy
    grants and what became of it. From ``expires_at`` on a pass is none any more: what subjects are shown has gone on
    since the audit.
    """

    __tablename__ = "gate_decision"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    model_id: Mapped[UUID] = mapped_column(ForeignKey(Model.id), index=True)
    report: Mapped[str] = mapped_column(ForeignKey(AuditRecord.digest))
    policy: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    not_applicable: Mapped[list[str]] = mapped_column(JSON)
    waivers: Mapped[list[dict[str, Any]]] = mapped_column(JSON, server_default=text("'[]'"))
    number: Mapped[int]
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
