"""An erasure, attested: what auditors and machines may know of a certificate that was handed to the subject."""

from datetime import UTC, date, datetime, time

from sqlalchemy.orm import Session

from governance.attest.attester import Attester
from governance.attest.checks import as_summary, as_test_result
from governance.attest.predicate import Predicate
from governance.attest.predicates.erasure_certificate import LEVEL, ErasureCertificate, Memory
from governance.attest.resource import Resource
from governance.attest.statement import Subject
from governance.attest.store import Made, attest
from governance.clock import Clock
from governance.policy.policies import Policies
from governance.rights.certificate import Certificate


def attest_erasure(
    session: Session,
    attester: Attester,
    certificate: Certificate,
    digest: str,
    *,
    policies: Policies,
    clock: Clock,
) -> None:
    """Attest the certificate with this digest (hex): in our own words, as a test run, and as a verification."""
    relied_on = (policies.rights, policies.retention, policies.privacy)
    rules = tuple(attester.policy(policy.name, policy.digest) for policy in relied_on)
    said = _said(certificate, attester.name, rules)
    subject = Subject(f"certificates/{digest}", digest)

    def say(predicate: Predicate) -> Made:
        about = certificate.request
        return attest(session, attester, predicate, subject=subject, about=about, clock=clock)

    own = say(said)
    tested = say(as_test_result(said.checks, configuration=rules))
    say(
        as_summary(
            said.checks,
            verifier=attester.name,
            verified_at=datetime.combine(said.erased_on, time(), UTC),
            resource=attester.uri(subject.name),
            policy=rules[0],
            inputs=(own.resource, tested.resource),
            level=LEVEL,
        )
    )


def _said(certificate: Certificate, certifier: str, rules: tuple[Resource, ...]) -> ErasureCertificate:
    guarantees = [model.guarantee for model in certificate.models]
    return ErasureCertificate(
        certifier=certifier,
        request=certificate.request,
        right=certificate.right,
        regime=certificate.regime,
        erased_on=date.fromisoformat(certificate.erased_on),
        left={each.store: each.left for each in certificate.stores},
        memory=Memory(
            models=len(guarantees),
            largest_epsilon=max((float(each["epsilon"]) for each in guarantees), default=0.0),
            largest_delta=max((float(each["delta"]) for each in guarantees), default=0.0),
        ),
        retrain_by=None if certificate.retrain_by is None else date.fromisoformat(certificate.retrain_by),
        rules=rules,
    )
