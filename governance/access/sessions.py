"""Console sessions: an opaque secret in a cookie, stored as its digest, ending after the time that the policy sets.

Signing in and out changes nothing that is governed, so it leaves no ledger entry.
"""

from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from governance.access.principals import get_principal
from governance.access.secret import BearerSecret, Draw, digest_of, draw_secret, secure_draw
from governance.access.tables import ConsoleSession, Principal
from governance.clock import Clock
from governance.errors import Unauthenticated
from governance.policy.rules import AccessPolicy

PREFIX = "probity_session_"


def open_session(
    session: Session, principal: Principal, *, policy: AccessPolicy, clock: Clock, draw: Draw = secure_draw
) -> BearerSecret:
    """Sign a principal in. Sessions that have ended are cleared away on the way."""
    now, secret = clock(), draw_secret(PREFIX, draw)
    session.execute(delete(ConsoleSession).where(ConsoleSession.expires_at <= now))
    expires_at = now + timedelta(minutes=policy.session_minutes)
    session.add(ConsoleSession(digest=secret.digest, principal_id=principal.id, opened_at=now, expires_at=expires_at))
    session.flush()
    return secret


def principal_of_session(session: Session, unverified_secret: str, *, clock: Clock) -> Principal:
    """Who is signed in with this secret.

    Raises:
        Unauthenticated: unknown, closed or past its time; the message does not say which.
    """
    row = session.get(ConsoleSession, digest_of(unverified_secret))
    if row is None or clock() >= row.expires_at:
        msg = "no valid session"
        raise Unauthenticated(msg)
    return get_principal(session, row.principal_id)


def close_sessions_of(session: Session, principal: Principal) -> int:
    """Sign a principal out everywhere; returns how many sessions lay there, ended ones included."""
    ended = session.execute(
        delete(ConsoleSession).where(ConsoleSession.principal_id == principal.id).returning(ConsoleSession.digest)
    ).all()
    session.flush()
    return len(ended)


def close_session(session: Session, unverified_secret: str) -> None:
    """Sign out. Unknown secrets are ignored: the outcome is the same."""
    session.execute(delete(ConsoleSession).where(ConsoleSession.digest == digest_of(unverified_secret)))
    session.flush()
