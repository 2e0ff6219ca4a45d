"""Retried calls: what a call makes is found by caller and ``Idempotency-Key``, so the second finds the first's."""

from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from governance.access.calls import id_of_call, name_call
from governance.access.tables import Principal
from governance.errors import InvalidInput
from governance.gate.tables import AskedWaiver
from governance.review.tables import Review
from governance.rights.tables import RightsRequest
from governance.web.context import WebContext

OLD_LABEL = "probity/idempotency/v1"


def id_for(
    session: Session,
    context: WebContext,
    principal: Principal,
    what: type[RightsRequest | Review | AskedWaiver],
    idempotency_key: str | None,
) -> UUID:
    """The id of what a call makes: the same for the same caller and key; a fresh one where there is no key."""
    fresh = context.new_id()
    if idempotency_key is None:
        return fresh
    # Ids were once hashes of the key. No more are made; those that were given are still found.
    before = uuid5(principal.id, f"{OLD_LABEL}/{idempotency_key}")
    if session.get(what, before) is not None:
        return before
    name = name_call(context.call_key, principal, what.__tablename__, idempotency_key)
    return id_of_call(session, name, fresh, clock=context.clock)


def require_same(*, same: bool) -> None:
    """Raise `InvalidInput` if a key was used before for another body."""
    if not same:
        msg = "Idempotency-Key: expected a new key for another body, got one that was used"
        raise InvalidInput(msg)
