"""What a published log, a proof and witnesses say about an attestation, and what hostile ones cannot say."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from governance.attest.gathering import gather_log, gather_proof
from governance.attest.logged import read_log, read_proof
from governance.attest.signing import EnvelopeSigner
from governance.attest.store import withdraw
from governance.attest.verification import (
    Expected,
    Finding,
    Status,
    Verified,
    verify_attestation,
)
from governance.database import transaction
from governance.errors import BrokenProof
from governance.ledger.checkpoint import Checkpoint, sign_checkpoint
from governance.ledger.cosignature import WitnessSigner, cosign
from governance.ledger.note import LedgerSigner, add_signatures, decode_note, encode_vkey
from governance.ledger.proof import encode_proof
from governance.ledger.proving import prove
from governance.ledger.trust_policy import parse_policy, trusting
from tests.attest.attest_examples import (
    ATTESTER,
    NOON,
    OTHER,
    PROVENANCE,
    RELEASE,
    SUMMARY,
    TEST_RESULT,
    envelope_of,
)
from tests.attest.attested_log import LOG, Log

TRUST = trusting(LOG.verifier_key)
STRANGER = EnvelopeSigner(b"\x03" * 32)
KNOWN = (ATTESTER.verifier_key,)
EXPECTED = Expected(attesters=KNOWN, now=NOON + timedelta(hours=1))


def found(verified: Verified, check: str) -> list[Status]:
    return [finding.status for finding in verified.findings if finding.check == check]


def sentence(verified: Verified, check: str) -> str:
    return next(finding.sentence for finding in verified.findings if finding.check == check)


# In the log


def test_an_attestation_in_the_published_log_holds_and_says_where(log: Log) -> None:
    digest = log.say(SUMMARY)

    verified = verify_attestation(log.envelope(digest), replace(EXPECTED, log=log.publish()))

    assert (verified.status, found(verified, "ledger"), found(verified, "superseded")) == (
        Status.HOLDS, [Status.HOLDS], [Status.HOLDS],
    )  # fmt: skip
    assert sentence(verified, "ledger") == "entry 0 of 1 in probity.example/ledger"


def test_one_that_the_log_does_not_have_is_missing_evidence(log: Log) -> None:
    log.say(PROVENANCE)

    verified = verify_attestation(envelope_of(SUMMARY), replace(EXPECTED, log=log.publish()))

    assert (verified.status, found(verified, "ledger")) == (Status.MISSING, [Status.MISSING])


def test_a_later_one_of_its_type_about_the_same_artefact_supersedes_it(log: Log) -> None:
    first = log.say(SUMMARY)
    second = log.say(replace(SUMMARY, result="FAILED", levels=()))
    evidence = log.publish()

    verified = verify_attestation(log.envelope(first), replace(EXPECTED, log=evidence))
    after = verify_attestation(log.envelope(second), replace(EXPECTED, log=evidence))

    assert (verified.status, found(verified, "superseded")) == (Status.REFUSED, [Status.REFUSED])
    assert sentence(verified, "superseded") == f"entry 1 replaces it by {second}"
    assert found(after, "superseded") == [Status.HOLDS]


def test_one_about_another_artefact_or_of_another_type_supersedes_nothing(log: Log) -> None:
    first = log.say(SUMMARY)
    log.say(SUMMARY, RELEASE)
    log.say(TEST_RESULT)

    assert verify_attestation(log.envelope(first), replace(EXPECTED, log=log.publish())).status == Status.HOLDS


def test_what_was_superseded_and_said_again_is_in_force_again(log: Log) -> None:
    first = log.say(SUMMARY)
    second = log.say(replace(SUMMARY, verified_at=NOON - timedelta(hours=1)))
    assert log.say(SUMMARY) == first
    expected = replace(EXPECTED, log=log.publish())

    assert verify_attestation(log.envelope(first), expected).status == Status.HOLDS
    assert verify_attestation(log.envelope(second), expected).status == Status.REFUSED


def test_a_withdrawal_is_told(log: Log) -> None:
    digest = log.say(SUMMARY)
    with transaction(log.engine) as session:
        withdraw(session, digest, reason="mistaken", clock=lambda: NOON)

    verified = verify_attestation(log.envelope(digest), replace(EXPECTED, log=log.publish()))

    assert sentence(verified, "superseded") == "entry 1 withdraws it"
    assert verified.status == Status.REFUSED


def test_an_entry_that_files_it_under_another_artefact_is_refused(log: Log) -> None:
    """Else the log's operator could file a statement where its successor is not looked for."""
    digest, evidence = log.say(SUMMARY), log.publish()
    (entry,) = evidence.logged
    for lie in ({"artefact": OTHER}, {"predicate_type": TEST_RESULT.predicate_type}):
        lying = replace(evidence, logged=(replace(entry, **lie),))

        assert found(verify_attestation(log.envelope(digest), replace(EXPECTED, log=lying)), "ledger") == [
            Status.REFUSED
        ]


def test_a_log_of_somebody_else_says_nothing(log: Log) -> None:
    log.say(SUMMARY)
    log.publish()
    other = trusting(LedgerSigner("probity.example/ledger", bytes(32)).verifier_key)

    answer = gather_log(log.folder, other)

    assert isinstance(answer, Finding)
    assert answer.status == Status.REFUSED
    assert verify_attestation(envelope_of(SUMMARY), replace(EXPECTED, log=answer)).status == Status.REFUSED


def test_where_nothing_is_published_evidence_is_missing(log: Log) -> None:
    answer = gather_log(log.folder, TRUST)

    assert isinstance(answer, Finding)
    assert (answer.status, answer.check) == (Status.MISSING, "ledger")


def test_a_checkpoint_that_claims_more_entries_than_fit_anywhere_is_refused_at_once(log: Log) -> None:
    log.say(SUMMARY)
    log.publish()
    claimed = Checkpoint("probity.example/ledger", 2**62, bytes(32))
    (log.folder / "checkpoint").write_bytes(sign_checkpoint(claimed, LOG))

    with pytest.raises(BrokenProof, match="tile/entries"):
        read_log(log.folder, TRUST)


def test_any_changed_byte_of_an_entry_is_refused_and_so_is_a_lost_bundle(log: Log, tmp_path: Path) -> None:
    log.say(SUMMARY)
    log.publish()
    (bundle,) = (path for path in (log.folder / "tile" / "entries").rglob("*") if path.is_file())
    original = bundle.read_bytes()
    for place in range(2, len(original), 41):
        damaged = bytearray(original)
        damaged[place] ^= 1
        copy = tmp_path / "copy"
        shutil.copytree(log.folder, copy)
        target = copy / bundle.relative_to(log.folder)
        target.chmod(0o600)
        target.write_bytes(damaged)

        answer = gather_log(copy, TRUST)

        assert isinstance(answer, Finding), place
        assert answer.status == Status.REFUSED
        shutil.rmtree(copy)
    bundle.unlink()
    with pytest.raises(BrokenProof):
        read_log(log.folder, TRUST)


# By a proof alone


@pytest.fixture
def proven(log: Log) -> tuple[Log, str, Callable[..., bytes]]:
    digest = log.say(SUMMARY)
    log.say(TEST_RESULT)
    log.publish()

    def proof(of: int = 0, **change: Any) -> bytes:  # noqa: ANN401 - fields of the proof
        entry, made = prove(log.folder, of, trusting(LOG.verifier_key))
        return encode_proof(replace(made, **{"extra": entry, **change}))

    return log, digest, proof


def test_a_proof_that_carries_its_entry_shows_that_it_was_logged_and_nothing_about_later(
    proven: tuple[Log, str, Callable[..., bytes]],
) -> None:
    log, digest, proof = proven
    expected = replace(EXPECTED, log=read_proof(proof(), TRUST), complete=False)

    verified = verify_attestation(log.envelope(digest), expected)

    assert (found(verified, "ledger"), found(verified, "superseded")) == ([Status.HOLDS], [Status.UNASKED])


def test_a_proof_of_another_entry_is_missing_evidence_and_a_false_one_is_refused(
    proven: tuple[Log, str, Callable[..., bytes]], tmp_path: Path
) -> None:
    log, digest, proof = proven
    file = tmp_path / "entry.tlog-proof"
    said = []
    other_entry, _ = prove(log.folder, 1, trusting(LOG.verifier_key))
    for content in (proof(1), proof(extra=other_entry), proof(extra=None), proof(index=1), proof() + b"x", b""):
        file.write_bytes(content)
        expected = replace(EXPECTED, log=gather_proof(file, TRUST), complete=False)
        said.append(verify_attestation(log.envelope(digest), expected).status)

    assert said == [Status.MISSING, *[Status.REFUSED] * 5]
    absent = gather_proof(tmp_path / "none", TRUST)
    assert isinstance(absent, Finding)
    assert absent.status == Status.MISSING


# How fresh the log is


@pytest.mark.parametrize(("days", "status"), [(1, Status.HOLDS), (0, Status.REFUSED)])
def test_only_a_witness_says_how_old_a_copy_of_the_log_is(log: Log, days: int, status: Status) -> None:
    digest, unwitnessed = log.say(SUMMARY), log.publish()
    witness = WitnessSigner("witness.example", b"\x07" * 32)
    note = (log.folder / "checkpoint").read_bytes()
    line = cosign(decode_note(note).text, NOON, witness)
    (log.folder / "checkpoint").write_bytes(add_signatures(note, [line]))
    lines = (
        f"log {encode_vkey(LOG.verifier_key)}",
        f"witness w {encode_vkey(witness.witness_key)}",
        "quorum w",
    )
    witnessed = read_log(log.folder, parse_policy("".join(f"{line}\n" for line in lines)))
    expected = replace(EXPECTED, max_log_age=timedelta(days=days))

    first = verify_attestation(log.envelope(digest), replace(expected, log=unwitnessed))
    second = verify_attestation(log.envelope(digest), replace(expected, log=witnessed))

    assert found(first, "log age") == [Status.MISSING]
    assert found(second, "log age") == [status]


@pytest.mark.parametrize(
    ("quorum", "days"),
    [("none", 0), ("any", 0), ("2", 3), ("all", 9)],
)
def test_the_log_is_as_old_as_the_quorums_cosignatures_whatever_one_witness_says(
    log: Log, quorum: str, days: int
) -> None:
    log.say(SUMMARY)
    log.publish()
    witnesses = {days: WitnessSigner(f"w{days}.example", bytes([days + 1] * 32)) for days in (0, 3, 9)}
    note = (log.folder / "checkpoint").read_bytes()
    text = decode_note(note).text
    cosigned = [cosign(text, NOON - timedelta(days=days), each) for days, each in witnesses.items()]
    (log.folder / "checkpoint").write_bytes(add_signatures(note, cosigned))
    named = [f"witness w{days} {encode_vkey(each.witness_key)}" for days, each in witnesses.items()]
    ending = ["quorum none"] if quorum == "none" else [f"group g {quorum} w0 w3 w9", "quorum g"]
    policy = parse_policy("".join(f"{line}\n" for line in [f"log {encode_vkey(LOG.verifier_key)}", *named, *ending]))

    assert read_log(log.folder, policy).seen_at == NOON - timedelta(days=days)


def test_a_log_without_the_quorum_that_the_reader_asks_for_says_nothing(log: Log) -> None:
    log.say(SUMMARY)
    log.publish()
    witness = encode_vkey(WitnessSigner("witness.example", b"\x07" * 32).witness_key)
    policy = parse_policy(f"log {encode_vkey(LOG.verifier_key)}\nwitness w {witness}\nquorum w\n")

    answer = gather_log(log.folder, policy)

    assert isinstance(answer, Finding)
    assert answer.status == Status.REFUSED
    assert "quorum" in answer.sentence
