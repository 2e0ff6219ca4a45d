"""A check that is signed with a key file: who verifies needs the key, the files, and nothing of ours."""

import json
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import typer
from google.protobuf.json_format import Parse
from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import TestResult as PeerTestResult
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement as PeerStatement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey
from typer.testing import CliRunner

from audits.verdict import Outcome
from governance.attest.attester import encode_attester
from governance.attest.bundle import split_bundle, verify_bundle
from governance.attest.predicates.verification_summary import VerificationSummary
from governance.attest.required import require_of_each
from governance.attest.signing import EnvelopeSigner
from governance.attest.verification import Expected, Status, worst
from governance.cli.attest_verify import verify as verify_command
from governance.errors import ConfigurationError, Conflict, InvalidInput
from governance.gate.outputs import SIGNED
from governance.gate.outputs.attestation import CheckSigner, create_key, load_key, sign_decision
from tests.outputs.examples import EVERY_STANDING, PASSED, POLICY, decided

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
BY = CheckSigner(name="https://ci.example/gate", signer=EnvelopeSigner(b"\x05" * 32))
LISTS = b"subject,item,rank\ns,a,1\n"
SUBJECTS = {"lists.csv": sha256(LISTS).hexdigest()}


def signed(decision: Any = PASSED, **more: Any) -> bytes:  # noqa: ANN401 - arguments by name
    return sign_decision(decided(decision), BY, **{"subjects": SUBJECTS, "decided_at": NOON, **more})


def statements(bundle: bytes) -> list[dict[str, Any]]:
    found = []
    for line in split_bundle(bundle):
        peer = SSlibKey(BY.signer.key_id, "ed25519", "ed25519", {"public": BY.signer.public_key.hex()})
        envelope = Envelope.from_dict(deepcopy(json.loads(line)))
        assert set(envelope.verify([peer], 1)) == {BY.signer.key_id}
        found.append(json.loads(envelope.payload))
    return found


def test_another_library_verifies_both_statements_and_reads_what_they_say() -> None:
    tested, summary = statements(signed(EVERY_STANDING))

    assert tested["predicate"]["result"] == "FAILED"
    assert tested["predicate"]["failedTests"] == [
        "european-works (origin = european)",
        "every-genre-visible (genre = noir): inconclusive",
        "every-genre-visible (genre = western)",
    ]
    assert tested["predicate"]["warnedTests"] == [
        "every-genre-visible (genre = war): waived by w-7",
        "popularity (all titles)",
    ]
    assert summary["predicate"]["verificationResult"] == "FAILED"
    assert summary["predicate"]["verifiedLevels"] == ["FAILED"]
    for statement in (tested, summary):
        PeerStatement.copy_from_pb(Parse(json.dumps(statement), statement_pb2.Statement())).validate()
        assert statement["subject"] == [{"name": "lists.csv", "digest": {"sha256": SUBJECTS["lists.csv"]}}]
    Parse(json.dumps(tested["predicate"]), PeerTestResult(), ignore_unknown_fields=False)


def test_the_other_library_refuses_a_changed_statement() -> None:
    (line, _) = split_bundle(signed(EVERY_STANDING))
    envelope = Envelope.from_dict(json.loads(line))
    envelope.payload = envelope.payload.replace(b"FAILED", b"PASSED")

    with pytest.raises(VerificationError):
        envelope.verify([SSlibKey(BY.signer.key_id, "ed25519", "ed25519", {"public": BY.signer.public_key.hex()})], 1)


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.INCONCLUSIVE])
def test_nothing_but_a_pass_is_said_to_have_passed(outcome: Outcome) -> None:
    for statement in statements(signed(replace(PASSED, outcome=outcome))):
        assert "FAILED" in {statement["predicate"].get("result"), statement["predicate"].get("verificationResult")}


def test_the_summary_names_the_test_result_by_the_digest_of_its_file() -> None:
    lines = split_bundle(signed())
    _, summary = statements(signed())

    assert summary["predicate"]["inputAttestations"][0]["digest"]["sha256"] == sha256(lines[0]).hexdigest()
    assert summary["predicate"]["policy"]["digest"]["sha256"] == sha256(POLICY.encode()).hexdigest()
    assert summary["predicate"]["timeVerified"] == "2026-01-05T12:00:00Z"


def test_without_files_it_is_about_what_the_audit_read() -> None:
    tested, _ = statements(signed(subjects=None))

    assert tested["subject"] == [{"name": "audit-inputs", "digest": {"sha256": decided().report.inputs_digest}}]
    with pytest.raises(InvalidInput, match="expected a SHA-256"):
        signed(subjects={"lists.csv": "12"})


def asked(**changes: Any) -> Expected:  # noqa: ANN401 - fields by name
    known: dict[str, Any] = {
        "attesters": (BY.verifier_key,),
        "now": NOON + timedelta(hours=1),
        "subjects": tuple(SUBJECTS.values()),
        "policies": {"fairness.yaml": sha256(POLICY.encode()).hexdigest()},
        "max_age": timedelta(days=1),
    }
    return Expected(**{**known, **changes})


def outcome_of(bundle: bytes, expected: Expected) -> Status:
    found = verify_bundle(split_bundle(bundle), expected)
    needed = require_of_each(found, expected, types=[VerificationSummary.predicate_type], levels=["PROBITY_GATE"])
    return worst([*(finding for each in found for finding in each.findings), *needed])


def test_our_own_verification_agrees_and_refuses_what_it_should() -> None:
    summary_alone = signed().splitlines(keepends=True)[1]
    stranger = CheckSigner(name=BY.name, signer=EnvelopeSigner(b"\x06" * 32))

    # A test result does not say when it was made, so a question for its age needs a log.
    assert outcome_of(signed(), asked(max_age=None)) is Status.HOLDS
    assert outcome_of(summary_alone, asked()) is Status.HOLDS
    assert outcome_of(signed(EVERY_STANDING), asked(max_age=None)) is Status.REFUSED
    assert outcome_of(summary_alone, asked(now=NOON + timedelta(days=2))) is Status.REFUSED
    assert outcome_of(summary_alone, asked(policies={"fairness.yaml": "00" * 32})) is Status.REFUSED
    assert outcome_of(signed(), asked(attesters=(stranger.verifier_key,))) is Status.REFUSED
    assert outcome_of(signed(), asked(subjects=("ab" * 32,))) is not Status.HOLDS


def test_the_command_verifies_it_from_files_alone(tmp_path: Path) -> None:
    create_key(tmp_path / "gate.key", BY.name, lambda size: b"\x07" * size)
    by = load_key(tmp_path / "gate.key")
    (tmp_path / "lists.csv").write_bytes(LISTS)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "fairness.yaml").write_text(POLICY)
    (tmp_path / "attesters").write_text(encode_attester(by.verifier_key) + "\n")
    for name, decision in (("passed", PASSED), ("failed", EVERY_STANDING)):
        (tmp_path / name).mkdir()
        bundle = sign_decision(decided(decision), by, subjects=SUBJECTS, decided_at=NOON)
        (tmp_path / name / SIGNED).write_bytes(bundle)

    program = typer.Typer()
    program.command()(verify_command)

    def verify(name: str, subject: str = "lists.csv") -> int:
        command = [str(tmp_path / name / SIGNED), "--key", str(tmp_path / "attesters")]
        command += ["--subject", str(tmp_path / subject), "--policies", str(tmp_path / "policies"), "--require", "vsa"]
        return CliRunner().invoke(program, [*command, "--level", "PROBITY_GATE"]).exit_code

    assert (verify("passed"), verify("failed")) == (0, 1)
    (tmp_path / "other.csv").write_bytes(b"other")
    assert verify("passed", "other.csv") == 3


def test_a_key_that_others_may_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gate.key"
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_key(path)
    create_key(path, BY.name, lambda size: b"\x07" * size)
    with pytest.raises(Conflict, match="never replaced"):
        create_key(path, BY.name, lambda size: b"\x08" * size)
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="readable by others"):
        load_key(path)
    path.chmod(0o600)
    path.write_text("PRIVATE+KEY+nonsense\n")
    with pytest.raises(ConfigurationError) as refusal:
        load_key(path)
    assert "nonsense" not in str(refusal.value)
    assert repr(BY.signer) == "EnvelopeSigner()"
