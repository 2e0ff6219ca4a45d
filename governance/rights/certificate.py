"""The certificate that closes an erasure: a signed statement that holds without us, and names nobody.

Format: DSSE (Dead Simple Signing Envelope, v1.0.2) around RFC 8785 JSON, signed with Ed25519. The signature is over the
bytes inside the envelope; nothing is encoded anew to verify.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from governance.attest.dsse import Envelope, decode_envelope, encode_envelope, sign_envelope, verify_envelope
from governance.attest.signing import EnvelopeSigner, key_id_of
from governance.errors import BrokenProof, UnreadableEntry
from governance.ledger.canonical import decode_json, encode_json

PAYLOAD_TYPE = "application/vnd.probity.erasure-certificate+json"
KEY_FILE = "certificate.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreErasure:
    """What one store held and holds.

    Rows by table before, and at the second read: there 0, or there is no certificate.
    """

    store: str
    found: Mapping[str, int]
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMemory:
    """A model that had seen the subject, and the guarantee that bounds what it can still say about them."""

    model: str
    digest: str
    kind: str
    state: str
    generation: int | None
    release: str
    guarantee: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditMemory:
    """An audit's release for which the subject's events were read, and the guarantee that bounds what it says of them.

    ``document`` is the SHA-256 (hex) of what was published; None where nothing was, for the release was cut off.
    """

    release: str
    document: str | None
    model: str
    guarantee: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What was erased, where, and what remains. Days are ISO 8601; there is no identity and no time of day in it.

    ``snapshots`` are those that held the subject, so that a model made from one later can be told.
    ``vault_commitment`` recognises the destroyed subject in a restored backup, and only there. ``residue`` says in
    sentences what the erasure could not reach. ``audits`` are audits' releases for which
    the subject was read; a certificate of version 1 does not say.
    """

    request: str
    right: str
    regime: str
    controller: str
    received_on: str
    erased_on: str
    stores: tuple[StoreErasure, ...]
    models: tuple[ModelMemory, ...]
    snapshots: tuple[str, ...]
    retrain_by: str | None
    vault_commitment: str | None
    residue: tuple[str, ...]
    audits: tuple[AuditMemory, ...] = ()
    version: int = 2


def sign_certificate(certificate: Certificate, signer: EnvelopeSigner) -> bytes:
    """The envelope to hand out: one line of JSON."""
    return sign_envelope(PAYLOAD_TYPE, encode_json(asdict(certificate)), [signer])


def verify_certificate(unverified: bytes, *public_keys: bytes) -> Certificate:
    """The certificate in an envelope, if one of these keys (32 bytes) signed it: the one in force, or one before it.

    Guarantees:
      - every byte of the envelope is covered: another spelling, key or type is refused

    Raises:
        BrokenProof: no envelope of ours, another key, a signature that does not hold, or fields that we do not know.
    """
    key = _require_ours(unverified, decode_envelope(unverified), {key_id_of(each): each for each in public_keys})
    try:
        verified = verify_envelope(unverified, [key])
    except BrokenProof as cause:
        msg = "the certificate's signature does not hold"
        raise BrokenProof(msg) from cause
    try:
        return _certificate(decode_json(verified.payload))
    except (UnreadableEntry, ValueError, TypeError, KeyError, AttributeError) as cause:
        raise BrokenProof(_OTHER) from cause


_OTHER = "expected an erasure certificate in its one encoding, got other bytes"


def _require_ours(unverified: bytes, envelope: Envelope, known: Mapping[str, bytes]) -> bytes:
    """Stricter than DSSE asks: one signature, its key named truly, no field and no spelling but those we write.

    Returns the key that it names.
    """
    if envelope.payload_type != PAYLOAD_TYPE or encode_envelope(envelope) != unverified:
        raise BrokenProof(_OTHER)
    if len(envelope.signatures) != 1:
        raise BrokenProof(_OTHER)
    key_id = envelope.signatures[0].key_id
    if key_id not in known:
        msg = f"the certificate is signed by key {key_id}, expected {' or '.join(known)}"
        raise BrokenProof(msg)
    return known[key_id]


def _certificate(value: Any) -> Certificate:  # noqa: ANN401 - JSON, checked by the dataclasses' own parameters
    return Certificate(
        **{
            **value,
            "stores": tuple(StoreErasure(**each) for each in value["stores"]),
            "models": tuple(ModelMemory(**each) for each in value["models"]),
            "audits": tuple(AuditMemory(**each) for each in value.get("audits", ())),
            "snapshots": tuple(value["snapshots"]),
            "residue": tuple(value["residue"]),
        }
    )
