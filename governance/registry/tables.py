"""Tables of the registry. Digests are SHA-256 in hex; subjects are pseudonyms of the events domain."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from governance.access.tables import Principal
from governance.budget.tables import Reservation
from governance.database import Base, UtcDateTime

ModelState = Literal["registered", "approved", "deployed", "retired", "rejected"]


class Batch(Base):
    """One batch that went through the gateway: what was written, and what was not, by reason."""

    __tablename__ = "registry_batch"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    written: Mapped[dict[str, int]] = mapped_column(JSON)
    dropped: Mapped[dict[str, int]] = mapped_column(JSON)
    quarantined: Mapped[int]
    lake_versions: Mapped[dict[str, int]] = mapped_column(JSON)
    ingested_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Snapshot(Base):
    """What a training read: ``manifest`` is canonical JSON, ``digest`` its SHA-256."""

    __tablename__ = "registry_snapshot"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    manifest: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text, index=True)
    subjects: Mapped[int]
    taken_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SnapshotSubject(Base):
    """Whose events a snapshot holds, so that an erasure can name the models that saw them."""

    __tablename__ = "registry_snapshot_subject"

    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    snapshot_id: Mapped[UUID] = mapped_column(ForeignKey(Snapshot.id), primary_key=True, index=True)


class ReleaseRecord(Base):
    """A differentially private measurement: what it read, what it cost, where it lies."""

    __tablename__ = "registry_release"

    digest: Mapped[str] = mapped_column(Text, primary_key=True)
    snapshot_id: Mapped[UUID] = mapped_column(ForeignKey(Snapshot.id), index=True)
    reservation_id: Mapped[UUID] = mapped_column(ForeignKey(Reservation.id), unique=True)
    guarantee: Mapped[dict[str, Any]] = mapped_column(JSON)
    path: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Model(Base):
    """An artefact made from a release. ``generation`` is its place in the sequence of deployed ones."""

    __tablename__ = "registry_model"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text, unique=True)
    release: Mapped[str] = mapped_column(ForeignKey(ReleaseRecord.digest), index=True)
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry_model.id"))
    prices: Mapped[dict[str, float] | None] = mapped_column(JSON)
    author_id: Mapped[UUID] = mapped_column(ForeignKey(Principal.id))
    path: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    generation: Mapped[int | None] = mapped_column(unique=True)
    registered_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AuditRecord(Base):
    """A stored report on a model, by the digest of its JSON."""

    __tablename__ = "registry_report"

    digest: Mapped[str] = mapped_column(Text, primary_key=True)
    model_id: Mapped[UUID] = mapped_column(ForeignKey(Model.id), index=True)
    path_json: Mapped[str] = mapped_column(Text)
    path_html: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AttackRecord(Base):
    """A stored report of an attack on a release's mechanism, run for a model of it, by the digest of its JSON."""

    __tablename__ = "registry_attack"

    digest: Mapped[str] = mapped_column(Text, primary_key=True)
    release: Mapped[str] = mapped_column(ForeignKey(ReleaseRecord.digest), index=True)
    model_id: Mapped[UUID] = mapped_column(ForeignKey(Model.id))
    path: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Deployment(Base):
    """One time a model began to serve. ``rolled_back_from`` is the deployment that it undid, if it did."""

    __tablename__ = "registry_deployment"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    model_id: Mapped[UUID] = mapped_column(ForeignKey(Model.id), index=True)
    deployed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    rolled_back_from: Mapped[int | None] = mapped_column(ForeignKey("registry_deployment.number"))


class AuditRelease(Base):
    """An audit's figures, released with noise that a reservation paid for."""

    __tablename__ = "registry_audit_release"

    reservation_id: Mapped[UUID] = mapped_column(ForeignKey(Reservation.id), primary_key=True)
    model_id: Mapped[UUID] = mapped_column(ForeignKey(Model.id))


class AuditReleaseSubject(Base):
    """Whose events were read for such a release, so that an erasure can name it."""

    __tablename__ = "registry_audit_release_subject"

    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    reservation_id: Mapped[UUID] = mapped_column(ForeignKey(AuditRelease.reservation_id), primary_key=True)
