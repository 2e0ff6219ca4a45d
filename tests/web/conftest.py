"""A house to look at: a migrated control database with a story in it, and the web application over it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from audits.verdict import Outcome
from governance.access.principals import add_principal
from governance.access.tables import Principal
from governance.access.tokens import issue_token
from governance.attest.signing import EnvelopeSigner
from governance.budget.reservations import begin_reading, reserve, spend
from governance.consent.merging import Decision as ConsentChoice
from governance.consent.notices import publish_notice
from governance.consent.recording import record
from governance.database import create_engine_for, migrate, transaction
from governance.errors import Conflict
from governance.gate.decision import Decision, Finding
from governance.gate.records import record_decision
from governance.ledger.note import LedgerSigner
from governance.ledger.publish import publish
from governance.policy.policies import Policies, load_policies
from governance.registry.lineage import register_release, register_snapshot
from governance.registry.models import register_model, register_report
from governance.registry.reports import page_path
from governance.registry.tables import Model
from governance.resources import migrations_dir, policies_dir
from governance.review.board import propose
from governance.rights.certificate import (
    Certificate,
    ModelMemory,
    StoreErasure,
    sign_certificate,
)
from governance.rights.requests import acknowledge, approve, get_request, receive
from governance.rights.tables import CertificateRecord, RightsRequest
from governance.settings import load_settings
from governance.web.app import create_app
from governance.web.context import WebContext
from pseudonymisation.boxes import BoxKey, box_key, open_box
from pseudonymisation.errors import UnknownSubject
from pseudonymisation.pseudonym import Pseudonym, SubjectSecret
from recommender.accounting import Guarantee, mu_for

MORNING = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SIGNER = LedgerSigner("probity.example/ledger", bytes(range(32)))
PEOPLE = {
    "engineer": "Inés Ortega",
    "board": "Miriam Adeyemi",
    "board_2": "Tomas Lindqvist",
    "officer": "Jana Novak",
    "auditor": "Peter Weiss",
    "frontend": "Service front end",
    "frontend_2": "Help desk",
}
"""Who works here, by role; ``_2`` is a second person of the role."""

KNOWN_IDENTIFIER = "canary.person@example.net"
KNOWN_SUBJECT = "00112233445566778899aabbccddeeff"
KNOWN_SECRET = SubjectSecret(bytes(range(32)))
REPORT_HTML = (
    "<!doctype html><title>Audit</title><style>p{color:#333}</style><p>European works receive 17.2 % of the attention."
)


@dataclass
class TickingClock:
    """Each look is a minute later, so that an order is seen."""

    now: datetime = MORNING

    def __call__(self) -> datetime:
        """The next minute."""
        self.now += timedelta(minutes=1)
        return self.now


@dataclass
class Desk:
    """The identity plane's hands as the web sees them: knows one person, and closes what is carried out."""

    engine: Engine
    clock: TickingClock
    carried_out: list[UUID] = field(default_factory=list)
    erased: set[str] = field(default_factory=set)

    def resolve(self, identifier_kind: str, unverified_identifier: str) -> str | None:
        """The one person known here."""
        return KNOWN_SUBJECT if (identifier_kind, unverified_identifier) == ("email", KNOWN_IDENTIFIER) else None

    def box_key(self, subject: Pseudonym, request_id: UUID) -> BoxKey:
        """The box of the one person known here."""
        assert subject == KNOWN_SUBJECT
        return box_key(KNOWN_SECRET, request_id.bytes)

    def open_box(self, subject: Pseudonym, request_id: UUID, sealed: bytes, *, place: bytes) -> bytes:
        """Opens it, as long as the person was not erased."""
        if subject in self.erased:
            msg = "no living subject has that pseudonym"
            raise UnknownSubject(msg)
        return open_box(KNOWN_SECRET, request_id.bytes, sealed, place=place)

    def fulfil(self, request_id: UUID, *, actor: str) -> "Handed":
        """Close the request in a transaction of its own, which would wait for ever for one that is still open."""
        with transaction(self.engine) as session:
            request = get_request(session, request_id)
            assert actor.startswith("principal:")
            if request.state == "fulfilled":
                return Handed()
            if request.state != "approved":
                msg = f"a request that is {request.state} cannot be carried out"
                raise Conflict(msg)
            request.state, request.closed_at = "fulfilled", self.clock()
            self.carried_out.append(request_id)
            return (
                Handed(Path(f"/home/outbox/{request_id}.package"), b"k" * 32) if request.right == "access" else Handed()
            )


@dataclass(frozen=True)
class Handed:
    """What the desk hands out."""

    package: Path | None = None
    key: bytes | None = None


@dataclass
class House:
    """The application with its people (by the names of PEOPLE), their tokens, and the things of the story by name."""

    context: WebContext
    app: FastAPI
    people: dict[str, Principal]
    tokens: dict[str, str]
    things: dict[str, UUID]
    desk: Desk

    def client(self, who: str | None = None, *, raising: bool = True) -> TestClient:
        """A client that shows somebody's token, or none."""
        headers = {} if who is None else {"Authorization": f"Bearer {self.tokens[who]}"}
        return TestClient(self.app, headers=headers, follow_redirects=False, raise_server_exceptions=raising)


def guarantee(epsilon: float) -> Guarantee:
    """The guarantee of one Gaussian release at the policy's delta."""
    return Guarantee(
        epsilon=epsilon,
        delta=1e-6,
        mu=mu_for(epsilon, 1e-6),
        unit="subject",
        neighbouring="add or remove one subject",
        accountant="Gaussian DP, exact",
        mechanism="discrete Gaussian on the Gram matrix, clipped per subject",
    )


def finding(rule: str, verdict: str, sentence: str, *, level: str = "error", value: float = 0.172) -> Finding:
    """One finding; it blocks when an error is not met."""
    return Finding(
        rule=rule,
        level=level,  # type: ignore[arg-type] # one of the three words
        verdict=Outcome(verdict),
        about="origin = european",
        value=value,
        low=value - 0.004,
        high=value + 0.004,
        limit=0.3,
        blocks=level == "error" and verdict != "pass",
        sentence=sentence,
    )


FAILING = Decision(
    outcome=Outcome.FAIL,
    findings=(
        finding(
            "european-works",
            "fail",
            "Titles with origin = european receive 17.2 % of the attention (95 % interval 16.8 % to 17.6 %); "
            "the policy asks for at least 30 %.",
        ),
        finding(
            "quality",
            "pass",
            "The ndcg of all titles is 0.291 (95 % interval 0.285 to 0.297); at least 0.050 is asked.",
        ),
    ),
    not_applicable=("every-genre-visible: the catalogue has no genre to measure by.",),
)
PASSING = Decision(
    outcome=Outcome.PASS,
    findings=(
        finding(
            "popularity",
            "inconclusive",
            "Recommended titles are 148 % more popular than what the same subjects chose, undecided.",
            level="warn",
        ),
        finding(
            "european-works",
            "pass",
            "Titles with origin = european receive 34.1 % of the attention (95 % interval 33.5 % to 34.7 %); "
            "the policy asks for at least 30 %.",
            value=0.341,
        ),
        finding(
            "quality",
            "pass",
            "The ndcg of all titles is 0.284 (95 % interval 0.278 to 0.290); at least 0.050 is asked.",
        ),
    ),
    not_applicable=(),
)


@dataclass
class Story:
    """Writes what happened before the test begins. Ids are counted, so that every run tells the same."""

    session: Session
    policies: Policies
    home: Path
    clock: TickingClock
    ids: Iterator[UUID] = field(default_factory=lambda: (UUID(int=number) for number in count(1)))

    def people(self) -> tuple[dict[str, Principal], dict[str, str]]:
        """Everybody, each with a token."""
        policy, people, tokens = self.policies.access.value, {}, {}
        for key, name in PEOPLE.items():
            role = key.partition("_")[0]
            people[key] = add_principal(
                self.session,
                name,
                [role],
                principal_id=next(self.ids),
                policy=policy,
                actor="role:operator",
                clock=self.clock,
            )
            secret = issue_token(
                self.session, people[key], token_id=next(self.ids), actor="role:operator", clock=self.clock
            )
            tokens[key] = secret.reveal()
        return people, tokens

    def consents(self) -> None:
        """Forty subjects: all grant training, every fourth refuses sharing."""
        policy, now = self.policies.purposes.value, self.clock()
        publish_notice(self.session, policy.notice, actor="role:operator", clock=self.clock)
        subjects = [f"{number:032x}" for number in range(40)]
        common = {"decided_at": now, "notice": policy.notice.version, "method": "banner"}
        decisions = [ConsentChoice(subject=s, purpose="model_training", choice="grant", **common) for s in subjects]
        decisions += [
            ConsentChoice(subject=s, purpose="partner_sharing", choice="refuse", **common) for s in subjects[::4]
        ]
        record(self.session, decisions, batch_id=next(self.ids), policy=policy, actor="role:operator", clock=self.clock)

    def models(self, author: Principal) -> tuple[Model, Model]:
        """One release, the plain model that fails and the mitigated one that passes, both audited and judged."""
        logged = {"actor": "role:pipeline", "clock": self.clock}
        reservation, paid, digest = next(self.ids), guarantee(5.0), sha256(b"release").hexdigest()
        snapshot = register_snapshot(
            self.session, {"lake": {"view": 3}}, [f"{n:032x}" for n in range(40)], snapshot_id=next(self.ids), **logged
        )
        privacy = self.policies.privacy.value
        reserve(
            self.session, reservation_id=reservation, purpose="gram release", guarantee=paid, policy=privacy, **logged
        )
        begin_reading(self.session, reservation, **logged)
        release = register_release(
            self.session, digest, paid, snapshot=snapshot, reservation_id=reservation, path="releases/r", **logged
        )
        spend(self.session, reservation, release=digest, **logged)
        made = {"release": release, "author": author, **logged}
        plain = register_model(
            self.session, "ease", sha256(b"plain").hexdigest(), model_id=next(self.ids), path="models/p", **made
        )
        prices = {"origin=european": 0.0612, "genre=documentary": 0.0188}
        mitigated = register_model(
            self.session,
            "ease",
            sha256(b"mitigated").hexdigest(),
            model_id=next(self.ids),
            path="models/m",
            parent=plain,
            prices=prices,
            **made,
        )
        for model, decision in ((plain, FAILING), (mitigated, PASSING)):
            self.judge(model, decision)
        return plain, mitigated

    def judge(self, model: Model, decision: Decision) -> None:
        """Store a report's files and the gate's decision on it."""
        self.keep(model, f'{{"model":"{model.digest}"}}'.encode(), decision)

    def keep(self, model: Model, content: bytes, decision: Decision) -> None:
        """Store the files of the report with this content, and a decision on it."""
        logged = {"actor": "role:pipeline", "clock": self.clock}
        folder = self.home / "reports"
        folder.mkdir(exist_ok=True)
        digest = sha256(content).hexdigest()
        (folder / f"{digest}.json").write_bytes(content)
        page = page_path(REPORT_HTML.encode())
        (self.home / page).write_text(REPORT_HTML, encoding="utf-8")
        paths = {"path_json": f"reports/{digest}.json", "path_html": page}
        report = register_report(self.session, model, digest, **paths, **logged)
        policy = self.policies.fairness.digest
        record_decision(
            self.session,
            decision,
            decision_id=next(self.ids),
            model=model,
            report=report,
            policy_digest=policy,
            **logged,
        )

    def request(self, right: str, subject: str, recorded_by: Principal) -> RightsRequest:
        """A subject asks for something."""
        return receive(
            self.session,
            right,
            "gdpr",
            Pseudonym(subject),
            request_id=next(self.ids),
            principal=recorded_by,
            policy=self.policies.rights.value,
            clock=self.clock,
        )

    def erased(self, recorded_by: Principal, officer: Principal, model: Model) -> RightsRequest:
        """An erasure that is done, with its certificate."""
        request = self.request("erasure", "e" * 32, recorded_by)
        acknowledge(self.session, request, actor="role:operator", clock=self.clock)
        approve(self.session, request, officer, policy=self.policies.rights.value, clock=self.clock)
        request.state, request.closed_at, request.subject = "fulfilled", self.clock(), None
        envelope = sign_certificate(certificate_of(request, model), EnvelopeSigner(bytes(32)))
        row = CertificateRecord(
            digest=sha256(envelope).hexdigest(), request_id=request.id, envelope=envelope, issued_on=MORNING.date()
        )
        self.session.add(row)
        self.session.flush()
        return request


def certificate_of(request: RightsRequest, model: Model) -> Certificate:
    """What an erasure says when it is done."""
    stores = (
        StoreErasure(store="vault", found={"subjects": 1, "identifiers": 3}, left=0),
        StoreErasure(store="lake", found={"view": 131, "rating": 22}, left=0),
        StoreErasure(store="consents", found={"decisions": 4}, left=0),
    )
    memory = ModelMemory(
        model=str(model.id),
        digest=model.digest,
        kind=model.kind,
        state=model.state,
        generation=model.generation,
        release=model.release,
        guarantee=dict(guarantee(5.0).as_dict()),
    )
    return Certificate(
        request=str(request.id),
        right="erasure",
        regime="gdpr",
        controller="Example Streaming",
        received_on="2026-11-23",
        erased_on="2026-11-23",
        stores=stores,
        models=(memory,),
        snapshots=(),
        retrain_by="2027-02-21",
        vault_commitment=None,
        residue=("Backups older than this day hold the subject until they are replaced.",),
    )


@pytest.fixture(scope="session")
def policies() -> Policies:
    """Those that are shipped."""
    return load_policies(policies_dir())


@dataclass(frozen=True)
class Told:
    """A home in which the story has been told, to copy."""

    home: Path
    now: datetime
    people: dict[str, Principal]
    tokens: dict[str, str]
    things: dict[str, UUID]


@pytest.fixture(scope="session")
def told(policies: Policies, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The story up to the morning of 2026-11-23, its ledger published."""
    home, clock = tmp_path_factory.mktemp("told") / "home", TickingClock()
    (home / "control").mkdir(parents=True)
    url = load_settings(home).control_url
    migrate(url, migrations_dir("control"))
    engine = create_engine_for(url)
    with transaction(engine) as session:
        story = Story(session, policies, home, clock)
        people, tokens = story.people()
        things = tell(story, people)
    publish(engine, home / "ledger", SIGNER, clock=clock)
    engine.dispose()
    return Told(home, clock.now, people, tokens, things)


@contextmanager
def open_house(home: Path, told: Told, policies: Policies) -> Iterator[House]:
    """A copy of the told home, and the application over it."""
    shutil.copytree(told.home, home)
    settings, clock = load_settings(home), TickingClock(told.now)
    engine = create_engine_for(settings.control_url)
    desk = Desk(engine, clock)
    given = {"engine": engine, "settings": settings, "policies": policies, "clock": clock, "desk": desk}
    context = WebContext(ledger=home / "ledger", **given)
    yield House(context, create_app(context), told.people, told.tokens, told.things, desk)
    engine.dispose()


@pytest.fixture
def house(told: Told, policies: Policies, tmp_path: Path) -> Iterator[House]:
    """A house for one test."""
    with open_house(tmp_path / "home", told, policies) as built:
        yield built


@pytest.fixture(scope="session")
def shared_house(told: Told, policies: Policies, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house for tests that change nothing in it."""
    with open_house(tmp_path_factory.mktemp("shared") / "home", told, policies) as built:
        yield built


def tell(story: Story, people: dict[str, Principal]) -> dict[str, UUID]:
    """Consents, two models, one review that is open; an erasure done, an access request and an erasure waiting."""
    story.consents()
    plain, mitigated = story.models(people["engineer"])
    review = propose(story.session, mitigated, review_id=next(story.ids), author=people["engineer"], clock=story.clock)
    done = story.erased(people["frontend"], people["officer"], plain)
    access = story.request("access", "a" * 32, people["frontend"])
    erasure = story.request("erasure", "b" * 32, people["frontend"])
    found = {
        "plain": plain,
        "mitigated": mitigated,
        "review": review,
        "done": done,
        "access": access,
        "erasure": erasure,
    }
    return {name: thing.id for name, thing in found.items()}
