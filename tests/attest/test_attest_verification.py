"""What verification says about an attestation, against a real published log and against hostile ones."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.attest.attester import encode_attester, parse_attesters
from governance.attest.bundle import encode_bundle, split_bundle, verify_bundle
from governance.attest.dsse import attestation_digest, decode_envelope, sign_envelope
from governance.attest.signing import EnvelopeSigner
from governance.attest.statement import PAYLOAD_TYPE, encode_statement
from governance.attest.verification import (
    Expected,
    Status,
    Verified,
    verify_attestation,
    worst,
)
from governance.errors import InvalidInput
from governance.ledger.note import VerifierKey
from governance.ledger.trust_policy import trusting
from tests.attest.attest_examples import (
    ATTESTER,
    ERASURE,
    MODEL,
    NAME,
    NOON,
    OTHER,
    POLICY,
    PRIVACY_AUDIT,
    PROVENANCE,
    RELEASE,
    SIGNER,
    SUMMARY,
    TEST_RESULT,
    envelope_of,
    statement_of,
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


# Who signed, about what, under which policy, when


def test_an_attestation_that_is_all_it_should_be_holds() -> None:
    expected = replace(
        EXPECTED,
        subjects=(MODEL,),
        policies={"fairness.yaml": POLICY, "privacy.yaml": OTHER},
        policy_digest=POLICY,
        resource=SUMMARY.resource,
        max_age=timedelta(days=1),
    )

    verified = verify_attestation(envelope_of(SUMMARY), expected)

    assert verified.status == Status.HOLDS
    assert verified.digest == attestation_digest(PAYLOAD_TYPE, encode_statement(statement_of(SUMMARY)))
    assert {finding.status for finding in verified.findings if finding.check != "ledger"} == {Status.HOLDS}


@pytest.mark.parametrize(
    ("change", "check", "status"),
    [
        ({"subjects": (OTHER,)}, "subject", Status.REFUSED),
        ({"policy_digest": OTHER}, "policy", Status.REFUSED),
        ({"policies": {"fairness.yaml": OTHER}}, "policy", Status.REFUSED),
        ({"policies": {"privacy.yaml": POLICY}}, "policy", Status.MISSING),
        ({"resource": f"{NAME}/models/another"}, "resource", Status.REFUSED),
        ({"max_age": timedelta(minutes=59)}, "age", Status.REFUSED),
        ({"now": NOON - timedelta(minutes=6)}, "age", Status.REFUSED),
        ({"threshold": 2}, "signature", Status.REFUSED),
        ({"attesters": (VerifierKey(NAME, STRANGER.public_key),)}, "signature", Status.REFUSED),
        ({"attesters": (VerifierKey(f"{NAME}2", SIGNER.public_key),)}, "speaker", Status.REFUSED),
    ],
    ids=lambda each: ", ".join(each) if isinstance(each, dict) else str(each),
)
def test_one_thing_that_is_not_as_expected_is_told_and_decides(
    change: dict[str, Any], check: str, status: Status
) -> None:
    verified = verify_attestation(envelope_of(SUMMARY), replace(EXPECTED, **change))

    assert found(verified, check) == [status]
    assert verified.status == status


def test_every_reason_is_told_and_not_the_first_only() -> None:
    expected = replace(EXPECTED, subjects=(OTHER,), policy_digest=OTHER, max_age=timedelta(0))
    failed = replace(SUMMARY, verifier="https://else.example", result="FAILED", levels=())

    verified = verify_attestation(envelope_of(failed), expected)

    refused = [finding.check for finding in verified.findings if finding.status == Status.REFUSED]
    assert refused == ["subject", "speaker", "verdict", "policy", "age"]


def test_a_known_key_speaks_only_for_the_id_that_it_is_known_under() -> None:
    two = (VerifierKey("https://other.example/attester", SIGNER.public_key), VerifierKey(NAME, STRANGER.public_key))

    verified = verify_attestation(envelope_of(SUMMARY), replace(EXPECTED, attesters=two))

    assert found(verified, "speaker") == [Status.REFUSED]
    assert "https://other.example/attester" in sentence(verified, "speaker")


def test_nothing_that_a_stranger_signed_is_looked_at() -> None:
    verified = verify_attestation(envelope_of(SUMMARY, MODEL, STRANGER), EXPECTED)

    assert [finding.check for finding in verified.findings] == ["signature"]
    assert (verified.digest, verified.predicate_type) == (None, None)


@pytest.mark.parametrize(
    "payload",
    [b"{}", b"not json", encode_statement(statement_of(SUMMARY)).replace(b'"sha256"', b'"sha512"')[:-1]],
)
def test_a_signed_payload_that_is_no_statement_is_refused(payload: bytes) -> None:
    verified = verify_attestation(sign_envelope(PAYLOAD_TYPE, payload, [SIGNER]), EXPECTED)

    assert found(verified, "statement") == [Status.REFUSED]


_LEAF = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just({"sha256": MODEL}) | st.just([])
_ANY = st.recursive(_LEAF, lambda each: st.lists(each, max_size=2) | st.dictionaries(st.text(max_size=4), each))


@given(st.sampled_from(["_type", "subject", "predicateType", "predicate", "more"]), _ANY, st.booleans())
def test_whatever_a_known_key_signed_is_answered_and_never_crashes(field: str, value: Any, inner: bool) -> None:  # noqa: ANN401, FBT001
    statement = json.loads(encode_statement(statement_of(PROVENANCE)))
    target = statement["predicate"]["buildDefinition"] if inner else statement
    target["resolvedDependencies" if inner else field] = value
    envelope = sign_envelope(PAYLOAD_TYPE, json.dumps(statement).encode(), [SIGNER])

    verified = verify_attestation(envelope, replace(EXPECTED, subjects=(MODEL,), max_age=timedelta(days=1)))

    assert verified.status in {Status.HOLDS, Status.REFUSED}
    assert verified.digest is not None


def test_a_signed_statement_under_another_payload_type_is_refused() -> None:
    envelope = sign_envelope("application/json", encode_statement(statement_of(SUMMARY)), [SIGNER])

    assert found(verify_attestation(envelope, EXPECTED), "statement") == [Status.REFUSED]


def test_a_predicate_of_an_unknown_type_is_refused() -> None:
    statement = replace(statement_of(SUMMARY), predicate_type="https://example.org/x")

    verified = verify_attestation(sign_envelope(PAYLOAD_TYPE, encode_statement(statement), [SIGNER]), EXPECTED)

    assert (verified.status, found(verified, "predicate")) == (Status.REFUSED, [Status.REFUSED])


def test_a_statement_without_a_time_of_its_own_takes_the_logs_and_without_a_log_has_no_age(log: Log) -> None:
    digest, aged = log.say(TEST_RESULT), replace(EXPECTED, max_age=timedelta(days=1))

    without = verify_attestation(log.envelope(digest), aged)
    with_log = verify_attestation(log.envelope(digest), replace(aged, log=log.publish()))

    assert (found(without, "age"), without.status) == ([Status.MISSING], Status.MISSING)
    assert found(with_log, "age") == [Status.HOLDS]


def test_known_attesters_are_pairs_of_an_id_and_a_key_that_cannot_be_mixed() -> None:
    line = encode_attester(ATTESTER.verifier_key)

    assert parse_attesters(f"# ours\n\n{line}\n") == KNOWN
    with pytest.raises(InvalidInput, match="line 2"):
        parse_attesters(f"{line}\n{line.replace('ledger', 'budget')}\n")
    with pytest.raises(InvalidInput, match="expected at least one known attester"):
        parse_attesters("# nobody\n")


# What time and other policies do not undo


@pytest.mark.parametrize("predicate", [PROVENANCE, PRIVACY_AUDIT, ERASURE], ids=lambda each: each.slug)
def test_what_happened_does_not_become_untrue_by_age_or_by_another_policy(predicate: Any) -> None:  # noqa: ANN401
    expected = replace(
        EXPECTED,
        now=NOON + timedelta(days=31),
        policies={"privacy.yaml": MODEL, "rights.yaml": MODEL},
        policy_digest=MODEL,
        max_age=timedelta(days=30),
    )

    verified = verify_attestation(envelope_of(predicate), expected)

    assert (verified.status, found(verified, "age"), found(verified, "policy")) == (
        Status.HOLDS, [Status.UNASKED], [Status.UNASKED],
    )  # fmt: skip
    assert "neither time nor another policy undoes" in sentence(verified, "age")


@pytest.mark.parametrize("predicate", [TEST_RESULT, SUMMARY], ids=lambda each: each.slug)
def test_a_verdict_under_another_policy_is_refused(predicate: Any) -> None:  # noqa: ANN401
    verified = verify_attestation(envelope_of(predicate), replace(EXPECTED, policies={"fairness.yaml": MODEL}))

    assert found(verified, "policy") == [Status.REFUSED]


def test_a_time_that_is_yet_to_come_is_refused_whatever_it_says() -> None:
    verified = verify_attestation(envelope_of(PROVENANCE), replace(EXPECTED, now=NOON - timedelta(hours=1)))

    assert found(verified, "age") == [Status.REFUSED]


# Bundles


@pytest.fixture
def bundle() -> Iterator[list[bytes]]:
    return [envelope_of(PROVENANCE), envelope_of(TEST_RESULT), envelope_of(SUMMARY), envelope_of(SUMMARY, RELEASE)]


def test_a_bundle_is_one_envelope_a_line_and_passes_over_what_nobody_asked_about(bundle: list[bytes]) -> None:
    assert split_bundle(encode_bundle(bundle)) == bundle

    verified = verify_bundle(split_bundle(encode_bundle(bundle)), replace(EXPECTED, subjects=(MODEL,)))

    assert [each.status for each in verified] == [Status.HOLDS] * 3


def test_one_line_that_does_not_verify_spoils_the_bundle(bundle: list[bytes]) -> None:
    for bad in (b"x", envelope_of(SUMMARY, RELEASE, STRANGER), decode_envelope(bundle[0]).payload):
        verified = verify_bundle([*bundle, bad], replace(EXPECTED, subjects=(MODEL,)))

        assert worst([finding for each in verified for finding in each.findings]) == Status.REFUSED


def test_no_finding_at_all_is_missing_evidence_and_never_a_pass() -> None:
    assert worst([]) == Status.MISSING
    assert verify_bundle([], EXPECTED) == []
