"""Taking somebody's access away: every token and every console session, together or not at all."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from governance.access.sessions import close_sessions_of
from governance.access.tables import Principal
from governance.access.tokens import list_tokens, revoke_token
from governance.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """How many tokens worked, or might have, until now, and how many console sessions were closed."""

    tokens: int
    sessions: int


def revoke_access(session: Session, principal: Principal, *, actor: str, clock: Clock) -> Revoked:
    """Revoke all tokens of a principal and sign them out everywhere. A second time changes nothing.

    Guarantees:
      - one ledger entry for each token that was not revoked before, in the caller's transaction
      - the principal and what they did stay on record; a new token lets them in again
    """
    alive = [token for token in list_tokens(session, principal) if token.revoked_at is None]
    for token in alive:
        revoke_token(session, token.id, actor=actor, clock=clock)
    return Revoked(tokens=len(alive), sessions=close_sessions_of(session, principal))
