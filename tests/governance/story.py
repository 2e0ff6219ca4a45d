"""A story to look at: people, consents, two models, decisions and requests, written into a control database."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from uuid import UUID

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
from governance.gate.decision import Decision, Finding
from governance.gate.records import record_decision
from governance.ledger.note import LedgerSigner
from governance.policy.policies import Policies
from governance.registry.lineage import register_release, register_snapshot
from governance.registry.models import register_model, register_report
from governance.registry.reports import page_path
from governance.registry.tables import Model
from governance.review.board import propose
from governance.rights.certificate import (
    Certificate,
    ModelMemory,
    StoreErasure,
    sign_certificate,
)
from governance.rights.requests import acknowledge, approve, receive
from governance.rights.tables import CertificateRecord, RightsRequest
from pseudonymisation.pseudonym import Pseudonym
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
            valid_days=90,
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
            manner="account_page",
            box_key=None,
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
