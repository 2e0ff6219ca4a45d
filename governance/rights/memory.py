"""What a model remembers: who was in it, what bounds its memory of one person, and when it must be made anew and why.

Who was in it is what its snapshot's list of members says today: an erasure takes a subject from that list and leaves,
in its certificate, which models had seen them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.attest.dsse import decode_envelope
from governance.ledger.canonical import decode_json
from governance.registry.lineage import count_members, get_release, get_snapshot, guarantee_of, is_member
from governance.registry.tables import Model, Snapshot
from governance.rights.tables import CertificateRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One model's memory.

    Attributes:
        snapshot: whose manifest (its digest is the manifest's SHA-256) says what was read.
        erased: how many of its subjects are not on its list any more.
        guarantee: what bounds what the model can say about any one subject (``lineage.guarantee_of``).
        erasures: how many certificates name the model.
        retrain_by: the earliest day that they promise; None: there is no need.
        holds: whether the subject that was asked about is on the list; None: nobody was asked about.
    """

    model: Model
    snapshot: Snapshot
    erased: int
    guarantee: Mapping[str, Any]
    erasures: int
    retrain_by: date | None
    holds: bool | None

    @property
    def subjects(self) -> int:
        """How many subjects the model had seen."""
        return self.snapshot.subjects

    @property
    def because(self) -> str:
        """Why it must be made anew, why it need not, or why nobody can tell from what is kept."""
        if self.retrain_by is not None:
            return f"{self.erasures} {'erasure' if self.erasures == 1 else 'erasures'} of subjects that it had seen"
        if self.erased:
            who = "one of its subjects was" if self.erased == 1 else f"{self.erased} of its subjects were"
            return f"not known: {who} erased, and no certificate that is kept says by when"
        return "no need: nobody in it was erased"


def memory_of(session: Session, model: Model, *, subject: str | None = None) -> Memory:
    """What the model remembers; ``subject`` is a pseudonym of the events domain."""
    release = get_release(session, model.release)
    snapshot = get_snapshot(session, release.snapshot_id)
    days = _days_promised(session, str(model.id))
    return Memory(
        model=model,
        snapshot=snapshot,
        erased=snapshot.subjects - count_members(session, snapshot.id),
        guarantee=guarantee_of(session, model),
        erasures=len(days),
        retrain_by=min(days, default=None),
        holds=None if subject is None else is_member(session, subject, snapshot.id),
    )


def _days_promised(session: Session, model: str) -> list[date]:
    """The day of each certificate by which this model is to be replaced."""
    days = []
    for envelope in session.scalars(select(CertificateRecord.envelope)):
        # Our own record of what we signed: the signature is for those who were given it.
        said: Any = decode_json(decode_envelope(envelope).payload)
        if any(each["model"] == model for each in said["models"]) and said["retrain_by"]:
            days.append(date.fromisoformat(said["retrain_by"]))
    return days
