"""Asking who is behind a pseudonym: asked by one, approved by another, answered to the first, once and in time.

    asked ──► approved ──► answered
      └───────────┴──► expired | erased
    asked about nobody ──► unknown, at once

Each step is an entry without the subject. How often it may be asked is policy (access.yaml). The vault does not know
about cases: whoever can run code beside it needs none, which is what the entries and the split of roles are against.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, get_args
from uuid import UUID, uuid5

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.clock import Clock
from governance.database import wait_for_others
from governance.errors import Conflict, Forbidden, InvalidInput, NotFound
from governance.ledger.opening import ABOUT_DOMAIN, LedgerOpening, commit_to, erase_openings
from governance.ledger.store import append
from governance.policy.rules import ReidentificationRule
from governance.reidentification.events import ReidentificationApproved, ReidentificationAsked, ReidentificationUsed
from governance.reidentification.tables import Case
from pseudonymisation.boxes import BoxKey
from pseudonymisation.errors import UnknownSubject
from pseudonymisation.pseudonym import DOMAINS, Pseudonym, is_pseudonym
from pseudonymisation.vault import Vault

CaseGround = Literal["court_order", "incident", "vital_interest", "subject_asked", "fraud"]
"""Why somebody may be named again."""

Outcome = Literal["answered", "expired", "erased", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a case ended, and the identifiers (kind, value) where it was answered. Never printed by accident."""

    outcome: Outcome
    identifiers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def ask(
    session: Session,
    vault: Vault,
    pseudonym: Pseudonym,
    domain: str,
    principal: Principal,
    *,
    ground: CaseGround,
    case_id: UUID,
    rule: ReidentificationRule,
    clock: Clock,
) -> Case:
    """Ask who is behind one pseudonym of a domain. Needs ``reidentification:ask``; shows nothing.

    Guarantees:
      - a pseudonym that no living subject has is a case too, over at once with the outcome ``unknown``: whoever tries
        pseudonyms out is counted and in the log. The caller commits before it tells them (`require_somebody`)

    Raises:
        InvalidInput: no pseudonym, domain or ground that there is; what was given is not repeated.
        Conflict: today's number for this person, or for all together, is used up.
    """
    if domain not in DOMAINS or ground not in get_args(CaseGround) or not is_pseudonym(pseudonym):
        msg = (
            f"expected a pseudonym (32 hex digits) of {', '.join(DOMAINS)} and a ground of "
            f"{', '.join(get_args(CaseGround))}, got other words"
        )
        raise InvalidInput(msg)
    # Two who ask at once would each count the cases without the other's.
    wait_for_others(session, "probity/reidentification")
    now = clock()
    _require_quota(session, principal, rule, now)
    subject = vault.translate([pseudonym], source=domain, target=ABOUT_DOMAIN).get(pseudonym)
    case = Case(
        id=case_id,
        domain=domain,
        ground=ground,
        subject=subject,
        box_key=None if subject is None else vault.box_key(subject, domain=ABOUT_DOMAIN, purpose=case_id.bytes),
        asked_by=principal.id,
        asked_at=now,
        valid_until=now + timedelta(days=rule.valid_days),
    )
    session.add(case)
    session.flush()
    event = ReidentificationAsked(
        case=str(case_id),
        domain=domain,
        ground=ground,
        valid_until=case.valid_until.date().isoformat(),
        commitment=_commit(session, case, ReidentificationAsked.kind),
    )
    append(session, event, actor=actor_of(principal), entry_id=uuid5(case_id, event.kind), clock=clock)
    if subject is None:
        _close(session, case, "unknown", actor=actor_of(principal), clock=clock)
    return case


def require_somebody(case: Case) -> None:
    """To be called after the commit of `ask`.

    Raises:
        NotFound: no living subject has the pseudonym that was asked about.
    """
    if case.outcome == "unknown":
        msg = "no living subject has this pseudonym"
        raise NotFound(msg)


def approve(session: Session, case: Case, principal: Principal, *, clock: Clock) -> Case:
    """Allow it, once. Needs ``reidentification:approve``. Twice by the same person is as once.

    Raises:
        Forbidden: nobody approves their own question.
        Conflict: the case is over, approved by somebody else, or too old.
    """
    session.refresh(case, with_for_update=True)
    if case.asked_by == principal.id:
        msg = "a re-identification is not approved by the one who asked for it"
        raise Forbidden(msg)
    if case.approved_by == principal.id and case.closed_at is None:
        return case
    if case.closed_at is not None or case.approved_by is not None or clock() >= case.valid_until:
        msg = f"case {case.id} cannot be approved: it is over, was approved before, or its time has passed"
        raise Conflict(msg)
    case.approved_by = principal.id
    session.flush()
    event = ReidentificationApproved(
        case=str(case.id),
        approver=str(principal.id),
        commitment=_commit(session, case, ReidentificationApproved.kind),
    )
    append(session, event, actor=actor_of(principal), entry_id=uuid5(case.id, event.kind), clock=clock)
    return case


def use(session: Session, vault: Vault, case: Case, principal: Principal, *, clock: Clock) -> Answer:
    """The subject's identifiers, to the one who asked and only now: the case is over with it, whatever comes of it.

    Show it after the commit: then the entry is there before anybody has read it.

    Raises:
        NotFound: somebody else asked.
        Conflict: it is not approved, or over.
    """
    session.refresh(case, with_for_update=True)
    if case.asked_by != principal.id:
        msg = f"no case {case.id}"
        raise NotFound(msg)
    if case.closed_at is not None or (case.approved_by is None and clock() < case.valid_until):
        msg = f"case {case.id} is {'over' if case.closed_at is not None else 'not approved yet'}"
        raise Conflict(msg)
    answer = _answer(vault, case, clock())
    _close(session, case, answer.outcome, actor=actor_of(principal), clock=clock)
    return answer


def get_case(session: Session, case_id: UUID) -> Case:
    """The case with this id.

    Raises:
        NotFound: there is none.
    """
    case = session.get(Case, case_id)
    if case is None:
        msg = f"no case {case_id}"
        raise NotFound(msg)
    return case


def list_cases(session: Session, *, limit: int = 100) -> list[Case]:
    """The latest cases, newest first."""
    return list(session.scalars(select(Case).order_by(Case.asked_at.desc(), Case.id).limit(limit)))


def expire(session: Session, *, actor: str, clock: Clock) -> int:
    """Close every case whose time has passed, so that no subject stays named in it; how many."""
    late = session.scalars(
        select(Case).where(Case.closed_at.is_(None), Case.valid_until <= clock()).with_for_update()
    ).all()
    for case in late:
        _close(session, case, "expired", actor=actor, clock=clock)
    return len(late)


def forget(session: Session, subject: Pseudonym) -> int:
    """Take an erased subject out of every case; how many there were. Their openings are erased with all others."""
    cases = _about(session, subject)
    for case in cases:
        case.subject = case.box_key = None
    session.flush()
    return len(cases)


def count(session: Session, subject: Pseudonym) -> int:
    """How many cases still name a subject."""
    return len(_about(session, subject))


def list_about(session: Session, subject: Pseudonym) -> list[Case]:
    """The cases that can be told to be about a subject, oldest first: open ones, and closed ones by their openings."""
    closed = select(LedgerOpening.record).where(LedgerOpening.about == subject)
    about = or_(Case.subject == subject, Case.id.in_(closed))
    return list(session.scalars(select(Case).where(about).order_by(Case.asked_at, Case.id)))


def delete_closed(session: Session, before: datetime) -> int:
    """Delete cases that were closed earlier, with their openings; how many openings."""
    openings = 0
    for case in session.scalars(select(Case).where(Case.closed_at < before)).all():
        openings += erase_openings(session, record=case.id)
        session.delete(case)
    session.flush()
    return openings


def _about(session: Session, subject: Pseudonym) -> Sequence[Case]:
    return session.scalars(select(Case).where(Case.subject == subject)).all()


def _answer(vault: Vault, case: Case, now: datetime) -> Answer:
    if now >= case.valid_until:
        return Answer(outcome="expired")
    try:
        subject = Pseudonym(case.subject or "")
        return Answer(outcome="answered", identifiers=vault.identifiers_of(subject, domain=ABOUT_DOMAIN))
    except UnknownSubject:
        return Answer(outcome="erased")


def _close(session: Session, case: Case, outcome: Outcome, *, actor: str, clock: Clock) -> None:
    event = ReidentificationUsed(
        case=str(case.id), outcome=outcome, commitment=_commit(session, case, ReidentificationUsed.kind)
    )
    case.outcome, case.closed_at = outcome, clock()
    case.subject = case.box_key = None
    session.flush()
    append(session, event, actor=actor, entry_id=uuid5(case.id, event.kind), clock=clock)


def _commit(session: Session, case: Case, entry: str) -> str | None:
    if case.subject is None or case.box_key is None:
        return None
    payload = {"entry": entry, "case": str(case.id), "subject": case.subject}
    return commit_to(session, payload, box_key=BoxKey(case.box_key), about=case.subject, record=case.id)


def _require_quota(session: Session, principal: Principal, rule: ReidentificationRule, now: datetime) -> None:
    since = now - timedelta(days=1)
    asked = select(func.count()).where(Case.asked_at > since)
    own = session.scalar(asked.where(Case.asked_by == principal.id)) or 0
    if own >= rule.per_person_per_day or (session.scalar(asked) or 0) >= rule.per_day:
        msg = (
            f"at most {rule.per_person_per_day} questions a day for one person and {rule.per_day} for all; "
            "they are used up: ask tomorrow"
        )
        raise Conflict(msg)
