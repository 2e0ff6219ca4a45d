"""Implementations that nobody here wrote read what we write, and we read what they write."""

import json
from copy import deepcopy
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, Parse, ParseError
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance as PeerProvenance
from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import TestResult as PeerTestResult
from in_toto_attestation.predicates.vsa.v1.vsa_pb2 import VerificationSummary as PeerSummary
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement as PeerStatement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from governance.attest.dsse import decode_envelope, sign_envelope, verify_envelope
from governance.attest.signing import EnvelopeSigner
from tests.attest.attest_examples import EXAMPLES, PROVENANCE, SIGNER, SUMMARY, TEST_RESULT, envelope_of, statement_of

_NAMES = [name for name, _ in EXAMPLES]
SECOND = EnvelopeSigner(b"\x02" * 32)


def peer_key(signer: EnvelopeSigner) -> SSlibKey:
    """Our public key under our id: securesystemslib matches signatures by key id."""
    return SSlibKey(signer.key_id, "ed25519", "ed25519", {"public": signer.public_key.hex()})


def peer_envelope(envelope: bytes) -> Envelope:
    # Its decoder writes into the dictionary that it is given.
    return Envelope.from_dict(deepcopy(json.loads(envelope)))


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=_NAMES)
def test_securesystemslib_verifies_our_envelopes(name: str, example: Any) -> None:  # noqa: ANN401, ARG001 - any predicate
    envelope = peer_envelope(envelope_of(example))

    assert set(envelope.verify([peer_key(SIGNER)], 1)) == {SIGNER.key_id}
    assert envelope.payload == decode_envelope(envelope_of(example)).payload


def test_securesystemslib_counts_our_two_signatures_and_refuses_a_changed_payload() -> None:
    envelope = peer_envelope(sign_envelope("text/plain", b"hello", [SIGNER, SECOND]))
    keys = [peer_key(SIGNER), peer_key(SECOND)]

    assert len(envelope.verify(keys, 2)) == 2
    envelope.payload = b"hullo"
    with pytest.raises(VerificationError):
        envelope.verify(keys, 1)


def test_we_verify_an_envelope_of_securesystemslib_whatever_its_key_ids() -> None:
    theirs = CryptoSigner.generate_ed25519()
    envelope = Envelope(b"hello", "text/plain", {})
    envelope.sign(theirs)
    public = bytes.fromhex(theirs.public_key.keyval["public"])

    verified = verify_envelope(json.dumps(envelope.to_dict()).encode(), [public])

    assert (verified.payload_type, verified.payload) == ("text/plain", b"hello")


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=_NAMES)
def test_in_toto_parses_and_validates_our_statements(name: str, example: Any) -> None:  # noqa: ANN401, ARG001
    payload = json.loads(decode_envelope(envelope_of(example)).payload)

    found = PeerStatement.copy_from_pb(Parse(json.dumps(payload), statement_pb2.Statement()))

    found.validate()
    assert found.pb.subject[0].digest["sha256"] == statement_of(example).subjects[0].sha256


@pytest.mark.parametrize(
    ("message", "example"),
    [(PeerTestResult, TEST_RESULT), (PeerSummary, SUMMARY), (PeerProvenance, PROVENANCE)],
    ids=["test-result", "vsa", "provenance"],
)
def test_in_toto_knows_every_field_of_our_generic_predicates(message: Any, example: Any) -> None:  # noqa: ANN401
    fields = json.loads(json.dumps(example.as_json()))
    # A single text in this version of theirs, an array in the specification.
    fields.pop("verifiedLevels", None)

    parsed = Parse(json.dumps(fields), message(), ignore_unknown_fields=False)

    assert MessageToDict(parsed).keys() == {name for name, value in fields.items() if value not in ([], {})}


def test_in_toto_refuses_what_it_should_so_that_its_consent_means_something() -> None:
    with pytest.raises(ParseError):
        Parse(json.dumps({**TEST_RESULT.as_json(), "surprise": 1}), PeerTestResult())
    without = {**json.loads(decode_envelope(envelope_of(SUMMARY)).payload), "subject": [{"name": "x"}]}
    with pytest.raises(ValueError, match="digest"):
        PeerStatement.copy_from_pb(Parse(json.dumps(without), statement_pb2.Statement())).validate()
