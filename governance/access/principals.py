"""Principals: those who may act, and how the ledger names them."""

from collections.abc import Sequence
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.access.events import PrincipalAdded
from governance.access.tables import Principal
from governance.clock import Clock
from governance.errors import Conflict, InvalidInput, NotFound
from governance.ledger.store import append
from governance.policy.rules import AccessPolicy

LONGEST_NAME = 200


def actor_of(principal: Principal) -> str:
    """The principal as ledger entries name it: by id, never by name."""
    return f"principal:{principal.id}"


def add_principal(
    session: Session,
    name: str,
    roles: Sequence[str],
    *,
    principal_id: UUID,
    policy: AccessPolicy,
    actor: str,
    clock: Clock,
) -> Principal:
    """Let somebody act in the given roles.

    Raises:
        InvalidInput: no role, an unknown role, or a name that is empty or longer than 200 characters.
        Conflict: the id is taken.
    """
    unknown = sorted(set(roles) - set(policy.roles))
    if unknown or not roles:
        msg = f"roles: expected some of {', '.join(policy.roles)}, got {', '.join(unknown) or 'none'}"
        raise InvalidInput(msg)
    if not 0 < len(name.strip()) <= LONGEST_NAME:
        msg = f"name: expected 1 to {LONGEST_NAME} characters, got {len(name.strip())}"
        raise InvalidInput(msg)
    if session.get(Principal, principal_id) is not None:
        msg = f"principal {principal_id} exists"
        raise Conflict(msg)
    principal = Principal(id=principal_id, name=name.strip(), roles=sorted(set(roles)), added_at=clock())
    session.add(principal)
    session.flush()
    event = PrincipalAdded(principal=str(principal_id), roles=tuple(principal.roles))
    append(session, event, actor=actor, entry_id=uuid5(principal_id, event.kind), clock=clock)
    return principal


def get_principal(session: Session, principal_id: UUID) -> Principal:
    """The principal with this id.

    Raises:
        NotFound: there is none.
    """
    principal = session.get(Principal, principal_id)
    if principal is None:
        msg = f"no principal {principal_id}"
        raise NotFound(msg)
    return principal


def list_principals(session: Session, *, after: UUID | None = None, limit: int = 100) -> list[Principal]:
    """Principals in the order of their ids, at most ``limit`` after ``after``."""
    statement = select(Principal).order_by(Principal.id).limit(limit)
    if after is not None:
        statement = statement.where(Principal.id > after)
    return list(session.scalars(statement))
