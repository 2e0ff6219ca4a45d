"""API tokens: issued once, shown once, found again by their digest."""

from datetime import datetime
from hmac import compare_digest
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.access.events import TokenIssued, TokenRevoked
from governance.access.principals import get_principal
from governance.access.secret import BearerSecret, Draw, digest_of, draw_secret, secure_draw
from governance.access.tables import Principal, Token
from governance.clock import Clock
from governance.errors import InvalidInput, NotFound, Unauthenticated
from governance.ledger.store import append

PREFIX = "probity_"


def issue_token(
    session: Session,
    principal: Principal,
    *,
    token_id: UUID,
    actor: str,
    clock: Clock,
    expires_at: datetime | None = None,
    draw: Draw = secure_draw,
) -> BearerSecret:
    """A new token for ``principal``. The secret is not stored: what is returned is the only copy.

    Raises:
        InvalidInput: ``expires_at`` is not in the future.
    """
    now = clock()
    if expires_at is not None and expires_at <= now:
        msg = "expires_at: expected a moment in the future"
        raise InvalidInput(msg)
    secret = draw_secret(PREFIX, draw)
    row = Token(id=token_id, principal_id=principal.id, digest=secret.digest, issued_at=now, expires_at=expires_at)
    session.add(row)
    session.flush()
    expires_on = None if expires_at is None else expires_at.date().isoformat()
    event = TokenIssued(token=str(token_id), principal=str(principal.id), expires_on=expires_on)
    append(session, event, actor=actor, entry_id=uuid5(token_id, event.kind), clock=clock)
    return secret


def revoke_token(session: Session, token_id: UUID, *, actor: str, clock: Clock) -> None:
    """Stop a token. A second time changes nothing.

    Raises:
        NotFound: there is no such token.
    """
    row = session.get(Token, token_id)
    if row is None:
        msg = f"no token {token_id}"
        raise NotFound(msg)
    if row.revoked_at is not None:
        return
    row.revoked_at = clock()
    session.flush()
    event = TokenRevoked(token=str(token_id), principal=str(row.principal_id))
    append(session, event, actor=actor, entry_id=uuid5(token_id, event.kind), clock=clock)


def list_tokens(session: Session, principal: Principal) -> list[Token]:
    """The principal's tokens, oldest first; no secret among them."""
    return list(session.scalars(select(Token).where(Token.principal_id == principal.id).order_by(Token.issued_at)))


def authenticate(session: Session, unverified_token: str, *, clock: Clock) -> Principal:
    """Who holds this token.

    The row is found by a digest, so the time of the look-up tells nothing about the secret; the digests are then
    compared in constant time.

    Raises:
        Unauthenticated: unknown, expired or revoked; the message does not say which.
    """
    digest = digest_of(unverified_token)
    row = session.scalar(select(Token).where(Token.digest == digest))
    stored = row.digest if row is not None else bytes(len(digest))
    if not compare_digest(stored, digest) or row is None or not _holds(row, clock()):
        msg = "no valid token was shown"
        raise Unauthenticated(msg)
    return get_principal(session, row.principal_id)


def _holds(row: Token, now: datetime) -> bool:
    return row.revoked_at is None and (row.expires_at is None or now < row.expires_at)
