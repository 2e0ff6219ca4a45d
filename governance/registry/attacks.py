"""What attacks on our own measurements found, release by release."""

import json
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from audits.privacy import MembershipInference, PrivacyAttack
from governance.clock import Clock
from governance.ledger.store import append
from governance.registry.events import AttackRecorded
from governance.registry.refutation import refutes, undecides
from governance.registry.reports import read_attack
from governance.registry.tables import AttackRecord, Model
from recommender.paid_models import is_paid

NOT_ITS_STEPS = "; the model's own steps were not attacked"
"""What is to be said with an attack of a model that took private steps after its release."""


def attacked(attack: str, kind: str) -> str:
    """What was done by an attack on a release, said of a model of this kind that was made from it."""
    return attack.removesuffix(NOT_ITS_STEPS) + (NOT_ITS_STEPS if is_paid(kind) else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What canaries found (``attack``), and whether they or membership inference ``refuted`` the guarantee.

    ``undecided``: nothing did, but the canaries may well have missed half of the noise.
    """

    attack: PrivacyAttack
    refuted: bool
    undecided: bool

    @property
    def verdict(self) -> str:
        """Not to be refuted is less than to be proved."""
        return "refuted" if self.refuted else "undecided" if self.undecided else "not refuted"


def register_attack(
    session: Session, model: Model, event: AttackRecorded, *, path: str, actor: str, clock: Clock
) -> AttackRecord:
    """Record an attack's report. The same one a second time changes nothing: canaries' coins are never the same."""
    known = session.get(AttackRecord, event.report)
    if known is not None:
        return known
    row = AttackRecord(digest=event.report, release=model.release, model_id=model.id, path=path, recorded_at=clock())
    session.add(row)
    session.flush()
    append(session, event, actor=actor, entry_id=uuid5(model.id, f"{event.kind}/{event.report}"), clock=clock)
    return row


def find_latest_attack(session: Session, release: str) -> AttackRecord | None:
    """The newest attack on the mechanism of a release, or None where there was none."""
    statement = select(AttackRecord).where(AttackRecord.release == release)
    return session.scalar(statement.order_by(AttackRecord.recorded_at.desc(), AttackRecord.digest).limit(1))


def find_finding(session: Session, home: Path, model: Model) -> Finding | None:
    """What the newest attack on a model's release found, or None where there was none.

    Raises:
        BrokenProof: the stored report is not the one that was registered.
        ConfigurationError: it is gone.
    """
    record = find_latest_attack(session, model.release)
    if record is None:
        return None
    report = json.loads(read_attack(home, record))
    said = report["privacy_attack"]
    about = {"model_digest": model.digest, "attack": attacked(said["attack"], model.kind)}
    attack = PrivacyAttack(**said | about)
    return Finding(attack=attack, refuted=refutes(report), undecided=undecides(report))


def find_privacy_attack(session: Session, home: Path, model: Model) -> PrivacyAttack | None:
    """What canaries in the newest attack on a model's release say of that model, or None where there was none.

    Raises:
        BrokenProof: the stored report is not the one that was registered.
        ConfigurationError: it is gone.
    """
    found = find_finding(session, home, model)
    return None if found is None else found.attack


def find_membership_inference(session: Session, home: Path, model: Model) -> MembershipInference | None:
    """What the newest attack on this very model that inferred membership found, or None where none did.

    Canaries are of the release and count for every model of it; membership is inferred from one model's lists.

    Raises:
        BrokenProof: the stored report is not the one that was registered.
        ConfigurationError: it is gone.
    """
    statement = select(AttackRecord).where(AttackRecord.model_id == model.id)
    for record in session.scalars(statement.order_by(AttackRecord.recorded_at.desc(), AttackRecord.digest)):
        found = json.loads(read_attack(home, record)).get("membership_inference")
        if found is not None:
            return MembershipInference(**found | {"attackers": tuple(found["attackers"])})
    return None
