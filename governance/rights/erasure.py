"""Erasure (GDPR Art. 17, Civ. Code 1798.105): plan → ledger → destroy → verify → certificate.

The plan keeps the subject's three pseudonyms together until the end: once the vault's secret is destroyed nobody could
find the lake rows of a job that crashed half-way. That row is the only place where they meet outside the vault, and it
is emptied last.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid5

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from governance.access.calls import forget_calls_that_made
from governance.consent.state import count_decisions, forget
from governance.errors import Conflict, NotFound
from governance.keys.rotation import require_in_force
from governance.ledger.opening import count_by_record, count_openings, erase_openings
from governance.ledger.store import append
from governance.registry.lineage import (
    Exposure,
    count_memberships,
    forget_memberships,
    generations_that_saw,
    snapshots_of,
)
from governance.registry.released_audits import ReadFor, count_read, forget_read, releases_that_read
from governance.reidentification.procedure import count as count_cases
from governance.reidentification.procedure import forget as forget_cases
from governance.rights.attesting import attest_erasure
from governance.rights.cases import withheld
from governance.rights.certificate import AuditMemory, Certificate, ModelMemory, StoreErasure, sign_certificate
from governance.rights.events import ErasureCertified, ErasureStarted
from governance.rights.openings import commit
from governance.rights.requests import day_of
from governance.rights.tables import CertificateRecord, RightsRequest
from governance.rights.work import Handover, Right, Stage, Task, Tools, package_path
from pseudonymisation.errors import UnknownSubject
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.schema import EVENT_KINDS

STORES = ("vault", "lake", "sums", "consents", "snapshots", "audits", "cases", "openings")
DOMAINS = ("events", "consent")


def plan(session: Session, tools: Tools, task: Task) -> None:
    """Translate the subject into every domain, and log that the erasure begins, before anything is destroyed.

    Raises:
        NotFound: no living subject has the request's pseudonym.
    """
    found = {}
    for domain in DOMAINS:
        translated = tools.vault.translate([task.subject], source="rights", target=domain)
        if task.subject not in translated:
            msg = f"request {task.request.id}: no living subject has its pseudonym; refuse it with the ground no_match"
            raise NotFound(msg)
        found[domain] = translated[task.subject]
    task.note(rights=task.subject, **found, found={"vault": {"subject": 1}})
    event = ErasureStarted(
        request=str(task.request.id), stores=STORES, commitment=commit(session, task.request, ErasureStarted.kind)
    )
    append(session, event, actor=tools.actor, entry_id=uuid5(task.request.id, event.kind), clock=tools.clock)


def destroy_secret(_session: Session, tools: Tools, task: Task) -> None:
    """Destroy the vault's rows: from here on nobody can link the subject's pseudonyms to them or to each other."""
    try:
        destroyed = tools.vault.erase(Pseudonym(task.job.work["rights"]), domain="rights")
    except UnknownSubject:
        # The run before got as far as this and crashed before it could note so: its counts are lost, its deed is not.
        tools.vault.clear_residue()
        return
    _add_found(task, "vault", destroyed.rows)
    task.note(commitment=destroyed.commitment)


def rewrite_lake(_session: Session, tools: Tools, task: Task) -> None:
    """Rewrite the event files without the subject's rows. They are counted and noted first, by `count_lake`."""
    tools.lake.erase([Pseudonym(task.job.work["events"])])


def count_lake(_session: Session, tools: Tools, task: Task) -> None:
    """Count what is about to be removed, so that a crash in between loses no count."""
    subject = Pseudonym(task.job.work["events"])
    _add_found(task, "lake", {kind.name: tools.lake.count(kind.name, subjects=[subject]) for kind in EVENT_KINDS})


def leave_sums(session: Session, tools: Tools, task: Task) -> None:
    """Take the subject out of exact sums that are kept, while their events can still say what they had added."""
    left = tools.leave_sums(session, Pseudonym(task.job.work["events"]), task.request.id)
    before = task.job.work["found"].get("sums", {})
    _add_found(task, "sums", {deed: max(count, before.get(deed, 0)) for deed, count in left.items()})


def forget_control(session: Session, tools: Tools, task: Task) -> None:
    """Delete consents, membership of snapshots and audits' releases, sealed packages, names in cases, and openings.

    Which models and releases had seen the subject is read before. The openings go with those of this request itself:
    from here on the log proves that an erasure was asked for and begun, not whose. Open cases that policy withholds are
    forgotten as all others, and not counted: the counts go into the certificate.
    """
    events, consent = task.job.work["events"], task.job.work["consent"]
    # Once more, while the lists still say who was in what: a training may have kept sums since.
    leave_sums(session, tools, task)
    task.note(
        models=[_memory(exposure) for exposure in generations_that_saw(session, events)],
        snapshots=[str(snapshot) for snapshot in snapshots_of(session, events)],
        audits=[_audit(release) for release in releases_that_read(session, events)],
    )
    _add_found(task, "consents", {"consent_decision": forget(session, consent)})
    _add_found(task, "snapshots", {"registry_snapshot_subject": forget_memberships(session, events)})
    _add_found(task, "audits", {"registry_audit_release_subject": forget_read(session, events)})
    rights = Pseudonym(task.job.work["rights"])
    hidden = withheld(session, rights, tools.policies.access.value.reidentification)
    unsaid = sum(count for record, count in count_by_record(session, rights).items() if record in hidden)
    cases = forget_cases(session, rights)
    _add_found(task, "cases", {"reidentification_case": cases - len(hidden)})
    _add_found(task, "openings", {"ledger_opening": _forget_requests(session, tools, task) - unsaid})


def _forget_requests(session: Session, tools: Tools, task: Task) -> int:
    """Take the subject out of every other request and delete all openings about them; how many openings there were."""
    subject = task.job.work["rights"]
    query = select(RightsRequest).where(RightsRequest.subject == subject, RightsRequest.id != task.request.id)
    others = session.scalars(query).all()
    # How this request was called stays for its day: a retry whose answer was lost must not be told of nobody.
    forget_calls_that_made(session, [request.id for request in others])
    for request in others:
        package_path(tools.packages, request).unlink(missing_ok=True)
        request.subject = request.box_key = None
    # Nothing more is committed to: the key that would seal it is destroyed.
    task.request.box_key = None
    session.flush()
    return erase_openings(session, about=subject)


def certify(session: Session, tools: Tools, task: Task) -> Handover:
    """Read every store a second time, sign what was found, log the digest, and empty the job.

    Raises:
        Conflict: a store still holds something; names the store and the count.
        ConfigurationError: the signing key was replaced since it was loaded.
    """
    # Once more: a request or a case may have come in while the secret was being destroyed.
    forget_cases(session, Pseudonym(task.job.work["rights"]))
    _forget_requests(session, tools, task)
    _require_gone(session, tools, task)
    require_in_force(session, "certificate", tools.signer.key_id)
    today = day_of(tools.clock())
    certificate = _certificate(tools, task, today)
    envelope = sign_certificate(certificate, tools.signer)
    digest = sha256(envelope).hexdigest()
    session.add(CertificateRecord(digest=digest, request_id=task.request.id, envelope=envelope, issued_on=today))
    task.job.work = {}
    session.execute(update(RightsRequest).where(RightsRequest.id == task.request.id).values(subject=None))
    session.flush()
    event = ErasureCertified(
        request=str(task.request.id),
        certificate=digest,
        models=len(certificate.models),
        retrain_by=certificate.retrain_by,
    )
    append(session, event, actor=tools.actor, entry_id=uuid5(task.request.id, event.kind), clock=tools.clock)
    attest_erasure(
        session,
        tools.attester,
        certificate,
        digest,
        policies=tools.policies,
        clock=tools.clock,
    )
    return Handover(certificate=envelope)


def get_certificate(session: Session, request: RightsRequest) -> bytes:
    """The signed envelope that closed an erasure, byte for byte.

    Raises:
        NotFound: the request has none.
    """
    record = session.scalar(select(CertificateRecord).where(CertificateRecord.request_id == request.id))
    if record is None:
        msg = f"request {request.id} has no certificate"
        raise NotFound(msg)
    return record.envelope


def _add_found(task: Task, store: str, rows: Mapping[str, int]) -> None:
    found = task.job.work["found"]
    task.note(found={**found, store: {**found.get(store, {}), **rows}})


def _require_gone(session: Session, tools: Tools, task: Task) -> None:
    work = task.job.work
    rights, events = Pseudonym(work["rights"]), Pseudonym(work["events"])
    left = {
        "vault": len(tools.vault.translate([rights], source="rights", target="events")),
        "lake": sum(tools.lake.count(kind.name, subjects=[events]) for kind in EVENT_KINDS),
        "consents": count_decisions(session, work["consent"]),
        "snapshots": count_memberships(session, events),
        "audits": count_read(session, events),
        "cases": count_cases(session, rights),
        "openings": count_openings(session, rights),
    }
    remaining = [f"{store}: {count} rows" for store, count in left.items() if count]
    if remaining:
        msg = f"request {task.request.id}: the second read still finds {', '.join(remaining)}"
        raise Conflict(msg)


def _certificate(tools: Tools, task: Task, today: date) -> Certificate:
    request, work = task.request, task.job.work
    models = tuple(ModelMemory(**each) for each in work["models"])
    days = tools.policies.privacy.value.retrain_after_erasure_days
    return Certificate(
        request=str(request.id),
        right=request.right,
        regime=request.regime,
        controller=tools.policies.purposes.value.controller,
        received_on=day_of(request.received_at).isoformat(),
        erased_on=today.isoformat(),
        stores=tuple(StoreErasure(store=store, found=work["found"].get(store, {}), left=0) for store in STORES),
        models=models,
        snapshots=tuple(work["snapshots"]),
        # An erasure that was begun before releases were noted has none to name.
        audits=tuple(AuditMemory(**each) for each in work.get("audits", ())),
        retrain_by=(today + timedelta(days=days)).isoformat() if models else None,
        vault_commitment=work.get("commitment"),
        residue=_residue(tools),
    )


def _residue(tools: Tools) -> tuple[str, ...]:
    days = tools.policies.retention.value.quarantine_days
    return (
        (
            "Rejected input, if there was any, lies encrypted until `probity retention run` destroys it, which policy "
            f"asks for after {days} days."
        ),
        (
            "Back-ups and logs of the databases that are older than the erasure keep what they held until they are "
            "recycled; after a restore the erasure must be repeated."
        ),
        "That this request was made and answered is kept, without the subject, for the time that the law asks for.",
    )


def _memory(exposure: Exposure) -> dict[str, Any]:
    return {
        "model": str(exposure.model_id),
        "digest": exposure.model_digest,
        "kind": exposure.kind,
        "state": exposure.state,
        "generation": exposure.generation,
        "release": exposure.release,
        "guarantee": dict(exposure.guarantee),
    }


def _audit(release: ReadFor) -> dict[str, Any]:
    return {
        "release": str(release.reservation_id),
        "document": release.digest,
        "model": str(release.model_id),
        "guarantee": dict(release.guarantee),
    }


ERASURE = Right(
    slug="erasure",
    response="deleted",
    stages=(
        Stage("plan", plan),
        Stage("count_lake", count_lake),
        Stage("leave_sums", leave_sums),
        Stage("destroy_secret", destroy_secret),
        Stage("rewrite_lake", rewrite_lake),
        Stage("forget_control", forget_control),
        Stage("certify", certify),
    ),
)
