"""The certificate that closes an erasure: a signed statement that holds without us, and names nobody.

Format: DSSE (Dead Simple Signing Envelope, v1.0.2) around RFC 8785 JSON, signed with Ed25519. The signature is over the
bytes inside the envelope; nothing is encoded anew to verify.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from governance.errors import BrokenProof, ConfigurationError, Conflict, UnreadableEntry
from governance.ledger.canonical import Json, decode_base64, decode_json, encode_base64, encode_json

PAYLOAD_TYPE = "application/vnd.probity.erasure-certificate+json"
SEED_BYTES = 32
OTHERS = 0o077
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
class Certificate:
    """What was erased, where, and what remains. Days are ISO 8601; there is no identity and no time of day in it.

    ``snapshots`` are those that held the subject, so that a model made from one later can be told.
    ``vault_commitment`` recognises the destroyed subject in a restored backup, and only there. ``residue`` says in
    sentences what the erasure could not reach.
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
    version: int = 1


@dataclass(frozen=True, slots=True)
class CertificateSigner:
    """The Ed25519 key that signs certificates, from its 32-byte seed, which is never printed."""

    seed: bytes = field(repr=False)

    @property
    def public_key(self) -> bytes:
        """32 bytes, for those who verify."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()

    @property
    def key_id(self) -> str:
        """SHA-256 (hex) of the public key."""
        return key_id_of(self.public_key)

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)


def key_id_of(public_key: bytes) -> str:
    """SHA-256 (hex) of a public key."""
    return sha256(public_key).hexdigest()


def create_signer(path: Path, *, draw: Callable[[int], bytes]) -> CertificateSigner:
    """Make a key file, readable by its owner only, durable once this returns.

    Raises:
        Conflict: the file exists; a key is never replaced, or older certificates could not be attributed.
    """
    signer = CertificateSigner(draw(SEED_BYTES))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as cause:
        msg = f"{path} exists: a signing key is never replaced"
        raise Conflict(msg) from cause
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{encode_base64(signer.seed)}\n")
        file.flush()
        os.fsync(file.fileno())
    return signer


def load_signer(path: Path) -> CertificateSigner:
    """The key in a file.

    Raises:
        ConfigurationError: the file is missing (says to run `probity init`), others may read it, or it holds no key.
    """
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="ascii")
    except OSError as cause:
        msg = f"{path}: cannot be read ({cause.strerror}): run `probity init`"
        raise ConfigurationError(msg) from cause
    except UnicodeDecodeError:
        msg = f"{path}: expected a key of {SEED_BYTES} bytes in base64, got other bytes"
        raise ConfigurationError(msg) from None
    if mode & OTHERS:
        msg = f"{path}: others than its owner may read it: chmod 600 it, and replace the key if somebody could have"
        raise ConfigurationError(msg)
    try:
        seed = decode_base64(text.removesuffix("\n"))
    except ValueError:
        seed = b""
    if len(seed) != SEED_BYTES:
        msg = f"{path}: expected a key of {SEED_BYTES} bytes in base64, got {len(seed)} bytes"
        raise ConfigurationError(msg)
    return CertificateSigner(seed)


def sign_certificate(certificate: Certificate, signer: CertificateSigner) -> bytes:
    """The envelope to hand out: one line of JSON."""
    payload = encode_json(asdict(certificate))
    signature = signer.sign(_authenticated(payload))
    envelope: dict[str, Json] = {
        "payload": encode_base64(payload),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": signer.key_id, "sig": encode_base64(signature)}],
    }
    return encode_json(envelope)


def verify_certificate(unverified: bytes, *public_keys: bytes) -> Certificate:
    """The certificate in an envelope, if one of these keys (32 bytes) signed it: the one in force, or one before it.

    Guarantees:
      - every byte of the envelope is covered: another spelling, key or type is refused

    Raises:
        BrokenProof: no envelope of ours, another key, a signature that does not hold, or fields that we do not know.
    """
    try:
        payload, key_id, signature = _opened(unverified)
        known = {key_id_of(each): each for each in public_keys}
        if key_id not in known:
            msg = f"the certificate is signed by key {key_id}, expected {' or '.join(known)}"
            raise BrokenProof(msg)
        Ed25519PublicKey.from_public_bytes(known[key_id]).verify(signature, _authenticated(payload))
        return _certificate(decode_json(payload))
    except InvalidSignature as cause:
        msg = "the certificate's signature does not hold"
        raise BrokenProof(msg) from cause
    except (UnreadableEntry, ValueError, TypeError, KeyError, AttributeError) as cause:
        msg = "expected an erasure certificate in its one encoding, got other bytes"
        raise BrokenProof(msg) from cause


def _opened(unverified: bytes) -> tuple[bytes, str, bytes]:
    envelope: Any = decode_json(unverified)
    if envelope.keys() != {"payload", "payloadType", "signatures"} or envelope["payloadType"] != PAYLOAD_TYPE:
        msg = "not an envelope of an erasure certificate"
        raise ValueError(msg)
    (signature,) = envelope["signatures"]
    if signature.keys() != {"keyid", "sig"}:
        msg = "not a signature of an envelope"
        raise ValueError(msg)
    return decode_base64(envelope["payload"]), str(signature["keyid"]), decode_base64(signature["sig"])


def _authenticated(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: type and payload, each with its length."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _certificate(value: Any) -> Certificate:  # noqa: ANN401 - JSON, checked by the dataclasses' own parameters
    return Certificate(
        **{
            **value,
            "stores": tuple(StoreErasure(**each) for each in value["stores"]),
            "models": tuple(ModelMemory(**each) for each in value["models"]),
            "snapshots": tuple(value["snapshots"]),
            "residue": tuple(value["residue"]),
        }
    )
