"""What is in force: per subject, per purpose, and as the snapshot that a training reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.orm import Session

from governance.consent.tables import ConsentDecision
from governance.database import reading
from governance.errors import NotFound
from governance.policy.purposes import Purpose, PurposesPolicy

CHUNK = 10_000
"""Subjects per query: below SQLite's limit of bound values."""

OBJECTIONABLE = "A6-1-f"
"""A legitimate interest needs no consent but ends where the subject objects (GDPR Art. 21(1))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentSnapshot:
    """The subjects (sorted, consent domain) who granted a purpose, and a SHA-256 (hex) over purpose and subjects."""

    purpose: str
    subjects: tuple[str, ...]
    digest: str

    @property
    def count(self) -> int:
        """How many subjects."""
        return len(self.subjects)


def allowed(session: Session, purpose: str, subjects: Sequence[str], *, policy: PurposesPolicy) -> list[bool]:
    """Whether each subject's data may be used for the purpose, in the order asked.

    Consent: only where a grant is in force. Legitimate interest: unless the subject refused or withdrew. Contract and
    legal obligation: always.

    Raises:
        NotFound: the policy knows no such purpose; an unknown purpose is never silently allowed.
    """
    rule = _purpose(policy, purpose)
    if not rule.needs_consent and rule.legal_basis != OBJECTIONABLE:
        return [True] * len(subjects)
    choices = _choices(session, purpose, subjects)
    if rule.needs_consent:
        return [choices.get(subject) == "grant" for subject in subjects]
    return [choices.get(subject, "grant") == "grant" for subject in subjects]


@dataclass(frozen=True, slots=True)
class StoredConsents:
    """The answer to the identity plane's question, from the control database.

    Each call reads in a session of its own, which waits for no writer.
    """

    engine: Engine
    policy: PurposesPolicy

    def allowed(self, purpose: str, subjects: Sequence[str]) -> list[bool]:
        """See `allowed`."""
        with reading(self.engine) as session:
            return allowed(session, purpose, subjects, policy=self.policy)


def list_decisions(session: Session, subject: str, *, in_force: bool | None = None) -> list[ConsentDecision]:
    """The subject's decisions, newest first: those in force, those superseded, or (None) all."""
    statement = select(ConsentDecision).where(ConsentDecision.subject == subject)
    if in_force is not None:
        statement = statement.where(ConsentDecision.in_force == in_force)
    return list(session.scalars(statement.order_by(ConsentDecision.decided_at.desc(), ConsentDecision.id.desc())))


def current(session: Session, subject: str) -> list[ConsentDecision]:
    """The subject's decisions in force, at most one per purpose."""
    return list_decisions(session, subject, in_force=True)


def snapshot(session: Session, purpose: str) -> ConsentSnapshot:
    """Everybody who granted the purpose, now."""
    statement = select(ConsentDecision.subject).where(
        ConsentDecision.in_force, ConsentDecision.purpose == purpose, ConsentDecision.choice == "grant"
    )
    subjects = tuple(sorted(session.scalars(statement)))
    hashed = sha256(b"probity/consent-snapshot/v1\n")
    for part in (purpose, *subjects):
        encoded = part.encode()
        hashed.update(len(encoded).to_bytes(4, "big") + encoded)
    return ConsentSnapshot(purpose=purpose, subjects=subjects, digest=hashed.hexdigest())


def count_decisions(session: Session, subject: str) -> int:
    """How many rows there are about the subject, in force or not."""
    statement = select(func.count()).select_from(ConsentDecision).where(ConsentDecision.subject == subject)
    return session.scalar(statement) or 0


def forget(session: Session, subject: str) -> int:
    """Delete every decision of the subject, history included, and return how many there were. For erasures only."""
    found = count_decisions(session, subject)
    session.execute(delete(ConsentDecision).where(ConsentDecision.subject == subject))
    session.flush()
    return found


def _purpose(policy: PurposesPolicy, slug: str) -> Purpose:
    if slug not in policy.purposes:
        msg = f"purpose: expected one of {', '.join(policy.purposes)}, got {slug!r}"
        raise NotFound(msg)
    return policy.purposes[slug]


def _choices(session: Session, purpose: str, subjects: Sequence[str]) -> dict[str, str]:
    unique = sorted(set(subjects))
    found: dict[str, str] = {}
    for begin in range(0, len(unique), CHUNK):
        statement = select(ConsentDecision.subject, ConsentDecision.choice).where(
            ConsentDecision.in_force,
            ConsentDecision.purpose == purpose,
            ConsentDecision.subject.in_(unique[begin : begin + CHUNK]),
        )
        found.update((subject, choice) for subject, choice in session.execute(statement))
    return found
