"""Models, the reports on them, and which of them has served."""

from collections.abc import Mapping
from uuid import UUID, uuid5

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from governance.access.tables import Principal
from governance.clock import Clock
from governance.errors import Conflict, NotFound, Unaudited
from governance.ledger.store import append
from governance.registry.events import AuditRecorded, ModelRegistered
from governance.registry.tables import AuditRecord, Deployment, Model, ModelState, ReleaseRecord


def register_model(
    session: Session,
    kind: str,
    digest: str,
    *,
    model_id: UUID,
    release: ReleaseRecord,
    author: Principal,
    path: str,
    actor: str,
    clock: Clock,
    parent: Model | None = None,
    prices: Mapping[str, float] | None = None,
    price_file: str | None = None,
    mitigation_report: str | None = None,
) -> Model:
    """Record a model under its content digest (hex); ``prices`` are by ``attribute=category``.

    ``price_file`` and ``mitigation_report`` are digests (hex) for the ledger's entry alone.

    Raises:
        Conflict: the id or the digest is taken.
    """
    taken = select(Model.id).where((Model.id == model_id) | (Model.digest == digest))
    if session.scalar(taken) is not None:
        msg = f"model {model_id}, or one with digest {digest}, exists"
        raise Conflict(msg)
    model = Model(
        id=model_id,
        kind=kind,
        digest=digest,
        release=release.digest,
        parent_id=None if parent is None else parent.id,
        prices=None if prices is None else dict(prices),
        author_id=author.id,
        path=path,
        state="registered",
        registered_at=clock(),
    )
    session.add(model)
    session.flush()
    event = ModelRegistered(
        model=str(model_id),
        model_kind=kind,
        digest=digest,
        release=release.digest,
        parent=None if parent is None else str(parent.id),
        author=str(author.id),
        prices=dict(prices or {}),
        price_file=price_file,
        mitigation_report=mitigation_report,
    )
    append(session, event, actor=actor, entry_id=uuid5(model_id, event.kind), clock=clock)
    return model


def model_id_of(training_id: UUID, kind: str) -> UUID:
    """The id of the model of a kind that a training makes."""
    return uuid5(training_id, kind)


def find_model(session: Session, training_id: UUID, kind: str) -> Model | None:
    """The model of a kind that a training made, if it did."""
    return session.get(Model, model_id_of(training_id, kind))


def get_model(session: Session, model_id: UUID) -> Model:
    """The model with this id.

    Raises:
        NotFound: there is none.
    """
    model = session.get(Model, model_id)
    if model is None:
        msg = f"no model {model_id}"
        raise NotFound(msg)
    return model


def find_by_digest(session: Session, digest: str) -> Model | None:
    """The model with this content digest (hex), if it is registered."""
    return session.scalar(select(Model).where(Model.digest == digest))


def list_models(session: Session, *, state: ModelState | None = None, offset: int = 0, limit: int = 100) -> list[Model]:
    """Models, newest first, in one state or all."""
    statement = select(Model).order_by(Model.registered_at.desc(), Model.id).offset(offset).limit(limit)
    return list(session.scalars(statement if state is None else statement.where(Model.state == state)))


def set_state(session: Session, model: Model, state: ModelState) -> None:
    """Change where a model stands. The caller's change (a review, a deployment) appends the event."""
    model.state = state
    session.flush()


def register_report(
    session: Session, model: Model, digest: str, *, path_json: str, path_html: str, actor: str, clock: Clock
) -> AuditRecord:
    """Record a report under the digest (hex) of its JSON.

    The same one a second time, from an audit that found what it had found before, is as new as that audit: it moves to
    now, and the log has it already.

    Raises:
        Conflict: the digest is known as another model's report.
    """
    known = session.get(AuditRecord, digest)
    if known is not None and known.model_id == model.id:
        known.recorded_at = clock()
        session.flush()
        return known
    if known is not None:
        msg = f"report {digest} is registered for another model"
        raise Conflict(msg)
    row = AuditRecord(digest=digest, model_id=model.id, path_json=path_json, path_html=path_html, recorded_at=clock())
    session.add(row)
    session.flush()
    event = AuditRecorded(model=str(model.id), report=digest)
    append(session, event, actor=actor, entry_id=uuid5(model.id, f"{event.kind}/{digest}"), clock=clock)
    return row


def get_report(session: Session, digest: str) -> AuditRecord:
    """The report with this digest.

    Raises:
        NotFound: there is none.
    """
    row = session.get(AuditRecord, digest)
    if row is None:
        msg = f"no report {digest}"
        raise NotFound(msg)
    return row


def list_reports(session: Session, model: Model, *, limit: int = 100) -> list[AuditRecord]:
    """The model's reports, newest first."""
    statement = select(AuditRecord).where(AuditRecord.model_id == model.id)
    return list(session.scalars(statement.order_by(AuditRecord.recorded_at.desc(), AuditRecord.digest).limit(limit)))


def find_latest_report(session: Session, model: Model) -> AuditRecord | None:
    """The model's newest report, or None where it was never audited."""
    return next(iter(list_reports(session, model, limit=1)), None)


def latest_report(session: Session, model: Model) -> AuditRecord:
    """The model's newest report.

    Raises:
        Unaudited: it was never audited.
    """
    record = find_latest_report(session, model)
    if record is None:
        msg = f"model {model.id} has no report: run `probity audit run {model.id}` first"
        raise Unaudited(msg)
    return record


def serving(session: Session) -> Deployment | None:
    """The deployment that serves now, if any does."""
    return session.scalar(select(Deployment).where(Deployment.ended_at.is_(None)).order_by(Deployment.number.desc()))


def list_deployments(session: Session, *, limit: int = 100) -> list[Deployment]:
    """The latest deployments, newest first."""
    return list(session.scalars(select(Deployment).order_by(Deployment.number.desc()).limit(limit)))


def next_deployment_number(session: Session) -> int:
    """One more than the last; deployments are counted from 1."""
    return (session.scalar(select(func.max(Deployment.number))) or 0) + 1


def next_generation(session: Session) -> int:
    """One more than the last; generations are counted from 1."""
    return (session.scalar(select(func.max(Model.generation))) or 0) + 1
