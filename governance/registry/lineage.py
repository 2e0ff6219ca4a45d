"""Batches, snapshots and releases: what was read, what it cost, and whose events were in it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from governance.budget.tables import Reservation
from governance.clock import Clock
from governance.errors import Conflict, EmptySnapshot, NotFound
from governance.ledger.canonical import encode_json
from governance.ledger.store import append
from governance.registry.events import BatchIngested, BatchQuarantined, ReleaseMade, SnapshotTaken
from governance.registry.tables import Batch, Model, ReleaseRecord, Snapshot, SnapshotSubject
from pseudonymisation.pseudonym import Pseudonym
from recommender.accounting import Guarantee
from recommender.paid_models import is_paid

CHUNK = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One model that had seen a subject.

    The guarantee bounds what it can still say about them: that of the release that it was made from, and of a kind that
    cost more than its release, that of both together.
    """

    model_id: UUID
    model_digest: str
    kind: str
    state: str
    generation: int | None
    release: str
    guarantee: Mapping[str, Any]


def register_batch(
    session: Session,
    batch: BatchIngested,
    *,
    quarantined: BatchQuarantined | None = None,
    actor: str,
    clock: Clock,
) -> Batch:
    """Record a batch that is in the lake, with its lines in quarantine if there are any.

    A batch that was recorded before is left as it was, so a retry is safe.
    """
    known = session.get(Batch, batch.batch)
    if known is not None:
        return known
    row = Batch(
        id=batch.batch,
        written=dict(batch.written),
        dropped=dict(batch.dropped),
        quarantined=batch.quarantined,
        lake_versions=dict(batch.lake_versions),
        ingested_at=clock(),
    )
    session.add(row)
    session.flush()
    entry_id = uuid5(NAMESPACE_URL, f"probity:batch:{batch.batch}")
    append(session, batch, actor=actor, entry_id=entry_id, clock=clock)
    if quarantined is not None:
        append(session, quarantined, actor=actor, entry_id=uuid5(entry_id, quarantined.kind), clock=clock)
    return row


def find_batch(session: Session, name: str) -> Batch | None:
    """The batch that was registered under this name, if any."""
    return session.get(Batch, name)


def list_batches(session: Session, *, limit: int = 100) -> list[Batch]:
    """The latest batches, newest first."""
    return list(session.scalars(select(Batch).order_by(Batch.ingested_at.desc(), Batch.id).limit(limit)))


def register_snapshot(
    session: Session,
    manifest: Mapping[str, Any],
    subjects: Iterable[str],
    *,
    snapshot_id: UUID,
    actor: str,
    clock: Clock,
) -> Snapshot:
    """Fix what a training may read.

    Args:
        session: of the control database.
        manifest: lake versions, digests of the consent state and of the policies, counts; JSON, no subject in it.
        subjects: pseudonyms (events domain) whose events the training will read.
        snapshot_id: a new id.
        actor: who takes it.
        clock: the present moment.

    Raises:
        EmptySnapshot: nobody's events may be read.
        Conflict: the id is taken.
    """
    members = sorted(set(subjects))
    if not members:
        msg = "no subject with events allows this purpose: nothing to train on"
        raise EmptySnapshot(msg)
    if session.get(Snapshot, snapshot_id) is not None:
        msg = f"snapshot {snapshot_id} exists"
        raise Conflict(msg)
    encoded = encode_json(dict(manifest))
    digest = sha256(encoded).hexdigest()
    snapshot = Snapshot(
        id=snapshot_id, manifest=encoded.decode(), digest=digest, subjects=len(members), taken_at=clock()
    )
    session.add(snapshot)
    session.flush()
    rows = ({"subject": member, "snapshot_id": snapshot_id} for member in members)
    while chunk := list(islice(rows, CHUNK)):
        session.execute(insert(SnapshotSubject), chunk)
    event = SnapshotTaken(snapshot=str(snapshot_id), manifest=digest, subjects=len(members))
    append(session, event, actor=actor, entry_id=uuid5(snapshot_id, event.kind), clock=clock)
    return snapshot


def get_snapshot(session: Session, snapshot_id: UUID) -> Snapshot:
    """The snapshot with this id.

    Raises:
        NotFound: there is none.
    """
    snapshot = session.get(Snapshot, snapshot_id)
    if snapshot is None:
        msg = f"no snapshot {snapshot_id}"
        raise NotFound(msg)
    return snapshot


def list_snapshots(session: Session, *, limit: int = 100) -> list[Snapshot]:
    """The latest snapshots, newest first."""
    return list(session.scalars(select(Snapshot).order_by(Snapshot.taken_at.desc(), Snapshot.id).limit(limit)))


def register_release(
    session: Session,
    digest: str,
    guarantee: Guarantee,
    *,
    snapshot: Snapshot,
    reservation_id: UUID,
    path: str,
    actor: str,
    clock: Clock,
) -> ReleaseRecord:
    """Record a measurement under its content digest (hex). The same one a second time changes nothing.

    Raises:
        Conflict: the digest is known from another snapshot.
    """
    known = session.get(ReleaseRecord, digest)
    if known is not None and known.snapshot_id == snapshot.id:
        return known
    if known is not None:
        msg = f"release {digest} is registered for another snapshot"
        raise Conflict(msg)
    row = ReleaseRecord(
        digest=digest,
        snapshot_id=snapshot.id,
        reservation_id=reservation_id,
        guarantee=dict(guarantee.as_dict()),
        path=path,
        made_at=clock(),
    )
    session.add(row)
    session.flush()
    event = ReleaseMade(
        release=digest, snapshot=str(snapshot.id), reservation=str(reservation_id), guarantee=row.guarantee
    )
    append(session, event, actor=actor, entry_id=uuid5(reservation_id, event.kind), clock=clock)
    return row


def get_release(session: Session, digest: str) -> ReleaseRecord:
    """The release with this digest.

    Raises:
        NotFound: there is none.
    """
    row = session.get(ReleaseRecord, digest)
    if row is None:
        msg = f"no release {digest}"
        raise NotFound(msg)
    return row


def list_releases(session: Session, *, limit: int = 100) -> list[ReleaseRecord]:
    """The latest releases, newest first."""
    statement = select(ReleaseRecord).order_by(ReleaseRecord.made_at.desc(), ReleaseRecord.digest).limit(limit)
    return list(session.scalars(statement))


def generations_that_saw(session: Session, subject: str) -> list[Exposure]:
    """Every model that had seen the subject (events domain), deployed or not, oldest first.

    These are the models made from a release on a snapshot that held the subject.
    """
    statement = (
        select(Model, ReleaseRecord, Reservation)
        .join(ReleaseRecord, ReleaseRecord.digest == Model.release)
        .join(Reservation, Reservation.id == ReleaseRecord.reservation_id)
        .join(SnapshotSubject, SnapshotSubject.snapshot_id == ReleaseRecord.snapshot_id)
        .where(SnapshotSubject.subject == subject)
        .order_by(Model.registered_at, Model.id)
    )
    return [
        Exposure(
            model_id=model.id,
            model_digest=model.digest,
            kind=model.kind,
            state=model.state,
            generation=model.generation,
            release=release.digest,
            guarantee=_guarantee(model, release, reservation),
        )
        for model, release, reservation in session.execute(statement)
    ]


def guarantee_of(session: Session, model: Model) -> Mapping[str, Any]:
    """What bounds a model's memory of one subject, as ``Guarantee.as_dict`` writes it.

    That of the release that it was made from; of a kind that cost more than its release, that of both together.
    """
    release = get_release(session, model.release)
    reservation = session.get_one(Reservation, release.reservation_id)
    return _guarantee(model, release, reservation)


def _guarantee(model: Model, release: ReleaseRecord, reservation: Reservation) -> Mapping[str, Any]:
    return reservation.guarantee if is_paid(model.kind) else release.guarantee


def snapshots_of(session: Session, subject: str) -> list[UUID]:
    """The snapshots that hold the subject (events domain), in the order of their ids."""
    statement = select(SnapshotSubject.snapshot_id).where(SnapshotSubject.subject == subject)
    return list(session.scalars(statement.order_by(SnapshotSubject.snapshot_id)))


def members_of(session: Session, snapshot_id: UUID) -> list[Pseudonym]:
    """Who is on a snapshot's list today (events domain), in order: its subjects without those erased since."""
    statement = select(SnapshotSubject.subject).where(SnapshotSubject.snapshot_id == snapshot_id)
    return [Pseudonym(subject) for subject in sorted(session.scalars(statement))]


def count_members(session: Session, snapshot_id: UUID) -> int:
    """How many are on a snapshot's list today."""
    statement = select(func.count()).select_from(SnapshotSubject).where(SnapshotSubject.snapshot_id == snapshot_id)
    return session.scalar(statement) or 0


def is_member(session: Session, subject: str, snapshot_id: UUID) -> bool:
    """Whether the subject (events domain) is on a snapshot's list today."""
    return session.get(SnapshotSubject, (subject, snapshot_id)) is not None


def count_memberships(session: Session, subject: str) -> int:
    """In how many snapshots the subject (events domain) is."""
    statement = select(func.count()).select_from(SnapshotSubject).where(SnapshotSubject.subject == subject)
    return session.scalar(statement) or 0


def forget_memberships(session: Session, subject: str) -> int:
    """Remove the subject from every snapshot's list; only an erasure does this. Returns how many there were."""
    found = count_memberships(session, subject)
    session.execute(delete(SnapshotSubject).where(SnapshotSubject.subject == subject))
    session.flush()
    return found
