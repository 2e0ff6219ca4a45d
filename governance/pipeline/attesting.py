"""What the pipeline attests, in the transaction of what it attests: trainings, releases, audits, decisions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from audits.configuration import AuditConfig
from audits.encoding import encode
from audits.verdict import Outcome
from governance.attest.checks import as_summary, as_test_result
from governance.attest.dsse import decode_envelope
from governance.attest.predicate import Predicate
from governance.attest.predicates.privacy_audit import LEVEL as PRIVACY_LEVEL
from governance.attest.predicates.privacy_audit import Paid, PrivacyAudit
from governance.attest.predicates.provenance import MITIGATION, TRAINING, Provenance
from governance.attest.predicates.test_result import TestResult
from governance.attest.predicates.verification_summary import VerificationSummary
from governance.attest.resource import Resource
from governance.attest.statement import MODELS, Subject, decode_statement
from governance.attest.store import Made, attest, list_attestations, read_envelope
from governance.budget.reservations import state
from governance.budget.tables import Reservation
from governance.errors import ConfigurationError
from governance.gate.decision import Decision
from governance.gate.outputs.attestation import LEVEL, rules_tested
from governance.ledger.canonical import Json
from governance.pipeline.code import probity_version, trainer_digest
from governance.pipeline.home import Home
from governance.registry.reports import released_path
from governance.registry.tables import AttackRecord, AuditRecord, Model, ReleaseRecord, Snapshot
from recommender.mechanism import Mechanism

SETTINGS = "audit-configuration"
ATTACK_TEST = "canaries in a run of the mechanism, and membership inference if asked for, do not refute the guarantee"
UNDECIDED = " (undecided: they may well have missed half of the noise)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attesting:
    """One transaction in which the home attests."""

    session: Session
    home: Home

    def say(self, predicate: Predicate, subject: Subject, about: str) -> Made:
        """Attest one thing."""
        return attest(
            self.session,
            self.home.attester,
            predicate,
            subject=subject,
            about=about,
            clock=self.home.clock,
        )


def attest_release(by: Attesting, release: ReleaseRecord, snapshot: Snapshot, mechanism: Mechanism) -> None:
    """How the release was made, what it promises, and both as generic tools read them."""
    home, reservation = by.home, _reservation(by.session, release)
    subject = Subject(f"releases/{release.digest}", release.digest)
    made = by.say(
        Provenance(
            build_type=TRAINING,
            external={"purpose": reservation.purpose, "snapshot": str(snapshot.id)},
            internal={"mechanism": mechanism.as_dict()},
            dependencies=_inputs(home, snapshot),
            builder=home.attester.name,
            builder_version=probity_version(),
            invocation=str(reservation.id),
            started_at=reservation.reserved_at,
            finished_at=release.made_at,
        ),
        subject,
        release.digest,
    )
    _attest_guarantee(by, reservation, subject, release.digest, made.resource, promise=release.guarantee)


def attest_models(
    by: Attesting,
    models: Mapping[str, Model],
    release: ReleaseRecord,
    snapshot: Snapshot,
    *,
    internal: Mapping[str, Json] | None = None,
) -> None:
    """How each model was made from the release; ``internal``: by what, where it cost more than that."""
    home, reservation = by.home, _reservation(by.session, release)
    dependencies = (_released(home, release), *_inputs(home, snapshot))
    for model in models.values():
        by.say(
            Provenance(
                build_type=TRAINING,
                external={"kind": model.kind, "snapshot": str(snapshot.id)},
                internal=internal or {},
                dependencies=dependencies,
                builder=home.attester.name,
                builder_version=probity_version(),
                invocation=str(reservation.id),
                started_at=reservation.reserved_at,
                finished_at=model.registered_at,
            ),
            _subject(model),
            str(model.id),
        )


def attest_mitigation(
    by: Attesting,
    model: Model,
    parent: Model,
    release: ReleaseRecord,
    *,
    internal: Mapping[str, Json],
    started_at: datetime,
) -> None:
    """How exposure prices were put on a model."""
    home = by.home
    by.say(
        Provenance(
            build_type=MITIGATION,
            external={"parent": str(parent.id)},
            internal=internal,
            dependencies=(
                Resource(home.attester.uri(f"models/{parent.id}"), parent.digest),
                _released(home, release),
                home.attester.policy(home.policies.fairness.name, home.policies.fairness.digest),
                _code(home),
            ),
            builder=home.attester.name,
            builder_version=probity_version(),
            invocation=str(model.id),
            started_at=started_at,
            finished_at=model.registered_at,
        ),
        _subject(model),
        str(model.id),
    )


def attest_audit(by: Attesting, model: Model, report: AuditRecord, config: AuditConfig, decision: Decision) -> None:
    """What an audit found, rule by rule of the policy in force; the report is named by its digest."""
    settings = Resource(by.home.attester.uri(SETTINGS), sha256(encode(config)).hexdigest())
    _attest_report(by, model, report, (settings,), decision)


def attest_audit_again(by: Attesting, model: Model, report: AuditRecord, decision: Decision) -> Made:
    """What an audit found by the rules of the present policy; the settings are those it was run with, where attested.

    Without it the old policy's verdict on the report would stay in force beside the new policy's decision.
    """
    said = _find_audit(by, model, report)
    run_with = () if said is None else said.configuration
    settings = tuple(each for each in run_with if each.uri.endswith(f"/{SETTINGS}"))
    return _attest_report(by, model, report, settings, decision)


def _attest_report(
    by: Attesting, model: Model, report: AuditRecord, settings: tuple[Resource, ...], decision: Decision
) -> Made:
    home, fairness = by.home, by.home.policies.fairness
    return by.say(
        rules_tested(
            decision,
            (home.attester.policy(fairness.name, fairness.digest), *settings),
            url=_report_url(home, report),
        ),
        _subject(model),
        str(model.id),
    )


def attest_released_audit(by: Attesting, model: Model, reservation: Reservation, digest: str) -> None:
    """What an audit's release promises, about the document with this digest (hex), as a training's release is attested.

    The model whose lists were measured is named as what it was made from.
    """
    audited = Resource(by.home.attester.uri(f"models/{model.id}"), model.digest)
    _attest_guarantee(by, reservation, Subject(released_path(digest), digest), digest, audited)


def attest_attack(by: Attesting, attack: AttackRecord, *, refuted: bool, undecided: bool) -> None:
    """What an attack found, about its report; the release is named beside the policy that its claim was made under.

    Said of the release itself, it would replace the checks of its guarantee, which are a test result too.
    """
    home, privacy = by.home, by.home.policies.privacy
    released = Resource(home.attester.uri(f"releases/{attack.release}"), attack.release)
    tested = as_test_result(
        {ATTACK_TEST + (UNDECIDED if undecided else ""): not (refuted or undecided)},
        configuration=(home.attester.policy(privacy.name, privacy.digest), released),
    )
    by.say(replace(tested, url=home.attester.uri(attack.path)), Subject(attack.path, attack.digest), attack.digest)


def attest_decision(by: Attesting, model: Model, made: Made, decision: Decision, decided_at: datetime) -> None:
    """The gate's decision on the audit that ``made`` attests, as a verification summary; an inconclusive one failed."""
    home, fairness = by.home, by.home.policies.fairness
    passed = decision.outcome == Outcome.PASS
    by.say(
        VerificationSummary(
            verifier=home.attester.name,
            verified_at=decided_at,
            resource=home.attester.uri(f"models/{model.id}"),
            policy=home.attester.policy(fairness.name, fairness.digest),
            inputs=(made.resource,),
            result="PASSED" if passed else "FAILED",
            levels=(LEVEL,) if passed else (),
        ),
        _subject(model),
        str(model.id),
    )


def _attest_guarantee(
    by: Attesting,
    reservation: Reservation,
    subject: Subject,
    about: str,
    made_from: Resource,
    *,
    promise: Mapping[str, Any] | None = None,
) -> None:
    """A guarantee in our own words, as a test run and as a verification; without ``promise`` the reservation's."""
    home, privacy, promise = by.home, by.home.policies.privacy, promise or reservation.guarantee
    policy = home.attester.policy(privacy.name, privacy.digest)
    audit = PrivacyAudit(
        auditor=home.attester.name,
        audited_at=home.clock(),
        unit=str(promise["unit"]),
        neighbouring=str(promise["neighbouring"]),
        epsilon=float(promise["epsilon"]),
        delta=float(promise["delta"]),
        accountant=str(promise["accountant"]),
        mechanism=str(promise["mechanism"]),
        paid=Paid(
            reservation=str(reservation.id),
            population=reservation.population,
            purpose=reservation.purpose,
            composed_epsilon=state(by.session, policy=privacy.value).epsilon_spent,
            budget_epsilon=privacy.value.budget_epsilon,
            release_epsilon=privacy.value.release_epsilon,
            delta=privacy.value.delta,
        ),
        policy=policy,
        inputs=(made_from,),
    )
    own = by.say(audit, subject, about)
    tested = by.say(as_test_result(audit.checks, configuration=(policy,)), subject, about)
    summary = as_summary(
        audit.checks,
        verifier=home.attester.name,
        verified_at=home.clock(),
        resource=home.attester.uri(subject.name),
        policy=policy,
        inputs=(own.resource, tested.resource),
        level=PRIVACY_LEVEL,
    )
    by.say(summary, subject, about)


def _inputs(home: Home, snapshot: Snapshot) -> tuple[Resource, ...]:
    """Everything from outside that a training depends on."""
    policies = home.policies
    return (
        Resource(home.attester.uri(f"snapshots/{snapshot.id}"), snapshot.digest),
        Resource(home.attester.uri("catalogue"), json.loads(snapshot.manifest)["catalogue"]),
        *(
            home.attester.policy(policy.name, policy.digest)
            for policy in (policies.purposes, policies.minimisation, policies.privacy)
        ),
        _code(home),
    )


def _code(home: Home) -> Resource:
    return Resource(home.attester.uri("code/recommender"), trainer_digest(), {"version": probity_version()})


def _released(home: Home, release: ReleaseRecord) -> Resource:
    return Resource(home.attester.uri(f"releases/{release.digest}"), release.digest)


def _subject(model: Model) -> Subject:
    return Subject(f"{MODELS}{model.id}", model.digest)


def _reservation(session: Session, release: ReleaseRecord) -> Reservation:
    reservation = session.get(Reservation, release.reservation_id)
    if reservation is None:
        msg = f"the reservation of release {release.digest} is gone from the database"
        raise ConfigurationError(msg)
    return reservation


def _report_url(home: Home, report: AuditRecord) -> str:
    return home.attester.uri(f"reports/{report.digest}.json")


def _find_audit(by: Attesting, model: Model, report: AuditRecord) -> TestResult | None:
    """What was attested last about a report. One that is older than attestations has nothing."""
    for record in list_attestations(by.session, model.digest):
        if record.predicate_type == TestResult.predicate_type:
            opened = decode_envelope(read_envelope(by.home.attester.folder, record.digest))
            said = TestResult.read(decode_statement(opened.payload_type, opened.payload).predicate)
            if said.url == _report_url(by.home, report):
                return said
    return None
