"""DSSE 1.0.2: vectors, hostile envelopes, thresholds, and the properties that the encoding must have."""

import json
from base64 import b64decode, b64encode, urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.attest.dsse import (
    LARGEST_ENVELOPE_BYTES,
    MOST_SIGNATURES,
    attestation_digest,
    decode_envelope,
    encode_envelope,
    pae,
    sign_envelope,
    verify_envelope,
)
from governance.attest.signing import EnvelopeSigner
from governance.errors import BrokenProof, InvalidInput

# The DSSE specification's example, signed by the Ed25519 key of seed 32 × 0x01.
TYPE, BODY = "http://example.com/HelloWorld", b"hello world"
SIGNER, SECOND, STRANGER = EnvelopeSigner(b"\x01" * 32), EnvelopeSigner(b"\x02" * 32), EnvelopeSigner(b"\x03" * 32)
PUBLIC = bytes.fromhex("8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c")
SIGNATURE = "Nrk8af+XDppIl0eJ8+q/+iZzBrfcnO4JSOHj7OUiv6PchqFqZz2QZsHYymPKVGJB5hl52X/qzoeOScPJBhdVDg=="
ENVELOPE = sign_envelope(TYPE, BODY, [SIGNER])


def changed(envelope: bytes = ENVELOPE, **fields: Any) -> bytes:  # noqa: ANN401 - JSON
    return json.dumps({**json.loads(envelope), **fields}).encode()


def signature(signer: EnvelopeSigner, key_id: str, kind: str = TYPE, body: bytes = BODY) -> dict[str, str]:
    return {"keyid": key_id, "sig": b64encode(signer.sign(pae(kind, body))).decode()}


def test_the_specifications_example_is_encoded_and_signed_as_published() -> None:
    assert pae(TYPE, BODY) == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert SIGNER.public_key == PUBLIC
    assert json.loads(ENVELOPE) == {
        "payload": "aGVsbG8gd29ybGQ=",
        "payloadType": TYPE,
        "signatures": [{"keyid": SIGNER.key_id, "sig": SIGNATURE}],
    }


def test_what_is_handed_on_are_the_signed_bytes_their_type_and_who_signed() -> None:
    verified = verify_envelope(ENVELOPE, [PUBLIC])

    assert (verified.payload_type, verified.payload, verified.public_keys) == (TYPE, BODY, (PUBLIC,))
    assert verified.digest == attestation_digest(TYPE, BODY)


def test_lengths_are_counted_in_bytes_and_not_in_letters() -> None:
    assert pae("é", "ü".encode()) == b"DSSEv1 2 \xc3\xa9 2 \xc3\xbc"


_TRICKY = st.text(alphabet="01 9", max_size=12)


@given(_TRICKY, _TRICKY, _TRICKY, _TRICKY)
def test_two_things_never_have_one_encoding(kind: str, body: str, other_kind: str, other_body: str) -> None:
    same = pae(kind, body.encode()) == pae(other_kind, other_body.encode())

    assert same == ((kind, body) == (other_kind, other_body))


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.binary(max_size=200))
def test_what_was_signed_comes_back_and_is_written_the_same_again(kind: str, body: bytes) -> None:
    envelope = sign_envelope(kind, body, [SIGNER])

    verified = verify_envelope(envelope, [SIGNER.public_key])

    assert (verified.payload_type, verified.payload) == (kind, body)
    assert encode_envelope(decode_envelope(envelope)) == envelope


@given(st.integers(0, len(ENVELOPE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_changes_nothing_that_was_signed(place: int, flip: int) -> None:
    damaged = bytearray(ENVELOPE)
    damaged[place] ^= flip
    try:
        verified = verify_envelope(bytes(damaged), [PUBLIC])
    except BrokenProof:
        return
    assert (verified.payload_type, verified.payload) == (TYPE, BODY)


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda each: (
            st.lists(each, max_size=3)
            | st.dictionaries(
                st.sampled_from(["payload", "payloadType", "signatures", "keyid", "sig", "x"]), each, max_size=4
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_other_bytes_are_refused_and_never_crash(unverified: bytes) -> None:
    with pytest.raises(BrokenProof):
        verify_envelope(unverified, [PUBLIC])


# What the specification allows


def test_the_url_safe_alphabet_is_read_too() -> None:
    body = b"\xfb\xff\xfe" * 5
    payload, sig = urlsafe_b64encode(body).decode(), urlsafe_b64encode(SIGNER.sign(pae(TYPE, body))).decode()
    assert "_" in payload

    verified = verify_envelope(changed(payload=payload, signatures=[{"sig": sig}]), [PUBLIC])

    assert verified.payload == body


@pytest.mark.parametrize(
    "envelope",
    [
        changed(unknown={"a": 1}),
        changed(signatures=[{**json.loads(ENVELOPE)["signatures"][0], "cert": "x"}]),
        b"  " + ENVELOPE + b" \n",
        json.dumps(json.loads(ENVELOPE), indent=2).encode(),
        changed(signatures=[{"keyid": None, "sig": SIGNATURE}]),
        changed(signatures=[{"sig": SIGNATURE}]),
    ],
    ids=["unknown field", "unknown field of a signature", "white space", "indented", "null key id", "no key id"],
)
def test_another_spelling_of_the_same_envelope_verifies(envelope: bytes) -> None:
    assert verify_envelope(envelope, [PUBLIC]).payload == BODY


def test_a_key_id_that_lies_neither_helps_nor_harms() -> None:
    honest_signature_under_a_false_id = changed(signatures=[{"keyid": STRANGER.key_id, "sig": SIGNATURE}])
    false_signature_under_a_known_id = changed(signatures=[signature(STRANGER, SIGNER.key_id)])

    assert verify_envelope(honest_signature_under_a_false_id, [PUBLIC]).payload == BODY
    with pytest.raises(BrokenProof, match="expected signatures of 1 known keys, 0 hold"):
        verify_envelope(false_signature_under_a_known_id, [PUBLIC])


def test_a_strangers_signature_beside_ours_changes_nothing() -> None:
    envelope = sign_envelope(TYPE, BODY, [STRANGER, SIGNER])

    assert verify_envelope(envelope, [PUBLIC]).public_keys == (PUBLIC,)


# What is refused


@pytest.mark.parametrize(
    "envelope",
    [
        changed(payload=b64encode(b"hello World").decode()),
        changed(payloadType="http://example.com/HelloWorld2"),
        changed(payload="", signatures=json.loads(ENVELOPE)["signatures"]),
        changed(signatures=[{"keyid": SIGNER.key_id, "sig": b64encode(SIGNER.sign(BODY)).decode()}]),
        changed(signatures=[{"keyid": SIGNER.key_id, "sig": b64encode(b64decode(SIGNATURE)[:-1]).decode()}]),
    ],
    ids=["payload swapped", "type swapped", "payload emptied", "signed without its type", "signature cut"],
)
def test_a_signature_does_not_fit_anything_else(envelope: bytes) -> None:
    with pytest.raises(BrokenProof, match="0 hold"):
        verify_envelope(envelope, [PUBLIC])


@pytest.mark.parametrize(
    "envelope",
    [
        ENVELOPE + b"x",
        ENVELOPE + ENVELOPE,
        ENVELOPE + b"\x00",
        b"\xef\xbb\xbf" + ENVELOPE,
        ENVELOPE[:-1],
        ENVELOPE.replace(b'{"payload"', b'{"payload":"YQ==","payload"'),
        changed(payload="aGVsbG8gd29ybGQ"),
        changed(payload="aGVsbG8gd29ybGR="),
        changed(payload="aGVsbG8g\nd29ybGQ="),
        changed(payload="-_+/"),
        changed(payload=1),
        changed(payloadType=None),
        changed(payloadType="\ud800"),
        changed(signatures=[]),
        changed(signatures={}),
        changed(signatures=[{"keyid": "x"}]),
        changed(signatures=[{"keyid": "\ud800", "sig": SIGNATURE}]),
        changed(signatures=json.loads(ENVELOPE)["signatures"] * (MOST_SIGNATURES + 1)),
        changed(note=float("nan")),
        b"[" * 100_000,
        b" " * (LARGEST_ENVELOPE_BYTES + 1),
        b"",
    ],
    ids=[
        "trailing letter", "two envelopes", "trailing zero", "byte order mark", "cut", "a key twice", "no padding",
        "stray bits", "line break", "both alphabets", "payload a number", "no type", "type no UTF-8", "no signature",
        "signatures no list", "signature without bytes", "key id no UTF-8", "too many signatures", "NaN",
        "nested without end", "too large", "empty",
    ],
)  # fmt: skip
def test_what_is_no_envelope_in_one_reading_is_refused(envelope: bytes) -> None:
    with pytest.raises(BrokenProof, match="DSSE envelope"):
        verify_envelope(envelope, [PUBLIC])


def test_no_keys_verify_nothing() -> None:
    with pytest.raises(BrokenProof, match="0 hold"):
        verify_envelope(ENVELOPE, [])


def test_a_refusal_shows_no_control_characters_of_a_claimed_key_id() -> None:
    with pytest.raises(BrokenProof, match="claims: no readable id"):
        verify_envelope(changed(signatures=[signature(STRANGER, "\x1b[2J")]), [PUBLIC])


# Thresholds


def test_two_keys_make_a_threshold_of_two() -> None:
    envelope = sign_envelope(TYPE, BODY, [SIGNER, SECOND])
    keys = [SIGNER.public_key, SECOND.public_key, STRANGER.public_key]

    assert set(verify_envelope(envelope, keys, threshold=2).public_keys) == {SIGNER.public_key, SECOND.public_key}
    with pytest.raises(BrokenProof, match="expected signatures of 3 known keys, 2 hold"):
        verify_envelope(envelope, keys, threshold=3)


@pytest.mark.parametrize("ids", [(SIGNER.key_id, SIGNER.key_id), (SIGNER.key_id, SECOND.key_id), ("", "a")])
def test_one_key_counts_once_however_often_and_under_whatever_ids_it_signs(ids: tuple[str, str]) -> None:
    envelope = changed(signatures=[signature(SIGNER, each) for each in ids])

    with pytest.raises(BrokenProof, match="expected signatures of 2 known keys, 1 hold"):
        verify_envelope(envelope, [SIGNER.public_key, SECOND.public_key], threshold=2)


def test_a_key_that_is_known_twice_counts_once() -> None:
    with pytest.raises(BrokenProof, match="1 hold"):
        verify_envelope(ENVELOPE, [PUBLIC, PUBLIC], threshold=2)


@pytest.mark.parametrize("threshold", [0, -1])
def test_a_threshold_of_nobody_is_refused(threshold: int) -> None:
    with pytest.raises(InvalidInput, match="expected 1 or more"):
        verify_envelope(ENVELOPE, [PUBLIC], threshold=threshold)
