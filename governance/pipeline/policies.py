"""Which policies are in force, on record: a changed file becomes one ledger entry."""

from uuid import NAMESPACE_URL, uuid5

from sqlalchemy.orm import Session

from governance.clock import Clock
from governance.ledger.store import append, list_latest
from governance.policy.events import PolicyInForce
from governance.policy.policies import Policies


def record_policies(session: Session, policies: Policies, *, actor: str, clock: Clock) -> list[str]:
    """Append an entry for each policy whose digest differs from the last one on record; returns their names."""
    latest = list_latest(session, kind=PolicyInForce.kind, limit=10_000)
    on_record: dict[str, tuple[str, int]] = {}
    for entry in latest:
        name, digest = str(entry.body["name"]), str(entry.body["digest"])
        on_record.setdefault(name, (digest, sum(1 for other in latest if other.body["name"] == name)))
    changed = []
    for name, digest in policies.digests.items():
        known, count = on_record.get(name, ("", 0))
        if digest != known:
            entry_id = uuid5(NAMESPACE_URL, f"probity:policy:{name}:{count + 1}:{digest}")
            append(session, PolicyInForce(name=name, digest=digest), actor=actor, entry_id=entry_id, clock=clock)
            changed.append(name)
    return changed
