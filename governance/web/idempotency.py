"""Retried calls: what a call makes is named by caller and ``Idempotency-Key``, so the second finds the first's.

Nothing is stored for it. The key is the caller's own choice of words and is only ever hashed.
"""

from uuid import UUID, uuid5

from governance.access.tables import Principal
from governance.errors import InvalidInput

LABEL = "probity/idempotency/v1"


def key_to_id(principal: Principal, idempotency_key: str | None, fresh: UUID) -> UUID:
    """The id of what a call makes: the same for the same caller and key; a fresh one where there is no key."""
    return fresh if idempotency_key is None else uuid5(principal.id, f"{LABEL}/{idempotency_key}")


def require_same(*, same: bool) -> None:
    """Raise `InvalidInput` if a key was used before for another body."""
    if not same:
        msg = "Idempotency-Key: expected a new key for another body, got one that was used"
        raise InvalidInput(msg)
