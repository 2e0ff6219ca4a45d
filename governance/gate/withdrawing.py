"""A waiver is taken back before its day, and what that does to a pass that rests on it.

A decision is history and stays. What is still to come of it does not: a model whose pass rests on a waiver that was
withdrawn is neither proposed nor approved nor deployed until the gate has decided anew. The one that serves goes on,
for to stop a service is a decision of its own; an alert says what it rests on, and the next decision, which no longer
counts the waiver, is the one that it serves by.

One person is enough, the owner or a member of the board: it only binds a rule again, and nobody's work ships by it.
"""

from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from audits.verdict import Outcome
from governance.access.permissions import permissions_of, require
from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.clock import Clock
from governance.errors import Conflict
from governance.gate.alerts import Change, raise_alert
from governance.gate.decision import Finding
from governance.gate.events import AlertRaised, WaiverWithdrawn
from governance.gate.granting import require_writable, standing_of
from governance.gate.records import decision_of, find_latest, require_passed
from governance.gate.tables import AskedWaiver, GateRecord
from governance.ledger.store import append
from governance.policy.rules import AccessPolicy
from governance.registry.models import get_model, serving
from governance.registry.tables import Model

VOTE = "reviews:vote"
WITHDRAWN = "waiver_withdrawn"
"""What an alert says of a pass that rests on one."""


def may_withdraw(waiver: AskedWaiver, principal: Principal, policy: AccessPolicy) -> bool:
    """Whether they may: whoever asked for it, and whoever may approve one."""
    return waiver.owner_id == principal.id or VOTE in permissions_of(principal, policy)


def withdraw(
    session: Session, waiver: AskedWaiver, principal: Principal, *, reason: str, policy: AccessPolicy, clock: Clock
) -> AskedWaiver:
    """Take it back, approved or not yet. Twice by the same person is as once, with the reason of the first time.

    Guarantees:
      - no decision that is made after this counts it, and none that is being made is overtaken
      - where the latest decision on the model that serves rests on it, an alert stands in the same transaction

    Raises:
        Forbidden: somebody who neither asked for it nor may vote on the board.
        Conflict: somebody else has withdrawn it, or its last day is over.
        InvalidInput: a reason that is empty or longer than 2,000 characters, or has control characters.
    """
    if not may_withdraw(waiver, principal, policy):
        require(principal, VOTE, policy)
    words = reason.strip()
    require_writable(words)
    session.refresh(waiver, with_for_update=True)
    if waiver.withdrawn_by_id == principal.id:
        return waiver
    standing = standing_of(waiver, clock().date())
    if standing in {"withdrawn", "expired"}:
        msg = f"waiver {waiver.id} cannot be withdrawn: it is {standing}"
        raise Conflict(msg)
    waiver.withdrawn_by_id, waiver.withdrawn_at, waiver.withdrawal_reason = principal.id, clock(), words
    session.flush()
    digest = sha256(words.encode()).hexdigest()
    event = WaiverWithdrawn(waiver=str(waiver.id), withdrawer=str(principal.id), reason=digest)
    append(session, event, actor=actor_of(principal), entry_id=uuid5(waiver.id, event.kind), clock=clock)
    _alert_if_served_by(session, waiver, actor=actor_of(principal), clock=clock)
    return waiver


def require_shippable(session: Session, model: Model, *, clock: Clock) -> GateRecord:
    """The latest gate decision on a model that is to be proposed, approved or deployed now.

    Guarantees:
      - no waiver that it rests on is withdrawn before the transaction is over

    Raises:
        Conflict: the gate has not passed it, too long ago, or by a waiver that was withdrawn since.
    """
    record = require_passed(session, model, clock=clock)
    withdrawn = withdrawn_under(session, record, hold=True)
    if withdrawn:
        named = ", ".join(f"{each.id} ({each.rule})" for each in withdrawn)
        msg = f"the gate's pass of model {model.id} rests on what was withdrawn since, waiver {named}: decide again"
        raise Conflict(msg)
    return record


def withdrawn_under(session: Session, record: GateRecord, *, hold: bool = False) -> list[AskedWaiver]:
    """The waivers that a pass rests on and that were withdrawn since.

    ``hold`` keeps the others as they are until the transaction is over: whoever withdraws one then sees what became of
    the decision.
    """
    ids = {UUID(each) for each in _rested_on(record)}
    if not ids:
        return []
    statement = select(AskedWaiver).where(AskedWaiver.id.in_(ids)).order_by(AskedWaiver.id)
    held = statement.with_for_update(read=True).execution_options(populate_existing=True) if hold else statement
    return [each for each in session.scalars(held) if each.withdrawn_at is not None]


def _rested_on(record: GateRecord) -> dict[str, Sequence[Finding]]:
    """The requirements that a pass did without, by the waiver of two people that carried them."""
    if record.outcome != Outcome.PASS:
        return {}
    decision = decision_of(record)
    carried = {
        each.waiver: [
            finding for finding in decision.findings if finding.level == "error" and _by(finding, each.waiver)
        ]
        for each in decision.waivers
        if each.granted is not None
    }
    return {waiver: findings for waiver, findings in carried.items() if findings}


def _by(finding: Finding, waiver: str) -> bool:
    return finding.waived_by == waiver


def _alert_if_served_by(session: Session, waiver: AskedWaiver, *, actor: str, clock: Clock) -> None:
    deployment = serving(session)
    model = None if deployment is None else get_model(session, deployment.model_id)
    record = None if model is None else find_latest(session, model)
    findings = () if record is None else _rested_on(record).get(str(waiver.id), ())
    if model is None or record is None or not findings:
        return
    raise_alert(
        session,
        model,
        alert_id=uuid5(waiver.id, AlertRaised.kind),
        kind="waiver",
        before=record.outcome,
        after=WITHDRAWN,
        changes=[_change(waiver, each) for each in findings],
        decision=record,
        actor=actor,
        clock=clock,
    )


def _change(waiver: AskedWaiver, finding: Finding) -> Change:
    name = f"{finding.rule} ({finding.about})"
    said = f"{name}: passed by the waiver {waiver.id}, which was withdrawn. {finding.sentence}"
    return Change(rule=name, sentence=said)
