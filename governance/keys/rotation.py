"""Rotations on record: which key came after which. Key files follow what is recorded here, never the reverse."""

from dataclasses import dataclass
from typing import Literal
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.clock import Clock
from governance.database import wait_for_others
from governance.errors import ConfigurationError
from governance.keys.events import KeyRotated
from governance.keys.tables import KeyRotation
from governance.ledger.store import append

RotationGround = Literal["scheduled", "suspected_compromise", "personnel_change", "algorithm"]
"""Why a signing key may be replaced."""

Retired = Literal["kept", "destroyed"]
"""What becomes of the old private key: it signs beside the new one until the next rotation, or nothing any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A signing key as everybody may see it: its id (hex), and its public key as those who verify take it."""

    id: str
    public: str


def record_rotation(
    session: Session,
    key: str,
    old: PublicKey,
    new: PublicKey,
    *,
    retired: Retired,
    ground: RotationGround,
    actor: str,
    clock: Clock,
) -> KeyRotation:
    """Put ``new`` in force in the place of ``old``, with the entry that says so, in the caller's transaction."""
    # Nothing is being signed while a key is replaced: whoever signs holds a share of this lock from `require_in_force`
    # until what was signed is stored.
    wait_for_others(session, _lock(key))
    last = last_rotation(session, key)
    row = KeyRotation(
        key=key,
        number=1 if last is None else last.number + 1,
        old=old.id,
        new=new.id,
        old_public=old.public,
        new_public=new.public,
        retired=retired,
        ground=ground,
        rotated_at=clock(),
    )
    session.add(row)
    session.flush()
    event = KeyRotated(key=key, old=old.id, new=new.id, public=new.public, retired=retired, ground=ground)
    entry_id = uuid5(NAMESPACE_URL, f"probity:key:{key}:{row.number}:{new.id}")
    append(session, event, actor=actor, entry_id=entry_id, clock=clock)
    return row


def last_rotation(session: Session, key: str) -> KeyRotation | None:
    """The latest rotation of a key; None while the first one is in force."""
    statement = select(KeyRotation).where(KeyRotation.key == key).order_by(KeyRotation.number.desc()).limit(1)
    return session.scalar(statement)


def require_in_force(session: Session, key: str, key_id: str) -> None:
    """Refuse to sign with a key that was replaced while this process had it in memory.

    Guarantees:
      - until the transaction ends the key is not replaced; others may sign with it meanwhile

    Raises:
        ConfigurationError: says to restart.
    """
    wait_for_others(session, _lock(key), shared=True)
    last = last_rotation(session, key)
    if last is not None and last.new != key_id:
        msg = f"the {key} key {key_id} was replaced by {last.new} since this process began: restart it"
        raise ConfigurationError(msg)


def list_rotations(session: Session, key: str) -> list[KeyRotation]:
    """Every rotation of a key, oldest first."""
    return list(session.scalars(select(KeyRotation).where(KeyRotation.key == key).order_by(KeyRotation.number)))


def _lock(key: str) -> str:
    return f"probity/key/{key}"
