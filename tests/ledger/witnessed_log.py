"""A log whose publications two witnesses cosign, without a network between."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Engine

from governance.database import transaction
from governance.ledger.checkpoint import Checkpoint
from governance.ledger.cosignature import WitnessSigner, cosign
from governance.ledger.events import CheckpointWitnessed
from governance.ledger.note import LedgerSigner, add_signatures, decode_note
from governance.ledger.publish import Witnesses, publish
from governance.ledger.store import append
from governance.ledger.trust_policy import Group, PolicyLog, PolicyWitness, TrustPolicy
from governance.ledger.witness_client import Cosigned, ProveFrom, WitnessAnswer
from tests.ledger.conftest import append_events

SIGNER = LedgerSigner("probity.example/ledger", bytes(range(32)))
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
NOON_S = 1773489600
ONE, TWO = (WitnessSigner(f"witness.example/{name}", name.encode() * 8) for name in ("1one", "2two"))
KEYS = (ONE.witness_key, TWO.witness_key)
NAMES = tuple(f"{each.name}+{each.key_id.hex()}" for each in KEYS)
POLICY = TrustPolicy(
    logs=(PolicyLog(SIGNER.verifier_key),),
    witnesses=(PolicyWitness("w1", KEYS[0]), PolicyWitness("w2", KEYS[1])),
    groups=(Group("both", 2, ("w1", "w2")),),
    quorum="both",
)


def noon() -> datetime:
    return NOON


def collect(note: bytes, checkpoint: Checkpoint, prove_from: ProveFrom) -> Cosigned:
    """Both witnesses cosign, each asking for a proof as they would."""
    if checkpoint.size > 1:
        prove_from(1)
    text = decode_note(note).text
    together = add_signatures(note, [cosign(text, NOON, each) for each in (ONE, TWO)])
    answers = tuple(WitnessAnswer(name=name, cosigned_at=NOON, size=checkpoint.size) for name in ("w1", "w2"))
    return Cosigned(note=together, answers=answers, quorum_met=True)


def publish_witnessed(engine: Engine, folder: Path) -> Checkpoint:
    """Publish under the quorum of both."""
    return publish(engine, folder, SIGNER, clock=noon, witnesses=Witnesses(POLICY, collect))


def record_witnessed(engine: Engine, checkpoint: Checkpoint) -> None:
    """The entry which says who cosigned a checkpoint, as a home records it."""
    event = CheckpointWitnessed(
        size=checkpoint.size, root=checkpoint.root.hex(), witnesses=dict.fromkeys(NAMES, NOON_S)
    )
    entry_id = uuid5(NAMESPACE_URL, f"{checkpoint.size}")
    with transaction(engine) as session:
        append(session, event, actor="key:00000000", entry_id=entry_id, clock=noon)


def grow(engine: Engine, folder: Path) -> None:
    """Five entries, published and on record as witnessed, then two more, published: sizes 5 and 8."""
    append_events(engine, 5)
    record_witnessed(engine, publish_witnessed(engine, folder))
    append_events(engine, 2)
    publish_witnessed(engine, folder)
