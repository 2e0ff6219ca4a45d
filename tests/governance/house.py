"""A house with two subjects, and everything that a request of theirs reaches: vault, lake and control plane."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pyarrow as pa
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from governance.attest.attester import Attester
from governance.attest.signing import EnvelopeSigner
from governance.consent.merging import Decision
from governance.consent.notices import publish_notice
from governance.consent.recording import record
from governance.database import transaction
from governance.rights.fulfilment import fulfil
from governance.rights.openings import VaultBoxes
from governance.rights.requests import acknowledge, approve, receive
from governance.rights.work import Handover, Tools
from pseudonymisation.identifiers import Identity, read_identity
from pseudonymisation.lake.store import Lake
from pseudonymisation.pseudonym import DOMAINS
from pseudonymisation.schema import KIND_BY_NAME, bucket_of
from pseudonymisation.vault import Vault
from tests.governance.builders import NOON, SYSTEM, Build

EMAIL = "jane.canary@example.org"
SIGNER = EnvelopeSigner(bytes(range(32)))


@dataclass
class House:
    """Two subjects with events, consents and a model that saw both."""

    engine: Engine
    tools: Tools
    build: Build
    jane: dict[str, str]
    bob: dict[str, str]

    def ask(self, right: str, name: str = "request") -> Callable[[], Handover]:
        """An approved request of Jane's, and the way to fulfil it."""
        policy = self.build.policies.rights.value
        with transaction(self.engine) as session:
            front, officer = (self.build.principal(session, f"{who} {name}", "officer") for who in ("front", "officer"))
            request = receive(
                session, right, "gdpr", self.jane["rights"], request_id=self.build.id(name), principal=front,
                policy=policy, clock=self.build.clock, manner="account_page",
                box_key=VaultBoxes(self.tools.vault).box_key(self.jane["rights"], self.build.id(name)),
            )  # fmt: skip
            acknowledge(session, request, actor=SYSTEM, clock=self.build.clock)
            approve(session, request, officer, policy=policy, clock=self.build.clock)
        return partial(fulfil, partial(transaction, self.engine), self.tools, self.build.id(name))

    def bytes_of(self, folder: Path) -> bytes:
        return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def make_house(engine: Engine, vault: Vault, build: Build, folder: Path) -> House:
    """A house whose files lie in ``folder``."""
    lake = Lake(str(folder / "lake"))
    jane, bob = vault.enrol([identity("acc-1", EMAIL), identity("acc-2", "bob@example.org")], domains=DOMAINS)
    events = pa.concat_tables([_ratings(jane["events"], 12, 0), _ratings(bob["events"], 5, 100)])
    declared = [_declaration(jane["events"], 1, "18-24"), _declaration(jane["events"], 2, "25-34")]
    declared.append(_declaration(bob["events"], 1, "18-24"))
    lake.append({"rating": events, "declaration": pa.concat_tables(declared)}, batch_id="b1")
    (folder / "packages").mkdir()
    tools = Tools(
        vault=vault,
        lake=lake,
        policies=build.policies,
        signer=SIGNER,
        attester=Attester(signer=SIGNER, name="https://probity.example/attester", folder=folder / "attestations"),
        packages=folder / "packages",
        recommendations=lambda _session, subject: [{"item": "item-99", "because": f"12 ratings of {subject[:0]}yours"}],
        leave_sums=lambda _session, _subject, _request: {"subtracted": 0, "destroyed": 0},
        actor=SYSTEM,
        clock=build.clock,
    )
    with transaction(engine) as session:
        _fill(session, build, jane, bob)
    return House(engine, tools, build, jane, bob)


def identity(account: str, email: str) -> Identity:
    return read_identity({"account_id": account, "email": email})


def _ratings(subject: str, count: int, start: int) -> pa.Table:
    rows = [
        {
            "event_id": f"{start + number:032x}",
            "subject": subject,
            "bucket": bucket_of(subject),
            "at": datetime(2026, 1, 1 + number, tzinfo=UTC),
            "item": f"item-{number}",
            "stars": 4.0,
            "purposes": ["model_training"],
        }
        for number in range(count)
    ]
    return pa.Table.from_pylist(rows, schema=KIND_BY_NAME["rating"].schema)


def _declaration(subject: str, month: int, group: str) -> pa.Table:
    row = {
        "event_id": f"{month:016x}{subject[:16]}",
        "subject": subject,
        "bucket": bucket_of(subject),
        "at": datetime(2026, month, 1, tzinfo=UTC),
        "attribute": "age",
        "group": group,
        "purposes": ["exposure_audit"],
    }
    return pa.Table.from_pylist([row], schema=KIND_BY_NAME["declaration"].schema)


def _fill(session: Session, build: Build, jane: dict[str, str], bob: dict[str, str]) -> None:
    who = {"actor": SYSTEM, "clock": build.clock}
    publish_notice(session, build.policies.purposes.value.notice, **who)
    decisions = [
        Decision(subject=each["consent"], purpose="model_training", choice="grant", decided_at=NOON, notice="v1",
                 method="banner")
        for each in (jane, bob)
    ]  # fmt: skip
    record(session, decisions, batch_id=build.id("consents"), policy=build.policies.purposes.value, **who)
    release = build.release(session, "one", (jane["events"], bob["events"]))
    build.model(session, "m1", release, build.principal(session, "Ada", "engineer"))
