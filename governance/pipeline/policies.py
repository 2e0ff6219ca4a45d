"""Which policies are in force, on record: a changed file becomes one ledger entry, and its text is kept."""

from uuid import NAMESPACE_URL, uuid5

from sqlalchemy.orm import Session

from governance.clock import Clock
from governance.ledger.search import Filter, search
from governance.ledger.sequencer import settle
from governance.ledger.store import append
from governance.policy.events import PolicyInForce
from governance.policy.policies import Policies
from governance.policy.texts import keep_text


def record_policies(session: Session, policies: Policies, *, actor: str, clock: Clock) -> list[str]:
    """Append an entry for each policy whose digest differs from the last one on record; returns their names.

    The texts of all are kept in the same transaction, also where the entry is from a time before texts were kept.
    """
    settle(session)
    newest_first = search(session, Filter(kinds=(PolicyInForce.kind,)), limit=10_000)
    on_record = {entry.body["name"]: entry for entry in reversed(newest_first)}
    changed = []
    for name, digest in policies.digests.items():
        keep_text(session, name, digest, policies.texts[name], clock=clock)
        last = on_record.get(name)
        if last is None or last.body["digest"] != digest:
            # Named after the entry it follows: a policy may return to an earlier text, which is a change again.
            entry_id = uuid5(NAMESPACE_URL, f"probity:policy:{name}:{-1 if last is None else last.seq}:{digest}")
            append(session, PolicyInForce(name=name, digest=digest), actor=actor, entry_id=entry_id, clock=clock)
            changed.append(name)
    return changed
