"""A decision as two signed in-toto statements: the rules as a test result, the outcome as a verification summary.

Signed by a key file, with no home and no log: whoever verifies must know the key from elsewhere, and `probity attest
verify` then checks signature, subject, policy and age from files alone. A log's entry, and so whether something later
replaced the decision, is what a registered model has and this does not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from audits.verdict import Outcome
from governance.attest.attester import attester_with
from governance.attest.bundle import encode_bundle
from governance.attest.dsse import attestation_digest, sign_envelope
from governance.attest.predicate import Predicate
from governance.attest.predicates.test_result import Result, TestResult
from governance.attest.predicates.verification_summary import VerificationSummary
from governance.attest.resource import Resource
from governance.attest.signing import EnvelopeSigner
from governance.attest.statement import PAYLOAD_TYPE, Statement, Subject, encode_statement
from governance.errors import Conflict
from governance.gate.decision import Decision, Finding
from governance.gate.outputs.decided import Decided
from governance.gate.outputs.standing import Standing, name_of, standing
from governance.ledger.key_file import create_note_key, load_note_key
from governance.ledger.note import VerifierKey

LEVEL: Final = "PROBITY_GATE"
"""What a subject that passed has reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSigner:
    """Who answers for checks: ``name`` (a URI; verifier.id of what is said) and the key that speaks for it."""

    name: str
    signer: EnvelopeSigner

    @property
    def verifier_key(self) -> VerifierKey:
        """What others must hold to accept it; `encode_attester` writes it as a line for ``--key``."""
        return VerifierKey(self.name, self.signer.public_key)


def create_key(path: Path, name: str, draw: Callable[[int], bytes]) -> None:
    """Make a key file, readable by its owner only, that speaks under ``name`` (a URI), from ``draw(32)`` random bytes.

    Raises:
        Conflict: the file exists; what its key signed could not be attributed any more.
        InvalidInput: a name that cannot stand in a key.
    """
    if path.exists():
        msg = f"{path} exists: a signing key is never replaced"
        raise Conflict(msg)
    create_note_key(path, name, draw)


def load_key(path: Path) -> CheckSigner:
    """The signer in a key file, as ``probity init`` makes one for a home and `create_key` for a CI system.

    Raises:
        ConfigurationError: it cannot be read, others may read it, or it holds no key; shows nothing of what it holds.
    """
    key = load_note_key(path, lost="expected the file of a signing key, such as keys/attest.key of a home")
    attester = attester_with(key, path.parent)
    return CheckSigner(name=attester.name, signer=attester.signer)


def sign_decision(
    decided: Decided, by: CheckSigner, *, subjects: Mapping[str, str] | None = None, decided_at: datetime
) -> bytes:
    """A bundle (``.intoto.jsonl``) with both statements, one envelope a line.

    Args:
        decided: what was decided.
        by: who signs.
        subjects: SHA-256 (hex) of what was judged, by name, such as the file of recommendations; without any it is
            what the audit read, by the digest in the report.
        decided_at: aware UTC.

    Guarantees:
      - equal arguments give equal bytes (Ed25519 is deterministic)
      - nothing but an outcome of ``pass`` is ever said to have passed, in either statement

    Raises:
        InvalidInput: a subject's digest is no SHA-256.
    """
    about = subjects or {"audit-inputs": decided.report.inputs_digest}
    named = tuple(Subject(name, digest) for name, digest in sorted(about.items()))
    configuration = (_policy(decided, by), _report(decided, by), *_besides(decided, by))
    tested = _envelope(rules_tested(decided.decision, configuration), named, by)
    passed = decided.decision.outcome is Outcome.PASS
    summary = VerificationSummary(
        verifier=by.name,
        verified_at=decided_at,
        resource=f"{by.name}/checks/{decided.report_sha256}",
        policy=_policy(decided, by),
        inputs=(Resource(f"{by.name}/attestations/{tested.digest}.dsse.json", sha256(tested.envelope).hexdigest()),),
        result="PASSED" if passed else "FAILED",
        levels=(LEVEL,) if passed else (),
    )
    return encode_bundle([tested.envelope, _envelope(summary, named, by).envelope])


def rules_tested(decision: Decision, configuration: Sequence[Resource], url: str | None = None) -> TestResult:
    """The decision as a test run. What blocks has failed, also where it is merely inconclusive; a waived rule warns."""
    return TestResult(
        result=_result(decision),
        configuration=tuple(configuration),
        url=url,
        passed=tuple(_name(each) for each in decision.findings if standing(each) is Standing.MET),
        warned=tuple(_name(each) for each in decision.findings if standing(each) in _WARNED),
        failed=tuple(_name(each) for each in decision.findings if each.blocks),
    )


_WARNED = (Standing.WAIVED, Standing.WARNED)


@dataclass(frozen=True, slots=True)
class _Signed:
    envelope: bytes
    digest: str


def _envelope(predicate: Predicate, subjects: tuple[Subject, ...], by: CheckSigner) -> _Signed:
    statement = Statement(subjects=subjects, predicate_type=predicate.predicate_type, predicate=predicate.as_json())
    payload = encode_statement(statement)
    return _Signed(sign_envelope(PAYLOAD_TYPE, payload, [by.signer]), attestation_digest(PAYLOAD_TYPE, payload))


def _policy(decided: Decided, by: CheckSigner) -> Resource:
    name = decided.source.path.rpartition("/")[2]
    return Resource(f"{by.name}/policies/{name}", decided.source.sha256)


def _report(decided: Decided, by: CheckSigner) -> Resource:
    digest = decided.report_sha256
    return Resource(f"{by.name}/reports/{digest}.json", digest)


def _besides(decided: Decided, by: CheckSigner) -> list[Resource]:
    """What else was read: a policy's digest alone does not say which waivers stood beside it."""
    read = decided.decision.rests_on
    return [Resource(f"{by.name}/{name.replace(' ', '-')}/{digest}", digest) for name, digest in read]


def _result(decision: Decision) -> Result:
    if decision.outcome is not Outcome.PASS:
        return "FAILED"
    return "WARNED" if any(standing(each) in _WARNED for each in decision.findings) else "PASSED"


def _name(finding: Finding) -> str:
    undecided = ": inconclusive" if finding.verdict is Outcome.INCONCLUSIVE else ""
    waived = f": waived by {finding.waived_by}" if standing(finding) is Standing.WAIVED else ""
    return f"{name_of(finding)}{undecided}{waived}"
