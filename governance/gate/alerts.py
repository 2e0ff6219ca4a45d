"""Alerts about the model that serves: raised when an audit on fresh traffic finds it changed, until acknowledged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.clock import Clock
from governance.errors import Conflict, NotFound
from governance.gate.decision import Decision, Finding
from governance.gate.events import AlertAcknowledged, AlertRaised
from governance.gate.records import decision_of
from governance.gate.tables import Alert, GateRecord
from governance.ledger.store import append
from governance.registry.models import serving
from governance.registry.tables import Model

UNAUDITED = "unaudited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One requirement that is answered otherwise than before. ``rule`` names it, with what it is about."""

    rule: str
    sentence: str


def changes_between(before: Decision, after: Decision) -> tuple[Change, ...]:
    """The requirements whose verdict changed, came or went, in the order of ``after``, then what is gone."""
    old, new = _by_name(before), _by_name(after)
    found = [
        Change(rule=name, sentence=f"{name}: {_verdict(old.get(name))}, now {finding.verdict}. {finding.sentence}")
        for name, finding in new.items()
        if _verdict(old.get(name)) != finding.verdict
    ]
    gone = [
        Change(rule=name, sentence=f"{name}: {finding.verdict}, now not asked.")
        for name, finding in old.items()
        if name not in new
    ]
    return (*found, *gone)


def alert_if_changed(
    session: Session, model: Model, before: GateRecord | None, after: GateRecord, *, actor: str, clock: Clock
) -> Alert | None:
    """Raise an alert if the model serves and the gate, asked again, answers otherwise in anything.

    It belongs into the transaction that stores ``after``: between the two a crash would lose the change for good.
    """
    deployment = serving(session)
    if before is None or deployment is None or deployment.model_id != model.id:
        return None
    changes = changes_between(decision_of(before), decision_of(after))
    if before.outcome == after.outcome and not changes:
        return None
    return raise_alert(
        session,
        model,
        alert_id=uuid5(after.id, AlertRaised.kind),
        kind="verdict",
        before=before.outcome,
        after=after.outcome,
        changes=changes,
        decision=after,
        actor=actor,
        clock=clock,
    )


def raise_alert(
    session: Session,
    model: Model,
    *,
    alert_id: UUID,
    kind: Literal["verdict", "unaudited", "waiver"],
    before: str,
    after: str,
    changes: Sequence[Change],
    decision: GateRecord | None,
    actor: str,
    clock: Clock,
) -> Alert:
    """Store and log an alert."""
    alert = Alert(
        id=alert_id,
        kind=kind,
        model_id=model.id,
        decision_id=None if decision is None else decision.id,
        before=before,
        after=after,
        changes=[each.sentence for each in changes],
        raised_at=clock(),
    )
    session.add(alert)
    session.flush()
    event = AlertRaised(
        alert=str(alert_id),
        alert_kind=kind,
        model=str(model.id),
        decision="" if decision is None else str(decision.id),
        before=before,
        after=after,
        changed=tuple(each.rule for each in changes),
    )
    append(session, event, actor=actor, entry_id=uuid5(alert_id, event.kind), clock=clock)
    return alert


def acknowledge(session: Session, alert: Alert, *, principal: Principal, clock: Clock) -> Alert:
    """Say that somebody has seen it and answers for what follows.

    Raises:
        Conflict: somebody has.
    """
    session.refresh(alert, with_for_update=True)
    if alert.acknowledged_at is not None:
        msg = f"alert {alert.id} was acknowledged before"
        raise Conflict(msg)
    alert.acknowledged_at, alert.acknowledged_by = clock(), principal.id
    session.flush()
    event = AlertAcknowledged(alert=str(alert.id), model=str(alert.model_id))
    append(session, event, actor=actor_of(principal), entry_id=uuid5(alert.id, event.kind), clock=clock)
    return alert


def get_alert(session: Session, alert_id: UUID) -> Alert:
    """The alert with this id.

    Raises:
        NotFound: there is none.
    """
    alert = session.get(Alert, alert_id)
    if alert is None:
        msg = f"no alert {alert_id}"
        raise NotFound(msg)
    return alert


def list_alerts(session: Session, *, standing: bool = False, limit: int = 100) -> list[Alert]:
    """Alerts, newest first: all, or those that nobody has acknowledged."""
    statement = select(Alert).order_by(Alert.raised_at.desc(), Alert.id).limit(limit)
    return list(session.scalars(statement.where(Alert.acknowledged_at.is_(None)) if standing else statement))


def find_alert(session: Session, decision_id: UUID) -> Alert | None:
    """The alert that a decision raised, if it did."""
    return session.scalar(select(Alert).where(Alert.decision_id == decision_id, Alert.kind == "verdict"))


def find_standing(session: Session, model: Model, kind: str) -> Alert | None:
    """The newest alert of a kind about a model that nobody has acknowledged, if any."""
    statement = select(Alert).where(Alert.model_id == model.id, Alert.kind == kind, Alert.acknowledged_at.is_(None))
    return session.scalars(statement.order_by(Alert.raised_at.desc())).first()


def _by_name(decision: Decision) -> dict[str, Finding]:
    return {f"{finding.rule} ({finding.about})": finding for finding in decision.findings}


def _verdict(finding: Finding | None) -> str:
    return "not asked" if finding is None else str(finding.verdict)
