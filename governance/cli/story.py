"""The demo's chapters. Each calls the same pipelines and services as the commands do, and prints what came of it."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Self
from uuid import UUID, uuid4

from audits.report import Report
from audits.verdict import Outcome
from governance.access.principals import actor_of, add_principal
from governance.access.secret import BearerSecret
from governance.access.tables import Principal
from governance.access.tokens import issue_token
from governance.attest.gathering import pinned_policies
from governance.attest.logged import read_log
from governance.attest.registry import PREDICATES
from governance.attest.verification import Expected, Status, verify_attestation
from governance.budget.reservations import state
from governance.cli import audit as audit_command
from governance.cli import gate_display
from governance.cli.data import sample_facts
from governance.cli.display import progress, stdout, table
from governance.cli.ingest import facts, gateway_progress
from governance.cli.ledger_verify import verification_rows
from governance.cli.rights import certificate_rows, encode_key, unpack
from governance.cli.train import quote_facts, recommended_rows
from governance.errors import Forbidden, LedgerError
from governance.gate.decision import Decision
from governance.ledger.export import export
from governance.ledger.verify import verify_folder
from governance.pipeline.audit import audit_model, decide_on
from governance.pipeline.desk import Desk, identity_of
from governance.pipeline.home import OPERATOR, Home
from governance.pipeline.ingest import ingest
from governance.pipeline.mitigate import mitigate
from governance.pipeline.publication import publish_log, trust_policy_of
from governance.pipeline.recommend import recommend_to
from governance.pipeline.snapshot import take_snapshot
from governance.pipeline.train import Trained, quote, train
from governance.registry.lineage import count_memberships
from governance.registry.models import get_model
from governance.review.board import get_review, propose, vote
from governance.review.deployment import deploy
from governance.rights.certificate import verify_certificate
from governance.rights.requests import acknowledge, approve, get_request, receive
from governance.rights.work import Handover
from pseudonymisation.sources.registry import open_source
from pseudonymisation.sources.sample import SampleSettings, write_sample
from pseudonymisation.sources.source import Source

KIND = "ease"
"""The model that is put before the gate: the strongest on held-out subjects among those the release gives."""

LINES_SEARCHED = 20_000


@dataclass(frozen=True, slots=True)
class Cast:
    """Who acts in the demo, with the tokens they sign in with."""

    engineer: Principal
    board: tuple[Principal, Principal]
    officer: Principal
    frontend: Principal
    tokens: tuple[tuple[str, str, BearerSecret], ...]

    @classmethod
    def join(cls, home: Home) -> Self:
        """Give everybody access."""
        people = (
            ("Engineer", "engineer"),
            ("First board member", "board"),
            ("Second board member", "board"),
            ("Data-protection officer", "officer"),
            ("Account page", "frontend"),
        )
        joined, tokens = [], []
        for name, role in people:
            with home.transaction() as session:
                principal = add_principal(
                    session,
                    name,
                    [role],
                    principal_id=uuid4(),
                    policy=home.policies.access.value,
                    actor=OPERATOR,
                    clock=home.clock,
                )
                token = issue_token(session, principal, token_id=uuid4(), actor=OPERATOR, clock=home.clock)
            joined.append(principal)
            tokens.append((name, role, token))
        engineer, first, second, officer, frontend = joined
        return cls(engineer, (first, second), officer, frontend, tuple(tokens))


@dataclass(slots=True)
class Story:
    """The chapters, in order. ``subject_folder`` stands for the subject's own device."""

    home: Home
    cast: Cast
    subject_folder: Path
    _chapter: int = field(default=0)

    def generate(self, folder: Path, seed: int, subjects: int) -> Path:
        """A streaming service that nobody subscribed to."""
        self._title("A streaming service is generated")
        with progress("generating") as step:
            settings = SampleSettings(seed=seed, subjects=subjects)
            summary = write_sample(folder, settings, progress=lambda _, done, total: step(done, total or 0))
        table(None, ("", ""), sample_facts(summary))
        return folder

    def walk(self, folder: Path) -> None:
        """Everything after the interactions exist."""
        source = open_source(folder)
        self._ingest(source)
        trained = self._train()
        shipped = self._make_fair(trained)
        watching, leaving = self._choose_subjects(source, trained)
        if shipped is None:
            stdout.print(
                "No model passed the gate on these interactions, so none ships and nobody is recommended anything."
            )
        else:
            self._ship(shipped)
            self._recommend(watching)
        self._access(watching)
        self._erase(leaving)
        self._verify()

    def _ingest(self, source: Source) -> None:
        self._title("Raw events go through the gateway")
        stdout.print(f"{source.name}: {source.note}" if source.note else source.name, markup=False)
        with gateway_progress(source) as pace:
            done = ingest(self.home, source, pace=pace)
        table(None, ("", ""), facts(done))

    def _train(self) -> Trained:
        self._title("A snapshot is taken, privacy is reserved, one measurement is made")
        table("What this training costs", ("", ""), quote_facts(quote(self.home)))
        snapshot = take_snapshot(self.home, snapshot_id=uuid4())
        with progress("measuring") as step:
            trained = train(self.home, snapshot, training_id=uuid4(), author=self.cast.engineer, progress=step)
        promise = trained.release.guarantee
        stdout.print(
            f"{snapshot.subjects:,} subjects are in release {trained.release.digest[:16]}. Each is promised epsilon "
            f"{promise['epsilon']:g}, delta {promise['delta']:g} ({promise['neighbouring']}; {promise['accountant']}; "
            f"{promise['mechanism']}).",
            markup=False,
        )
        with self.home.transaction() as session:
            left = state(session, policy=self.home.policies.privacy.value)
        stdout.print(f"Models from it, at no further cost: {', '.join(trained.models)}.", markup=False)
        stdout.print(f"Spent so far: epsilon {left.epsilon_spent:.3f} of {left.budget_epsilon:g}.", markup=False)
        return trained

    def _make_fair(self, trained: Trained) -> UUID | None:
        """The model that passed the gate, if one did."""
        self._title("The models are audited on subjects they never saw")
        reports = {kind: self._audit(model.id) for kind, model in trained.models.items()}
        metrics = ("ndcg", "recall", "coverage", "exposure_gini", "popularity_lift")
        rows = [(kind, *audit_command.overall(report, metrics)) for kind, report in reports.items()]
        table("All titles together", ("model", *metrics), rows)
        self._title("The gate decides by policies/fairness.yaml")
        plain, compared = trained.models[KIND].id, {"plain": reports[KIND]}
        self._show_exposure(compared)
        if self._decide(plain).outcome == Outcome.PASS:
            stdout.print("The plain model passes: no mitigation is needed.")
            return plain
        self._title("Exposure prices are fitted, and the priced model is audited and decided on")
        with progress("fitting exposure prices") as step:
            made = mitigate(self.home, plain, mitigated_id=uuid4(), author=self.cast.engineer, progress=step)
        stdout.print(
            "Fitted on synthetic subjects drawn from the release, at no privacy cost; "
            f"{made.fit.utility / made.fit.unconstrained_utility:.1%} of the score is kept.",
            markup=False,
        )
        table(None, ("category", "price"), [(name, f"{price:+.3f}") for name, price in sorted(made.prices.items())])
        self._show_exposure({**compared, "with prices": self._audit(made.model.id)})
        return made.model.id if self._decide(made.model.id).outcome == Outcome.PASS else None

    def _audit(self, model: UUID) -> Report:
        with progress("auditing") as step:
            return audit_model(self.home, model, progress=step).report

    def _show_exposure(self, reports: dict[str, Report]) -> None:
        attributes = sorted({rule.attribute for rule in self.home.policies.fairness.value.rules if rule.attribute})
        table(
            "Share of the attention, with intervals that hold together",
            ("category", "catalogue", *reports),
            audit_command.exposure_rows(list(reports.values()), attributes),
        )

    def _decide(self, model: UUID) -> Decision:
        decision = decide_on(self.home, model, decision_id=uuid4())
        gate_display.show(decision, all_findings=decision.outcome == Outcome.PASS)
        return decision

    def _ship(self, model_id: UUID) -> None:
        self._title("The review board decides")
        home, review_id = self.home, uuid4()
        with home.transaction() as session:
            propose(
                session, get_model(session, model_id), review_id=review_id, author=self.cast.engineer, clock=home.clock
            )
        for member in (self.cast.engineer, *self.cast.board):
            self._vote(review_id, member)
        with home.transaction() as session:
            actor = actor_of(self.cast.engineer)
            deployment = deploy(session, get_model(session, model_id), actor=actor, clock=home.clock)
            generation = get_model(session, model_id).generation
        stdout.print(
            f"Model {model_id} serves as generation {generation} (deployment {deployment.number}).", markup=False
        )

    def _vote(self, review_id: UUID, member: Principal) -> None:
        rule = self.home.policies.access.value.review
        try:
            with self.home.transaction() as session:
                review = get_review(session, review_id)
                vote(session, review, member, "approve", policy=rule, clock=self.home.clock)
        except Forbidden as refusal:
            stdout.print(f"{member.name} tries to approve: refused, {refusal}.", markup=False)
        else:
            stdout.print(f"{member.name} approves: the review is {review.state}.", markup=False)

    def _choose_subjects(self, source: Source, trained: Trained) -> tuple[str, str]:
        """Two account ids with histories: one who stays, one whom the release had seen and who leaves."""
        found: list[str] = []
        for account in _frequent_accounts(source):
            events = self.home.vault.find(identity_of("account_id", account), domain="events")
            with self.home.transaction() as session:
                if events is not None and count_memberships(session, events):
                    found.append(account)
            if len(found) == 2:  # noqa: PLR2004 - the two in the title
                return found[0], found[1]
        msg = (
            f"expected two subjects of release {trained.release.digest[:16]} among the first events, found {len(found)}"
        )
        raise RuntimeError(msg)

    def _recommend(self, account: str) -> None:
        self._title("One subject's recommendations, with the exact reasons")
        listed = recommend_to(self.home, identity_of("account_id", account), 10)
        table(
            None,
            ("rank", "title", "because you watched (share of the score)", "exposure price"),
            recommended_rows(listed),
        )

    def _access(self, account: str) -> None:
        self._title("That subject asks for access")
        handed = self._request(account, "access")
        if handed.package is None or handed.key is None:
            msg = "an access request was fulfilled without a package"
            raise RuntimeError(msg)
        package = self.subject_folder / handed.package.name
        self.subject_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(handed.package, package)
        files = unpack(package, handed.key, self.subject_folder)
        shown = f"its key ({len(encode_key(handed.key))} characters) was shown once, to the subject"
        stdout.print(f"The sealed package is {handed.package}; {shown}.", markup=False, soft_wrap=True)
        for file in files:
            stdout.print(
                f"  on the subject's side: {file} ({file.stat().st_size:,} bytes)", markup=False, soft_wrap=True
            )

    def _erase(self, account: str) -> None:
        self._title("Another subject asks for deletion")
        handed = self._request(account, "erasure")
        if handed.certificate is None:
            msg = "an erasure was fulfilled without a certificate"
            raise RuntimeError(msg)
        found = verify_certificate(handed.certificate, self.home.certificate_signer.public_key)
        table("The certificate's signature holds; it says", ("", ""), certificate_rows(found))
        gone = Desk(self.home).resolve("account_id", account) is None
        stdout.print(f"The vault {'no longer knows' if gone else 'STILL KNOWS'} this account.", markup=False)

    def _request(self, account: str, right: str) -> Handover:
        home, desk, request_id = self.home, Desk(self.home), uuid4()
        subject = desk.resolve("account_id", account)
        if subject is None:
            msg = "the subject chosen for a request is unknown to the vault"
            raise RuntimeError(msg)
        with home.transaction() as session:
            request = receive(
                session,
                right,
                "gdpr",
                subject,
                request_id=request_id,
                principal=self.cast.frontend,
                policy=home.policies.rights.value,
                clock=home.clock,
                manner="account_page",
                box_key=desk.box_key(subject, request_id),
            )
            stdout.print(f"Request {request.id} is due on {request.due_on}.", markup=False)
            officer = self.cast.officer
            acknowledge(session, request, actor=actor_of(officer), clock=home.clock)
            approve(
                session, get_request(session, request_id), officer, policy=home.policies.rights.value, clock=home.clock
            )
        with progress("fulfilling") as step:
            return desk.fulfil(request_id, actor=actor_of(self.cast.officer), progress=step)

    def _verify(self) -> None:
        self._title("The ledger is verified from its files alone")
        home, trusted = self.home, trust_policy_of(self.home)
        with progress("publishing") as step:
            publish_log(home, progress=step)
        exported = home.settings.home / "ledger-export"
        export(home.engine, home.folder("ledger"), exported, policy=trusted)
        table(None, ("", ""), verification_rows(verify_folder(exported, trusted)))
        copy = home.settings.home / "ledger-export-tampered"
        shutil.copytree(exported, copy)
        place = flip_one_byte(copy)
        try:
            verify_folder(copy, trusted)
        except LedgerError as finding:
            stdout.print(
                f"One byte of a copy was flipped ({place}); verification says: {finding}", markup=False, soft_wrap=True
            )
        else:
            msg = "a tampered log verified"
            raise RuntimeError(msg)
        self._verify_attestations(exported)

    def _verify_attestations(self, exported: Path) -> None:
        self._title("What was attested is verified against that log and the policies")
        home = self.home
        expected = Expected(
            attesters=(home.attester.verifier_key,),
            now=home.clock(),
            policies=pinned_policies(home.settings.policies_folder),
            log=read_log(exported, trust_policy_of(home)),
        )
        found = [verify_attestation(path.read_bytes(), expected) for path in home.attester.folder.iterdir()]
        rows = []
        for kind in PREDICATES:
            states = [each.status for each in found if each.predicate_type == kind.predicate_type]
            rows.append((kind.slug, states.count(Status.HOLDS), states.count(Status.REFUSED)))
        table(None, ("signed statement", "holds", "holds and says no"), rows)

    def show_tokens(self) -> None:
        """The tokens of the demo's people, shown once."""
        stdout.print("\nSign in with one of these tokens; they are stored nowhere:")
        for name, role, token in self.cast.tokens:
            stdout.print(f"  {token.reveal()}  {name} ({role})", markup=False, soft_wrap=True)

    def _title(self, words: str) -> None:
        self._chapter += 1
        stdout.print()
        stdout.rule(f"[bold]{self._chapter}. {words}", align="left")


def flip_one_byte(folder: Path) -> str:
    """Change one byte in the middle of the first entry bundle; says where."""
    bundle = next(path for path in sorted((folder / "tile" / "entries").rglob("*")) if path.is_file())
    data = bytearray(bundle.read_bytes())
    place = len(data) // 2
    data[place] ^= 0x01
    bundle.chmod(0o600)
    bundle.write_bytes(bytes(data))
    return f"byte {place} of {bundle.relative_to(folder)}"


def _frequent_accounts(source: Source) -> Iterator[str]:
    """Account ids by how often they occur in the first events, most often first."""
    counts: Counter[str] = Counter()
    for line in islice(source.events(), LINES_SEARCHED):
        try:
            account = json.loads(line)["subject"]["account_id"]
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(account, str):
            counts[account] += 1
    yield from (account for account, _ in counts.most_common())
