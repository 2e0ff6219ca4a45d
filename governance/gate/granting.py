"""Waivers by two people: asked for by one, who owns it, and approved by another; beside those of the policy file.

Trusted for: who asked and who approved. Both are entries of the ledger, which names them, the rule, the worst value
and the last day; the reason is text of people and stays out of it, held to it by its digest.
"""

import unicodedata
from datetime import date, timedelta
from hashlib import sha256
from typing import Literal
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.clock import Clock
from governance.errors import Conflict, Forbidden, InvalidInput, NotFound
from governance.gate.events import WaiverApproved, WaiverAsked
from governance.gate.tables import AskedWaiver
from governance.ledger.store import append
from governance.policy.people import seen
from governance.policy.rules import FairnessPolicy, require_waivable
from governance.policy.waivers import LONGEST_DAYS, PRINCIPAL, Misplaced, Waiver
from governance.registry.tables import Model

LONGEST_REASON = 2000
_UNWRITABLE = frozenset({"Cc", "Cs"})

Standing = Literal["asked", "approved", "withdrawn", "expired"]


def ask(
    session: Session,
    policy: FairnessPolicy,
    owner: Principal,
    *,
    waiver_id: UUID,
    rule: str,
    worst_value: float,
    expires_on: date,
    reason: str,
    category: str | None = None,
    group: str | None = None,
    clock: Clock,
) -> AskedWaiver:
    """Ask that a rule may be missed by so much until a day. Needs ``models:propose``; excepts from nothing yet.

    Raises:
        InvalidInput: no such rule, a worst value that it tolerates anyway or that tolerates everything, a day that is
            past or more than a year away, a reason that is empty or longer than 2,000 characters, or text
            with control characters.
    """
    row = AskedWaiver(
        id=waiver_id,
        rule=rule,
        category=category,
        subject_group=group,
        worst_value=worst_value,
        expires_on=expires_on,
        reason=reason.strip(),
        owner_id=owner.id,
        asked_at=clock(),
    )
    _require_sensible(row, policy, today=clock().date())
    row.asked_of = _questions(policy)[rule]
    session.add(row)
    session.flush()
    event = WaiverAsked(
        waiver=str(waiver_id),
        rule=rule,
        category=category,
        group=group,
        worst_value=worst_value,
        expires_on=expires_on.isoformat(),
        reason=sha256(row.reason.encode()).hexdigest(),
    )
    append(session, event, actor=actor_of(owner), entry_id=uuid5(waiver_id, event.kind), clock=clock)
    return row


def approve(session: Session, waiver: AskedWaiver, approver: Principal, *, clock: Clock) -> AskedWaiver:
    """Let it hold until its day. Needs ``reviews:vote``. Twice by the same person is as once.

    Raises:
        Forbidden: nobody approves their own exception.
        Conflict: somebody else has approved it, it was withdrawn, or its last day is over.
    """
    session.refresh(waiver, with_for_update=True)
    if waiver.owner_id == approver.id:
        msg = "a waiver is not approved by the one who asked for it"
        raise Forbidden(msg)
    if waiver.withdrawn_at is not None:
        msg = f"waiver {waiver.id} cannot be approved: it was withdrawn"
        raise Conflict(msg)
    if waiver.approver_id == approver.id:
        return waiver
    if waiver.approver_id is not None or clock().date() > waiver.expires_on:
        msg = f"waiver {waiver.id} cannot be approved: it was approved before, or its time has passed"
        raise Conflict(msg)
    waiver.approver_id, waiver.approved_at = approver.id, clock()
    session.flush()
    event = WaiverApproved(waiver=str(waiver.id), approver=str(approver.id))
    append(session, event, actor=actor_of(approver), entry_id=uuid5(waiver.id, event.kind), clock=clock)
    return waiver


def get_waiver(session: Session, waiver_id: UUID) -> AskedWaiver:
    """The waiver with this id.

    Raises:
        NotFound: there is none.
    """
    row = session.get(AskedWaiver, waiver_id)
    if row is None:
        msg = f"no waiver {waiver_id}"
        raise NotFound(msg)
    return row


def list_waivers(session: Session, *, offset: int = 0, limit: int = 200) -> list[AskedWaiver]:
    """The latest waivers, newest first."""
    statement = select(AskedWaiver).order_by(AskedWaiver.asked_at.desc(), AskedWaiver.id)
    return list(session.scalars(statement.offset(offset).limit(limit)))


def standing_of(waiver: AskedWaiver, today: date) -> Standing:
    """Where it stands on a day; one that was withdrawn stays so."""
    if waiver.withdrawn_at is not None:
        return "withdrawn"
    if today > waiver.expires_on:
        return "expired"
    return "asked" if waiver.approver_id is None else "approved"


def granted_to(session: Session, policy: FairnessPolicy, model: Model) -> tuple[Waiver, ...]:
    """The approved waivers that a decision on the model counts, ended ones too, in the order of their ids.

    Guarantees:
      - none that the model's author approved: nobody approves what lets their own work ship
      - none whose rule the policy no longer has, or has loosened beyond it: there is nothing to except from
      - none whose rule asks another thing by the same name than when the waiver was asked for: nobody approved that
      - none that was withdrawn; and none that is counted here is withdrawn before the transaction is over
    """
    questions = _questions(policy)
    statement = select(AskedWaiver).where(
        AskedWaiver.approver_id.is_not(None),
        AskedWaiver.approver_id != model.author_id,
        AskedWaiver.withdrawn_at.is_(None),
    )
    # Whoever withdraws one waits for the decision that counts it: the log has the two in the order that happened.
    rows = session.scalars(statement.order_by(AskedWaiver.id).with_for_update(read=True))
    found = [_waiver(row) for row in rows if row.asked_of is not None and row.asked_of == questions.get(row.rule)]
    return tuple(sorted((each for each in found if _can_except(each, policy)), key=lambda each: each.id))


def _questions(policy: FairnessPolicy) -> dict[str, str]:
    return {rule.id: rule.question for rule in policy.rules}


def _waiver(row: AskedWaiver) -> Waiver:
    owner = f"{PRINCIPAL}{row.owner_id}"
    return Waiver(
        id=str(row.id),
        rule=row.rule,
        worst_value=row.worst_value,
        owner=owner,
        author=owner,
        approver=f"{PRINCIPAL}{row.approver_id}",
        reason=row.reason,
        expires_on=row.expires_on,
        category=row.category,
        group=row.subject_group,
    )


def _can_except(waiver: Waiver, policy: FairnessPolicy) -> bool:
    try:
        require_waivable([*policy.waivers, waiver], policy.rules)
    except Misplaced:
        return False
    return True


def require_writable(reason: str, *names: str) -> None:
    """Refuse a reason, or names beside it, that cannot be kept and shown.

    Raises:
        InvalidInput: a reason that is empty or longer than 2,000 characters, or text with control characters.
    """
    length = len(reason) if seen(reason) else 0
    if not 0 < length <= LONGEST_REASON:
        msg = f"reason: expected 1 to {LONGEST_REASON} characters, got {length}"
        raise InvalidInput(msg)
    # A reviewer's terminal would obey them, and neither the database nor the log can write a half of a character.
    if any(unicodedata.category(sign) in _UNWRITABLE for sign in "".join((reason, *names))):
        msg = "reason, category, group: expected text, got control characters or bytes that are no UTF-8"
        raise InvalidInput(msg)


def _require_sensible(row: AskedWaiver, policy: FairnessPolicy, *, today: date) -> None:
    require_writable(row.reason, row.category or "", row.subject_group or "")
    if not today <= row.expires_on <= today + timedelta(days=LONGEST_DAYS):
        msg = f"until: expected a day from {today} on, at most {LONGEST_DAYS} days away, got {row.expires_on}"
        raise InvalidInput(msg)
    try:
        require_waivable([*policy.waivers, _waiver(row)], policy.rules)
    except (Misplaced, ValueError) as cause:
        msg = f"waiver: expected what a rule of fairness.yaml can be excepted from, got {cause}"
        raise InvalidInput(msg) from cause
