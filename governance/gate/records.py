"""Decisions, stored and logged."""

from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID, uuid5

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from audits.verdict import Outcome
from governance.clock import Clock
from governance.errors import Conflict, NotFound
from governance.gate.decision import Decision, Finding
from governance.gate.events import GateDecided, WaiverExpired, WaiverGranted
from governance.gate.tables import AskedWaiver, GateRecord
from governance.gate.waivers import AppliedWaiver, WaiverState
from governance.ledger.store import append, is_recorded
from governance.registry.tables import AuditRecord, Model


def record_decision(
    session: Session,
    decision: Decision,
    *,
    decision_id: UUID,
    model: Model,
    report: AuditRecord,
    policy_digest: str,
    valid_days: int,
    actor: str,
    clock: Clock,
) -> GateRecord:
    """Store a decision on a model, and log it with the exceptions that it rests on and those that have ended.

    A pass is good for ``valid_days`` from when the audit was made, and no longer than the exceptions that it rests on.

    Raises:
        Conflict: the report is about another model, or the id is taken.
    """
    if report.model_id != model.id:
        msg = f"report {report.digest} is not about model {model.id}"
        raise Conflict(msg)
    if session.get(GateRecord, decision_id) is not None:
        msg = f"decision {decision_id} exists"
        raise Conflict(msg)
    number = (session.scalar(select(func.max(GateRecord.number)).where(GateRecord.model_id == model.id)) or 0) + 1
    now = clock()
    record = GateRecord(
        id=decision_id,
        model_id=model.id,
        report=report.digest,
        policy=policy_digest,
        outcome=str(decision.outcome),
        findings=[{**asdict(finding), "verdict": str(finding.verdict)} for finding in decision.findings],
        not_applicable=list(decision.not_applicable),
        waivers=[waiver.as_dict() for waiver in decision.waivers],
        number=number,
        decided_at=now,
        expires_at=min([min(now, report.recorded_at) + timedelta(days=valid_days), *_ends(decision)]),
    )
    session.add(record)
    session.flush()
    event = GateDecided(
        decision=str(decision_id),
        model=str(model.id),
        report=report.digest,
        policy=policy_digest,
        outcome=str(decision.outcome),
        failed=_named(decision, Outcome.FAIL),
        inconclusive=_named(decision, Outcome.INCONCLUSIVE),
    )
    append(session, event, actor=actor, entry_id=uuid5(decision_id, event.kind), clock=clock)
    _log_granted(session, record, decision, actor=actor, clock=clock)
    _log_expired(session, decision, actor=actor, clock=clock)
    return record


def log_ended_waivers(session: Session, *, actor: str, clock: Clock) -> None:
    """Put on record which waivers have ended by today, once for each model that a decision had let pass by one.

    A decision does so for those that it finds expired; where nobody decides again, retention does. What was withdrawn
    before its day is on record already.
    """
    withdrawn = {
        str(each) for each in session.scalars(select(AskedWaiver.id).where(AskedWaiver.withdrawn_at.is_not(None)))
    }
    rows = session.execute(
        select(Model, GateRecord.waivers).join(GateRecord, GateRecord.model_id == Model.id).order_by(Model.id)
    )
    last: dict[tuple[Model, str], str] = {}
    for model, granted in rows:
        for each in granted:
            if each["state"] == WaiverState.USED and each["waiver"] not in withdrawn:
                named = model, each["waiver"]
                last[named] = max(last.get(named, ""), each["expires_on"])  # it may have been extended
    for (model, waiver), expires_on in last.items():
        if date.fromisoformat(expires_on) < clock().date():
            _log_end(session, model, waiver, expires_on, actor=actor, clock=clock)


def decision_of(record: GateRecord) -> Decision:
    """The decision as it was made; what limits its figures stands in the report."""
    findings = (Finding(**{**each, "verdict": Outcome(each["verdict"])}) for each in record.findings)
    waivers = (AppliedWaiver.from_dict(each) for each in record.waivers)
    return Decision(
        outcome=Outcome(record.outcome),
        findings=tuple(findings),
        not_applicable=tuple(record.not_applicable),
        waivers=tuple(waivers),
    )


def get_decision(session: Session, decision_id: UUID) -> GateRecord:
    """The stored decision with this id.

    Raises:
        NotFound: there is none.
    """
    record = session.get(GateRecord, decision_id)
    if record is None:
        msg = f"no gate decision {decision_id}"
        raise NotFound(msg)
    return record


def list_decisions(session: Session, model: Model) -> list[GateRecord]:
    """The decisions on a model, newest first."""
    statement = select(GateRecord).where(GateRecord.model_id == model.id).order_by(GateRecord.number.desc())
    return list(session.scalars(statement))


def require_passed(session: Session, model: Model, *, clock: Clock) -> GateRecord:
    """The latest gate decision on the model, which passed it and is not too old.

    Raises:
        Conflict: there is none, it did not pass, or its time is over.
    """
    decision = find_latest(session, model)
    if decision is None or decision.outcome != Outcome.PASS:
        found = "has not decided" if decision is None else f"decided {decision.outcome}"
        msg = f"the gate {found} on model {model.id}: a model ships, and serves, only by a pass"
        raise Conflict(msg)
    if clock() >= decision.expires_at:
        day = f"{decision.expires_at:%Y-%m-%d}"
        msg = f"the gate's pass of model {model.id} was good until {day}: audit it and decide again"
        raise Conflict(msg)
    return decision


def find_latest(session: Session, model: Model) -> GateRecord | None:
    """The latest decision on a model; only that one counts."""
    return next(iter(list_decisions(session, model)), None)


def _ends(decision: Decision) -> list[datetime]:
    """When each exception that a pass rests on is over: the first moment after its last day, UTC."""
    used = {finding.waived_by for finding in decision.findings if finding.level == "error"}
    days = [date.fromisoformat(each.expires_on) for each in decision.waivers if each.waiver in used]
    return [datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC) for day in days]


def _log_granted(session: Session, record: GateRecord, decision: Decision, *, actor: str, clock: Clock) -> None:
    """Every exception that this decision rests on, with the rules that were missed."""
    for waiver in decision.waivers:
        waived = [each for each in decision.findings if each.waived_by == waiver.waiver and each.level == "error"]
        rules = tuple(f"{each.rule} ({each.about})" for each in waived)
        if rules:
            event = WaiverGranted(
                waiver=waiver.waiver,
                model=str(record.model_id),
                decision=str(record.id),
                rules=rules,
                approvals=1,
                expires_on=waiver.expires_on,
            )
            entry_id = uuid5(record.id, f"{event.kind}/{waiver.waiver}")
            append(session, event, actor=actor, entry_id=entry_id, clock=clock)


def _log_expired(session: Session, decision: Decision, *, actor: str, clock: Clock) -> None:
    """The end of each exception, once for every model that a decision had let pass by it."""
    for waiver in decision.waivers:
        if waiver.state != WaiverState.EXPIRED:
            continue
        for model in _models_by(session, waiver):
            _log_end(session, model, waiver.waiver, waiver.expires_on, actor=actor, clock=clock)


def _log_end(session: Session, model: Model, waiver: str, expires_on: str, *, actor: str, clock: Clock) -> None:
    event = WaiverExpired(waiver=waiver, model=str(model.id), expires_on=expires_on, model_state=model.state)
    entry_id = uuid5(model.id, f"{event.kind}/{waiver}/{expires_on}")
    if not is_recorded(session, entry_id):
        append(session, event, actor=actor, entry_id=entry_id, clock=clock)


def _models_by(session: Session, waiver: AppliedWaiver) -> list[Model]:
    """The models on which a decision rested on this waiver as it was granted until this day."""
    rows = session.execute(
        select(Model, GateRecord.waivers).join(GateRecord, GateRecord.model_id == Model.id).order_by(Model.id)
    )
    found = [
        model
        for model, granted in rows
        if any(
            (each["waiver"], each["expires_on"], each["state"]) == (waiver.waiver, waiver.expires_on, "used")
            for each in granted
        )
    ]
    return list(dict.fromkeys(found))


def _named(decision: Decision, verdict: Outcome) -> tuple[str, ...]:
    return tuple(f"{each.rule} ({each.about})" for each in decision.findings if each.verdict == verdict)
