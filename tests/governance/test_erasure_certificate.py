import json
import os
from base64 import b64decode, b64encode
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.attest.dsse import sign_envelope
from governance.attest.signing import EnvelopeSigner, create_signer, load_signer
from governance.errors import BrokenProof, ConfigurationError, Conflict
from governance.ledger.canonical import encode_json
from governance.rights.certificate import (
    PAYLOAD_TYPE,
    sign_certificate,
    verify_certificate,
)
from tests.governance.builders import CERTIFICATE

# RFC 8032 section 7.1, test 1.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")

SIGNER = EnvelopeSigner(SEED)
ENVELOPE = sign_certificate(CERTIFICATE, SIGNER)


def test_the_key_is_the_one_of_the_rfc() -> None:
    assert SIGNER.public_key == PUBLIC


def test_a_signed_certificate_reads_back_as_it_was() -> None:
    assert verify_certificate(ENVELOPE, PUBLIC) == CERTIFICATE


def test_a_certificate_of_before_still_reads_and_says_nothing_of_audits() -> None:
    fields = asdict(CERTIFICATE) | {"version": 1}
    del fields["audits"]
    old = sign_envelope(PAYLOAD_TYPE, encode_json(fields), [SIGNER])

    assert verify_certificate(old, PUBLIC) == replace(CERTIFICATE, version=1, audits=())


def test_a_strangers_few_lines_verify_it_too() -> None:
    """DSSE as its specification writes it, with nothing of ours."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    envelope = json.loads(ENVELOPE)
    kind, body = envelope["payloadType"].encode(), b64decode(envelope["payload"])
    message = b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(body)).encode(), body])

    Ed25519PublicKey.from_public_bytes(PUBLIC).verify(b64decode(envelope["signatures"][0]["sig"]), message)
    assert json.loads(body)["stores"] == [{"found": {"rating": 1234}, "left": 0, "store": "lake"}]


@given(st.integers(0, len(ENVELOPE) - 1), st.integers(1, 255))
def test_no_byte_can_be_changed(place: int, flip: int) -> None:
    changed = bytearray(ENVELOPE)
    changed[place] ^= flip

    with pytest.raises(BrokenProof):
        verify_certificate(bytes(changed), PUBLIC)


@given(st.binary(max_size=200))
def test_other_bytes_are_refused_and_never_crash(unverified: bytes) -> None:
    with pytest.raises(BrokenProof):
        verify_certificate(unverified, PUBLIC)


@pytest.mark.parametrize("unverified", [b"[]", b"null", b'"x"', b"{}", b'{"payload":1,"payloadType":2,"signatures":3}'])
def test_json_that_is_no_envelope_is_refused(unverified: bytes) -> None:
    with pytest.raises(BrokenProof):
        verify_certificate(unverified, PUBLIC)


def test_another_key_is_refused_by_name() -> None:
    other = EnvelopeSigner(bytes(32))

    with pytest.raises(BrokenProof, match=f"signed by key {SIGNER.key_id}, expected {other.key_id}"):
        verify_certificate(ENVELOPE, other.public_key)


def test_a_signature_from_another_certificate_does_not_fit() -> None:
    other = json.loads(sign_certificate(replace(CERTIFICATE, erased_on="2026-11-25"), SIGNER))
    mixed = {**json.loads(ENVELOPE), "payload": other["payload"]}

    with pytest.raises(BrokenProof, match="signature does not hold"):
        verify_certificate(json.dumps(mixed, separators=(",", ":"), sort_keys=True).encode(), PUBLIC)


def test_a_signed_payload_with_fields_that_we_do_not_know_is_refused() -> None:
    payload = b'{"request":"r","surprise":1}'
    kind = json.loads(ENVELOPE)["payloadType"].encode()
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    envelope = {
        "payload": b64encode(payload).decode(),
        "payloadType": kind.decode(),
        "signatures": [{"keyid": SIGNER.key_id, "sig": b64encode(SIGNER.sign(message)).decode()}],
    }

    with pytest.raises(BrokenProof, match="expected an erasure certificate"):
        verify_certificate(json.dumps(envelope, separators=(",", ":"), sort_keys=True).encode(), PUBLIC)


def test_a_key_file_is_made_once_for_its_owner_only_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "certificate.key"
    made = create_signer(path, draw=os.urandom)

    assert load_signer(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Conflict, match="never replaced"):
        create_signer(path, draw=os.urandom)
    assert load_signer(path) == made


def test_a_missing_key_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="run `probity init`"):
        load_signer(tmp_path / "certificate.key")


@pytest.mark.parametrize("content", [b"", b"AAAA\n", b"\xff\xfe", b"not base64!\n"])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "certificate.key"
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(ConfigurationError, match="expected a key of 32 bytes"):
        load_signer(path)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "certificate.key"
    create_signer(path, draw=os.urandom)
    path.chmod(0o640)

    with pytest.raises(ConfigurationError, match="others than its owner may read it"):
        load_signer(path)


def test_a_signer_does_not_print_its_seed() -> None:
    assert repr(SIGNER) == "EnvelopeSigner()"
