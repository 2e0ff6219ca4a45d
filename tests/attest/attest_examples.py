"""One example of each predicate, and the program that freezes its envelope.

It is run as `python -m tests.attest.attest_examples`. A vector that exists is never written again.
"""

import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from governance.attest.attester import Attester
from governance.attest.dsse import sign_envelope
from governance.attest.predicates.erasure_certificate import ErasureCertificate, Memory
from governance.attest.predicates.privacy_audit import Paid, PrivacyAudit
from governance.attest.predicates.provenance import TRAINING, Provenance
from governance.attest.predicates.test_result import TestResult
from governance.attest.predicates.verification_summary import VerificationSummary
from governance.attest.resource import Resource
from governance.attest.signing import EnvelopeSigner
from governance.attest.statement import PAYLOAD_TYPE, Statement, Subject, encode_statement

VECTORS = Path(__file__).parents[1] / "vectors" / "attestations"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SIGNER = EnvelopeSigner(b"\x01" * 32)
NAME = "https://probity.example/ledger/attester"
ATTESTER = Attester(signer=SIGNER, name=NAME, folder=Path("attestations"))
ONE, TWO = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2))
MODEL, RELEASE, POLICY, OTHER = ("ab" * 32, "cd" * 32, "ef" * 32, "01" * 32)
FAIRNESS = ATTESTER.policy("fairness.yaml", POLICY)
PRIVACY = ATTESTER.policy("privacy.yaml", OTHER)

PROVENANCE = Provenance(
    build_type=TRAINING,
    external={"kind": "ease", "snapshot": ONE},
    internal={"mechanism": {"epsilon": 5.0}},
    dependencies=(
        Resource(ATTESTER.uri(f"snapshots/{ONE}"), OTHER),
        PRIVACY,
        Resource(ATTESTER.uri("code/recommender"), OTHER, {"version": "0.1.0"}),
    ),
    builder=NAME,
    builder_version="0.1.0",
    invocation=TWO,
    started_at=datetime(2026, 11, 23, 11, 59, tzinfo=UTC),
    finished_at=NOON,
)
PRIVACY_AUDIT = PrivacyAudit(
    auditor=NAME,
    audited_at=NOON,
    unit="subject",
    neighbouring="add or remove one subject",
    epsilon=5.0,
    delta=1e-6,
    accountant="Gaussian DP",
    mechanism="discrete Gaussian",
    paid=Paid(
        reservation=ONE,
        population="subscribers",
        purpose="model_training",
        composed_epsilon=5.0,
        budget_epsilon=10.0,
        release_epsilon=5.0,
        delta=1e-6,
    ),
    policy=PRIVACY,
    inputs=(Resource(ATTESTER.uri("attestations/x.dsse.json"), OTHER),),
)
TEST_RESULT = TestResult(
    result="WARNED",
    configuration=(FAIRNESS, Resource(ATTESTER.uri("audit-configuration"), OTHER)),
    url=ATTESTER.uri(f"reports/{OTHER}.json"),
    passed=("european-works (origin = european)",),
    warned=("coverage (all titles)",),
)
SUMMARY = VerificationSummary(
    verifier=NAME,
    verified_at=NOON,
    resource=ATTESTER.uri(f"models/{ONE}"),
    policy=FAIRNESS,
    inputs=(Resource(ATTESTER.uri("attestations/x.dsse.json"), OTHER),),
    result="PASSED",
    levels=("PROBITY_GATE",),
)
ERASURE = ErasureCertificate(
    certifier=NAME,
    request=ONE,
    right="erasure",
    regime="gdpr",
    erased_on=date(2026, 11, 23),
    left={"vault": 0, "lake": 0},
    memory=Memory(models=2, largest_epsilon=5.0, largest_delta=1e-6),
    retrain_by=date(2027, 2, 21),
    rules=(ATTESTER.policy("rights.yaml", POLICY),),
)

EXAMPLES: tuple[tuple[str, Any], ...] = (
    ("provenance", PROVENANCE),
    ("privacy-audit", PRIVACY_AUDIT),
    ("test-result", TEST_RESULT),
    ("vsa", SUMMARY),
    ("vsa-failed", replace(SUMMARY, result="FAILED", levels=())),
    ("erasure-certificate", ERASURE),
)


def statement_of(predicate: Any, sha256: str = MODEL) -> Statement:  # noqa: ANN401 - any predicate
    """A statement about one artefact."""
    return Statement(
        subjects=(Subject(f"models/{ONE}", sha256),),
        predicate_type=predicate.predicate_type,
        predicate=predicate.as_json(),
    )


def envelope_of(predicate: Any, sha256: str = MODEL, *signers: EnvelopeSigner) -> bytes:  # noqa: ANN401 - any predicate
    """The signed envelope of a statement about one artefact."""
    return sign_envelope(PAYLOAD_TYPE, encode_statement(statement_of(predicate, sha256)), signers or (SIGNER,))


if __name__ == "__main__":
    for name, example in EXAMPLES:
        path = VECTORS / f"{name}.dsse.json"
        if not path.exists():
            path.write_bytes(envelope_of(example))
            sys.stdout.write(f"{path.name}\n")
