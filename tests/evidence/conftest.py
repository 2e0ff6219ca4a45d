"""A home with three days in its log, each published at its end; a pack of the second; and a way to forge another."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import pytest
from sqlalchemy import Engine

from audits.html import render
from audits.report import Report
from audits.verdict import Outcome
from governance.access.tokens import issue_token
from governance.attest.dsse import sign_envelope
from governance.attest.events import AttestationMade
from governance.attest.signing import EnvelopeSigner
from governance.database import create_engine_for, migrate, transaction
from governance.evidence.layout import MANIFEST, create_archive, decode_manifest, encode_manifest, store
from governance.evidence.pack import Pack
from governance.evidence.period import Period
from governance.gate.decision import Decision, decide
from governance.gate.records import record_decision
from governance.ledger.publish import publish
from governance.ledger.store import append
from governance.ledger.trust_policy import TrustPolicy
from governance.pipeline.evidence import take_evidence
from governance.pipeline.policies import record_policies
from governance.policy.policies import load_policies
from governance.registry.models import get_model, latest_report
from governance.registry.reports import page_path, read_report
from governance.registry.tables import Model
from governance.resources import migrations_dir, policies_dir
from governance.review.board import get_review, vote
from governance.settings import load_settings
from tests.governance.builders import measured, report
from tests.governance.story import SIGNER, Story, TickingClock, tell

FIRST, SECOND, THIRD = (datetime(2026, 11, day, 9, tzinfo=UTC) for day in (20, 23, 25))
WORKING_DAY = Period(date(2026, 11, 23), date(2026, 11, 23))
ATTESTER = EnvelopeSigner(b"\x07" * 32)
STATEMENT = sign_envelope("application/vnd.in-toto+json", b"{}", [ATTESTER])


class Judged(Story):
    """The story with audits that the gate was really asked about, because a pack's reader asks it again."""

    def judge(self, model: Model, decision: Decision) -> None:
        """An audit that is to end as ``decision`` does."""
        passing = decision.outcome == Outcome.PASS
        figures = (0.341, 0.335, 0.347) if passing else (0.172, 0.168, 0.176)
        audit = replace(
            report(
                measured("exposure_share", *figures, "origin", "european"),
                measured("exposure_ratio", 0.8, 0.7, 0.9, "genre", "drama"),
                measured("ndcg", 0.284, 0.278, 0.290),
                measured("coverage", 0.3, 0.2, 0.4),
                measured("popularity_lift", 1.0, 0.9, 1.1),
            ),
            model_digest=model.digest,
        )
        self.keep(model, audit.to_json(), decide(self.policies.fairness.value, audit))


@dataclass
class Filled:
    """A home as a pack is made from it."""

    home: Path
    engine: Engine
    clock: TickingClock
    things: dict[str, UUID] = field(default_factory=dict)
    people: dict[str, Any] = field(default_factory=dict)

    @property
    def ledger(self) -> Path:
        """Where its log is published."""
        return self.home / "ledger"

    def publish(self) -> None:
        """Sign the log as it is."""
        publish(self.engine, self.ledger, SIGNER, clock=self.clock)

    def pack(self, to: Path, period: Period = WORKING_DAY, number: int = 1, policy: TrustPolicy | None = None) -> Pack:
        """Take a period's evidence out."""
        who = {"actor": "principal:auditor", "entry_id": UUID(int=10**9 + number), "clock": self.clock}
        return take_evidence(self.engine, self.home, self.ledger, period, to, policy=policy, **who)

    def tokens(self, *numbers: int) -> None:
        """Entries about nothing else."""
        with transaction(self.engine) as session:
            for number in numbers:
                who = self.people["engineer"]
                issue_token(session, who, token_id=UUID(int=10**6 + number), actor="role:operator", clock=self.clock)

    def decide_again(self, *numbers: int) -> None:
        """The gate decides anew on the mitigated model, and writes the report's page anew, as it does."""
        fairness = load_policies(policies_dir()).fairness
        for number in numbers:
            with transaction(self.engine) as session:
                model = get_model(session, self.things["mitigated"])
                record = latest_report(session, model)
                audit = Report.from_json(read_report(self.home, record))
                decision = decide(fairness.value, audit)
                page = render(audit, title="m", decision=[f"Decided {number} times."]).encode()
                record.path_html = page_path(page)
                (self.home / record.path_html).write_bytes(page)
                about = {"model": model, "report": record, "policy_digest": fairness.digest, "valid_days": 90}
                who = {"actor": "role:operator", "clock": self.clock}
                record_decision(session, decision, decision_id=UUID(int=10**7 + number), **about, **who)

    def approve(self) -> None:
        """Two of the board let the mitigated model ship."""
        rule = load_policies(policies_dir()).access.value.review
        with transaction(self.engine) as session:
            for name in ("board", "board_2"):
                review = get_review(session, self.things["review"])
                vote(session, review, self.people[name], "approve", policy=rule, clock=self.clock)


def open_filled(home: Path) -> Filled:
    return Filled(home, create_engine_for(load_settings(home).control_url), TickingClock(THIRD))


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """Policies on the first day, the story on the second, three tokens on the third. Not to be changed."""
    home, policies = tmp_path_factory.mktemp("evidence") / "home", load_policies(policies_dir())
    (home / "control").mkdir(parents=True)
    migrate(load_settings(home).control_url, migrations_dir("control"))
    filled = open_filled(home)
    filled.clock.now = FIRST
    with transaction(filled.engine) as session:
        record_policies(session, policies, actor="role:operator", clock=filled.clock)
    filled.publish()
    filled.clock.now = SECOND
    digest = state(home, STATEMENT)
    with transaction(filled.engine) as session:
        story = Judged(session, policies, home, filled.clock)
        filled.people, _ = story.people()
        filled.things = tell(story, filled.people)
        made = AttestationMade(
            attestation=digest, predicate_type="test", artefact="ab" * 32, about="nothing", key=ATTESTER.key_id
        )
        append(session, made, actor="role:pipeline", entry_id=UUID(int=77), clock=filled.clock)
    filled.publish()
    filled.clock.now = THIRD
    filled.tokens(1, 2, 3)
    filled.publish()
    filled.engine.dispose()
    return filled


def state(home: Path, envelope: bytes) -> str:
    """Keep a signed statement; the digest of its pre-authentication encoding, from DSSE's own words."""
    from hashlib import sha256

    (home / "attestations").mkdir(exist_ok=True)
    digest = sha256(b"DSSEv1 28 application/vnd.in-toto+json 2 {}").hexdigest()
    (home / "attestations" / f"{digest}.dsse.json").write_bytes(envelope)
    return digest


@pytest.fixture
def filled(written: Filled, tmp_path: Path) -> Iterator[Filled]:
    """A copy to change."""
    shutil.copytree(written.home, tmp_path / "home")
    copy = open_filled(tmp_path / "home")
    copy.clock.now, copy.things, copy.people = written.clock.now, written.things, written.people
    yield copy
    copy.engine.dispose()


@pytest.fixture(scope="session")
def packed(written: Filled, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The evidence of the second day. Not to be changed."""
    home = tmp_path_factory.mktemp("packed") / "home"
    shutil.copytree(written.home, home)
    copy = open_filled(home)
    copy.pack(home.parent / "pack.zip")
    copy.engine.dispose()
    return home.parent / "pack.zip"


Change = Mapping[str, bytes | None]
Forge = Callable[..., Path]


@pytest.fixture
def forge(packed: Path, tmp_path: Path) -> Forge:
    """Another pack: some members changed, added, or (None) taken out, and a manifest that says so."""

    def forged(changes: Change, **facts: object) -> Path:
        with ZipFile(packed) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        manifest = decode_manifest(members.pop(MANIFEST))
        for name, data in changes.items():
            members.pop(name, None)
            if data is not None:
                members[name] = data
        from hashlib import sha256

        files = {name: {"sha256": sha256(data).hexdigest(), "bytes": len(data)} for name, data in members.items()}
        members[MANIFEST] = encode_manifest({**manifest, "files": files, **facts})
        with (tmp_path / "forged.zip").open("wb") as file, create_archive(file) as archive:
            for name, data in members.items():
                store(archive, name, data)
        return tmp_path / "forged.zip"

    return forged
