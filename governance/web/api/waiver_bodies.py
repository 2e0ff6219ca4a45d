"""What the API takes and gives about waivers, as JSON. Times are UTC, people are principals."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from governance.gate.granting import LONGEST_REASON, Standing
from governance.gate.tables import AskedWaiver

Reason = Annotated[str, Field(min_length=1, max_length=LONGEST_REASON)]


class WaiverIn(BaseModel):
    """An exception from one rule.

    ``worst_value`` is the worst figure tolerated, in the unit of the rule's limit; ``expires_on`` its last day, at most
    a year away. Without ``category`` or ``group`` it is for each that the rule is about.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    rule: Annotated[str, Field(min_length=1, max_length=200)]
    worst_value: Annotated[float, Field(allow_inf_nan=False)]
    expires_on: date
    reason: Reason
    category: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    group: Annotated[str | None, Field(min_length=1, max_length=200)] = None


class WithdrawalIn(BaseModel):
    """Why a waiver is taken back; a reviewer reads it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    reason: Reason


class WaiverOut(BaseModel):
    """One waiver, who answers for it, and where it stands today. People are principals."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    rule: str
    category: str | None
    group: str | None
    worst_value: float
    expires_on: date
    reason: str
    standing: Standing
    owner_id: UUID
    asked_at: datetime
    approver_id: UUID | None
    approved_at: datetime | None
    withdrawn_by_id: UUID | None
    withdrawn_at: datetime | None
    withdrawal_reason: str | None

    @classmethod
    def of(cls, waiver: AskedWaiver, standing: Standing) -> Self:
        """A stored waiver as JSON."""
        return cls(
            id=waiver.id,
            rule=waiver.rule,
            category=waiver.category,
            group=waiver.subject_group,
            worst_value=waiver.worst_value,
            expires_on=waiver.expires_on,
            reason=waiver.reason,
            standing=standing,
            owner_id=waiver.owner_id,
            asked_at=waiver.asked_at,
            approver_id=waiver.approver_id,
            approved_at=waiver.approved_at,
            withdrawn_by_id=waiver.withdrawn_by_id,
            withdrawn_at=waiver.withdrawn_at,
            withdrawal_reason=waiver.withdrawal_reason,
        )


class WaiversOut(BaseModel):
    """A page of waivers, newest first; ``next`` is the ``offset`` of the following page."""

    model_config = ConfigDict(frozen=True)

    waivers: list[WaiverOut]
    next: int | None
