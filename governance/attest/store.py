"""Making, keeping and finding attestations.

Trusted for nothing: whoever can write the folder or the table can take an attestation away or bring an old one back,
and the ledger shows it. Nobody but the holder of the key can make one say something else.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from governance.attest.attester import HOLDER, KEY, Attester
from governance.attest.dsse import attestation_digest, decode_envelope, sign_envelope
from governance.attest.events import AttestationMade, AttestationWithdrawn
from governance.attest.predicate import Predicate
from governance.attest.resource import Resource
from governance.attest.statement import PAYLOAD_TYPE, Statement, Subject, encode_statement
from governance.attest.tables import AttestationRecord
from governance.clock import Clock
from governance.database import wait_for_others
from governance.errors import BrokenProof, ConfigurationError, Conflict, InvalidInput, NotFound
from governance.keys.rotation import require_in_force
from governance.ledger.store import append
from pseudonymisation.durable import sync_folder, write_atomically

REASONS: Final = ("mistaken", "key_compromised", "artefact_recalled")
"""Why an attestation may be withdrawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An attestation that was made: its ``digest`` (over the PAE), and the ``resource`` that others refer to it by.

    The resource's own digest is that of the envelope's bytes, so that any tool can check the file.
    """

    digest: str
    resource: Resource


def attest(
    session: Session,
    attester: Attester,
    predicate: Predicate,
    *,
    subject: Subject,
    about: str,
    clock: Clock,
) -> Made:
    """Sign a statement about an artefact, keep its envelope, and put it on record in the caller's transaction.

    Args:
        session: of the control database.
        attester: who says it.
        predicate: what is said.
        subject: the artefact, by digest.
        about: the artefact's name here: the id of a model or request, the digest of a release.
        clock: the present moment.

    Guarantees:
      - the file is durable before the entry can be: a rollback leaves a file that nobody vouches for, never the reverse
      - what was in force of this type about this artefact is superseded; the same said again changes nothing, but for
        what does not say when it was made: on a later day that is entered again, since its entry is what dates it

    Raises:
        InvalidInput: the predicate cannot be written as JSON.
        ConfigurationError: the key was replaced since this process began.
    """
    require_in_force(session, KEY, attester.key_id)
    statement = Statement(subjects=(subject,), predicate_type=predicate.predicate_type, predicate=predicate.as_json())
    payload = encode_statement(statement)
    digest = attestation_digest(PAYLOAD_TYPE, payload)
    envelope = sign_envelope(PAYLOAD_TYPE, payload, [attester.signer])
    _keep(attester.folder, digest, envelope)
    made = Made(
        digest=digest,
        resource=Resource(attester.uri(f"attestations/{file_name(digest)}"), sha256(envelope).hexdigest()),
    )
    # Two who say the same at once would both supersede what was said before.
    wait_for_others(session, f"probity/attestation/{predicate.predicate_type}/{subject.sha256}")
    before = find_in_force(session, predicate.predicate_type, subject.sha256)
    same = before is not None and (before.digest, before.key) == (digest, attester.key_id)
    if before is not None and same and (predicate.moment is not None or before.made_on >= _day(clock)):
        return made
    if before is not None:
        before.ended = "superseded"
        session.flush()
    number = _count(session, predicate.predicate_type, subject.sha256)
    event = AttestationMade(
        attestation=digest,
        predicate_type=predicate.predicate_type,
        artefact=subject.sha256,
        about=about,
        key=attester.key_id,
    )
    _record(session, event, clock)
    # Numbered: what was superseded may be said again, which is a change again.
    entry_id = uuid5(NAMESPACE_URL, f"probity:attestation:{digest}:{attester.key_id}:{number}")
    append(session, event, actor=HOLDER, entry_id=entry_id, clock=clock)
    return made


def withdraw(session: Session, digest: str, *, reason: str, clock: Clock) -> AttestationRecord:
    """Say in the ledger that an attestation no longer stands.

    Raises:
        NotFound: it was never made.
        Conflict: it is no longer in force.
        InvalidInput: a reason that is not on the list.
    """
    if reason not in REASONS:
        msg = f"reason: expected one of {', '.join(REASONS)}, got another word"
        raise InvalidInput(msg)
    record = find_attestation(session, digest)
    if record is None:
        msg = f"no attestation {digest}"
        raise NotFound(msg)
    if record.ended is not None:
        msg = f"attestation {digest} is {record.ended} already"
        raise Conflict(msg)
    record.ended = "withdrawn"
    session.flush()
    event = AttestationWithdrawn(
        attestation=digest,
        predicate_type=record.predicate_type,
        artefact=record.subject_digest,
        about=record.about,
        reason=reason,
    )
    entry_id = uuid5(NAMESPACE_URL, f"probity:attestation:{digest}:{record.id}:withdrawn")
    append(session, event, actor=HOLDER, entry_id=entry_id, clock=clock)
    return record


def find_attestation(session: Session, digest: str) -> AttestationRecord | None:
    """The latest time that the attestation with this digest (over its PAE) was made, if it ever was."""
    statement = select(AttestationRecord).where(AttestationRecord.digest == digest)
    return session.scalar(statement.order_by(AttestationRecord.id.desc()).limit(1))


def find_in_force(session: Session, predicate_type: str, subject_digest: str) -> AttestationRecord | None:
    """The attestation of this type about this artefact that is in force, if one is."""
    return session.scalar(
        select(AttestationRecord).where(
            AttestationRecord.subject_digest == subject_digest,
            AttestationRecord.predicate_type == predicate_type,
            AttestationRecord.ended.is_(None),
        )
    )


def list_attestations(
    session: Session, subject_digest: str | None = None, *, in_force: bool = False, limit: int = 1000
) -> list[AttestationRecord]:
    """What was attested about an artefact (its SHA-256), or about all, newest first; perhaps only what is in force."""
    statement = select(AttestationRecord).order_by(AttestationRecord.id.desc()).limit(limit)
    if subject_digest is not None:
        statement = statement.where(AttestationRecord.subject_digest == subject_digest)
    if in_force:
        statement = statement.where(AttestationRecord.ended.is_(None))
    return list(session.scalars(statement))


def read_envelope(folder: Path, digest: str) -> bytes:
    """The envelope of an attestation, byte for byte. Its signature is not checked here.

    Raises:
        BrokenProof: the file says something else than what was attested.
        ConfigurationError: the file is gone.
    """
    path = folder / file_name(digest)
    try:
        envelope = path.read_bytes()
    except OSError as cause:
        msg = f"the attestation {path.name} cannot be read ({cause.strerror}): restore it from your back-up"
        raise ConfigurationError(msg) from cause
    opened = decode_envelope(envelope)
    if attestation_digest(opened.payload_type, opened.payload) != digest:
        msg = f"{path.name} is not what was attested: its digest is another"
        raise BrokenProof(msg)
    return envelope


def file_name(digest: str) -> str:
    """The name of an envelope's file."""
    return f"{digest}.dsse.json"


def _keep(folder: Path, digest: str, envelope: bytes) -> None:
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)
    write_atomically(folder / file_name(digest), envelope)


def _count(session: Session, predicate_type: str, subject_digest: str) -> int:
    statement = select(func.count()).where(
        AttestationRecord.subject_digest == subject_digest, AttestationRecord.predicate_type == predicate_type
    )
    return session.scalar(statement) or 0


def _record(session: Session, event: AttestationMade, clock: Clock) -> None:
    session.add(
        AttestationRecord(
            digest=event.attestation,
            predicate_type=event.predicate_type,
            subject_digest=event.artefact,
            about=event.about,
            key=event.key,
            made_on=_day(clock),
        )
    )
    session.flush()


def _day(clock: Clock) -> datetime:
    return clock().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
