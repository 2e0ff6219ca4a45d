"""Calls that a caller may repeat: which id a call under an ``Idempotency-Key`` was given, for as long as it is retried.

The id is drawn at random, so what stands in the log follows from nothing that a caller chose. The caller's key is
never stored: a row holds a MAC of it under a key of the home. It is gone with the next call or run of retention after a
day, or when the subject of its request is erased; that of the erasure's own request stays for its day.
"""

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from governance.access.tables import Call, Principal
from governance.clock import Clock
from pseudonymisation.framing import framed
from pseudonymisation.keyring import EventIdKey

KEY_LABEL: Final = "probity/call-key/v1"
NAME_LABEL: Final = "probity/call-name/v1"
KEPT: Final = timedelta(days=1)
"""How long a retry finds the first call."""

_INSERTS: Final[dict[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, slots=True, repr=False)
class CallKey:
    """Names calls (HMAC-SHA-256, 32 bytes). Cannot be printed."""

    material: bytes

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


def call_key(key: EventIdKey) -> CallKey:
    """The home's key for naming calls: it follows from the one that already stands between clients' words and ours."""
    return CallKey(hmac.digest(key.material, framed(KEY_LABEL), "sha256"))


def name_call(key: CallKey, principal: Principal, what: str, idempotency_key: str) -> bytes:
    """The name, 32 bytes, of a caller's call that makes ``what``; without ``key`` nobody can test a guess of it."""
    return hmac.digest(
        key.material, framed(NAME_LABEL, principal.id.bytes, what.encode(), idempotency_key.encode()), "sha256"
    )


def id_of_call(session: Session, name: bytes, fresh: UUID, *, clock: Clock) -> UUID:
    """The id of what the call of this name makes: ``fresh``, or what it was given within the last day.

    Guarantees:
      - of two that come at once, one waits for the other and is given its id, unless that one is rolled back
    """
    now = clock()
    forget_calls(session, before=now - KEPT)
    add = _INSERTS[session.get_bind().dialect.name](Call).on_conflict_do_nothing()
    session.execute(add.values(name=name, made=fresh, at=now))
    return session.scalars(select(Call.made).where(Call.name == name)).one()


def forget_calls(session: Session, *, before: datetime) -> None:
    """Delete the calls from before a moment (aware)."""
    # What another transaction is deleting already is left to it: two would otherwise wait for each other.
    old = select(Call.name).where(Call.at < before).with_for_update(skip_locked=True)
    session.execute(delete(Call).where(Call.name.in_(old)))


def forget_calls_that_made(session: Session, made: Collection[UUID]) -> None:
    """Delete the calls that made these: a retry no longer finds them, and nothing shows how their caller named them."""
    session.execute(delete(Call).where(Call.made.in_(made)))
