"""DSSE 1.0.2 (Dead Simple Signing Envelope): bytes with a type, signed with Ed25519.

Reading is as lenient as the specification asks (either base64 alphabet, unknown fields, key ids that lie) and no more.
What is handed on are the very bytes that were verified; the envelope is never parsed a second time.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from governance.attest.parsing import parse_json
from governance.attest.signing import EnvelopeSigner
from governance.errors import BrokenProof, InvalidInput
from governance.ledger.canonical import Json, encode_base64, encode_json

LARGEST_ENVELOPE_BYTES = 1 << 20
MOST_SIGNATURES = 32
"""More are refused: each is tried against each key."""


@dataclass(frozen=True, slots=True)
class Signature:
    """``key_id`` is what the envelope claims, and decides nothing."""

    key_id: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope as read: nothing in it is verified yet."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class VerifiedEnvelope:
    """Exactly the bytes that ``public_keys`` (32 bytes each, every key once) signed, and their type."""

    payload_type: str
    payload: bytes
    public_keys: tuple[bytes, ...]

    @property
    def digest(self) -> str:
        """See `attestation_digest`."""
        return attestation_digest(self.payload_type, self.payload)


def pae(payload_type: str, payload: bytes) -> bytes:
    """Pre-authentication encoding (section "Signature Definition"): type and payload, each after its byte count."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def attestation_digest(payload_type: str, payload: bytes) -> str:
    """SHA-256 (hex) over the PAE: names what was said, whoever signed it and however the envelope is spelt."""
    return sha256(pae(payload_type, payload)).hexdigest()


def sign_envelope(payload_type: str, payload: bytes, signers: Sequence[EnvelopeSigner]) -> bytes:
    """The envelope as one line of RFC 8785 JSON, one signature for each signer, each with its key's id."""
    message = pae(payload_type, payload)
    signatures = tuple(Signature(signer.key_id, signer.sign(message)) for signer in signers)
    return encode_envelope(Envelope(payload_type, payload, signatures))


def encode_envelope(envelope: Envelope) -> bytes:
    """The one spelling that we write."""
    signatures: list[Json] = [
        {"keyid": each.key_id, "sig": encode_base64(each.signature)} for each in envelope.signatures
    ]
    return encode_json(
        {
            "payload": encode_base64(envelope.payload),
            "payloadType": envelope.payload_type,
            "signatures": signatures,
        }
    )


def decode_envelope(unverified: bytes) -> Envelope:
    """The envelope in ``unverified``: a JSON object in UTF-8, with white space around it at most.

    Raises:
        BrokenProof: no envelope, one with a key given twice, or one that is too large.
    """
    if len(unverified) > LARGEST_ENVELOPE_BYTES:
        msg = f"expected a DSSE envelope of at most {LARGEST_ENVELOPE_BYTES} bytes, got {len(unverified)}"
        raise BrokenProof(msg)
    try:
        value: Any = parse_json(unverified)
        envelope = Envelope(
            payload_type=_text(value["payloadType"]),
            payload=_bytes(value["payload"]),
            signatures=tuple(
                Signature(_text(each.get("keyid") or ""), _bytes(each["sig"])) for each in value["signatures"]
            ),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as cause:
        # The cause may quote the envelope, so its text stays out of ours.
        msg = f"expected a DSSE envelope, got {len(unverified)} bytes that are none ({type(cause).__name__})"
        raise BrokenProof(msg) from cause
    if not 0 < len(envelope.signatures) <= MOST_SIGNATURES:
        msg = f"expected 1 to {MOST_SIGNATURES} signatures in a DSSE envelope, got {len(envelope.signatures)}"
        raise BrokenProof(msg)
    return envelope


def verify_envelope(unverified: bytes, public_keys: Iterable[bytes], *, threshold: int = 1) -> VerifiedEnvelope:
    """The bytes that at least ``threshold`` of the keys (32 bytes each) signed.

    Guarantees:
      - a key counts once, however often it signed and under whatever ids; an id decides nothing
      - signatures of unknown keys change nothing

    Raises:
        BrokenProof: no envelope, or fewer of the keys signed it.
        InvalidInput: a threshold below 1.
    """
    if threshold < 1:
        msg = f"threshold: expected 1 or more signatures, got {threshold}"
        raise InvalidInput(msg)
    envelope = decode_envelope(unverified)
    message = pae(envelope.payload_type, envelope.payload)
    signed = tuple(
        key for key in dict.fromkeys(public_keys) if any(_holds(key, each, message) for each in envelope.signatures)
    )
    if len(signed) < threshold:
        claimed = ", ".join(sorted({_short(each.key_id) for each in envelope.signatures}))
        msg = f"expected signatures of {threshold} known keys, {len(signed)} hold (the envelope claims: {claimed})"
        raise BrokenProof(msg)
    return VerifiedEnvelope(envelope.payload_type, envelope.payload, signed)


def _holds(public_key: bytes, signature: Signature, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature.signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _short(key_id: str) -> str:
    # Unauthenticated text on its way to a terminal: as much of it as an id of ours would show.
    return key_id[:16] if key_id.isascii() and key_id[:16].isalnum() else "no readable id"


def _text(value: object) -> str:
    if not isinstance(value, str):
        msg = "expected text"
        raise TypeError(msg)
    value.encode()  # a lone surrogate has no bytes that could have been signed
    return value


def _bytes(value: object) -> bytes:
    """Standard or URL-safe base64 (RFC 4648 sections 4 and 5), padded, in its one spelling."""
    text = _text(value)
    standard = text.replace("-", "+").replace("_", "/") if not {"+", "/"} & set(text) else text
    data = b64decode(standard.encode("ascii"), validate=True)
    if b64encode(data).decode("ascii") != standard:
        msg = "expected base64 in its one spelling"
        raise ValueError(msg)
    return data
