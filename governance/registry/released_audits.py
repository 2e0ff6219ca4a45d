"""Releases of audits' figures under differential privacy: of which model, and whose events were read for each.

Who was read is noted before anything is, and forgotten by an erasure, as with the lists of snapshots.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from governance.budget.tables import Reservation
from governance.registry.tables import AuditRelease, AuditReleaseSubject, Model

CHUNK = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFor:
    """A release for which a subject's events were read.

    ``digest`` is of the document (SHA-256, hex); None where the release was cut off, or is being made.
    """

    reservation_id: UUID
    model_id: UUID
    digest: str | None
    guarantee: Mapping[str, Any]


def note_read(session: Session, reservation_id: UUID, model: Model, subjects: Iterable[str]) -> None:
    """Note whose events (pseudonyms of the events domain) are about to be read, before they are."""
    session.add(AuditRelease(reservation_id=reservation_id, model_id=model.id))
    session.flush()
    rows = ({"subject": subject, "reservation_id": reservation_id} for subject in sorted(set(subjects)))
    while chunk := list(islice(rows, CHUNK)):
        session.execute(insert(AuditReleaseSubject), chunk)


def releases_that_read(session: Session, subject: str) -> list[ReadFor]:
    """Every audit's release for which the subject (events domain) was read, oldest first."""
    statement = (
        select(AuditRelease, Reservation)
        .join(Reservation, Reservation.id == AuditRelease.reservation_id)
        .join(AuditReleaseSubject, AuditReleaseSubject.reservation_id == AuditRelease.reservation_id)
        .where(AuditReleaseSubject.subject == subject)
        .order_by(Reservation.reserved_at, Reservation.id)
    )
    return [
        ReadFor(
            reservation_id=reservation.id,
            model_id=release.model_id,
            digest=reservation.release,
            guarantee=reservation.guarantee,
        )
        for release, reservation in session.execute(statement)
    ]


def count_read(session: Session, subject: str) -> int:
    """For how many releases the subject (events domain) is noted as read."""
    statement = select(func.count()).where(AuditReleaseSubject.subject == subject)
    return session.scalar(statement) or 0


def unnote_read(session: Session, release_id: UUID, subject: str) -> None:
    """Take the subject off the list of one release that, after all, does not read them."""
    statement = delete(AuditReleaseSubject).where(
        AuditReleaseSubject.reservation_id == release_id, AuditReleaseSubject.subject == subject
    )
    session.execute(statement)
    session.flush()


def forget_read(session: Session, subject: str) -> int:
    """Take the subject off every release's list; only an erasure does this. Returns on how many they were."""
    found = count_read(session, subject)
    session.execute(delete(AuditReleaseSubject).where(AuditReleaseSubject.subject == subject))
    session.flush()
    return found
