"""C2SP tlog-cosignature: what a witness signs, with the time at which it did.

A cosignature says: at that time this was the largest tree of the log that I had seen, and it begins with every one I
saw before. This is the Ed25519 kind (note signature type 0x04), which we make; the other is in `cosignature_mldsa`.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.canonical import encode_base64
from governance.ledger.note import KEY_BYTES, PRIVATE_PREFIX, SignatureLine, key_id, key_of, require_name, split_key

COSIGNATURE = b"\x04"
TIME_BYTES = 8
SIGNATURE_BYTES = 64
LATEST_S = 253_402_300_799
"""The last second of the year 9999, which a `datetime` can name; the format would allow 2^63 - 1."""


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A named Ed25519 public key (32 bytes) whose signatures are cosignatures.

    The signed message does not hold the name: one key must never serve two witnesses.
    """

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        require_name(self.name)
        if len(self.public_key) != KEY_BYTES:
            msg = f"expected a public key of {KEY_BYTES} bytes, got {len(self.public_key)}"
            raise InvalidInput(msg)

    @property
    def key_id(self) -> bytes:
        """SHA-256(name || newline || 0x04 || public key), its first four bytes."""
        return key_id(self.name, COSIGNATURE + self.public_key)

    def verify(self, signature: bytes, text: bytes) -> None:
        """Raise `BrokenProof` unless ``signature`` (8 bytes of time, 64 of Ed25519) is this key's over ``text``."""
        time_s = split_time(signature, SIGNATURE_BYTES)
        try:
            public_key = Ed25519PublicKey.from_public_bytes(self.public_key)
            public_key.verify(signature[TIME_BYTES:], _message(time_s, text))
        except (InvalidSignature, ValueError) as cause:
            msg = f"the cosignature of {self.name}+{self.key_id.hex()} does not hold"
            raise BrokenProof(msg) from cause


@dataclass(frozen=True, slots=True)
class WitnessSigner:
    """A witness's signing key, from its 32-byte seed. The seed is never printed."""

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        require_name(self.name)
        if len(self.seed) != KEY_BYTES:
            msg = f"expected a seed of {KEY_BYTES} bytes, got {len(self.seed)}"
            raise InvalidInput(msg)

    @property
    def witness_key(self) -> WitnessKey:
        """The public half, for policies."""
        return WitnessKey(self.name, Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw())


def cosign(text: str, cosigned_at: datetime, signer: WitnessSigner) -> SignatureLine:
    """The witness's line under the checkpoint ``text``, at a whole second of ``cosigned_at`` (aware).

    Raises:
        InvalidInput: the time lies before 1970.
    """
    time_s = int(cosigned_at.timestamp())
    if time_s < 0:
        msg = f"a cosignature is made after 1970, got {cosigned_at.isoformat()}"
        raise InvalidInput(msg)
    made = Ed25519PrivateKey.from_private_bytes(signer.seed).sign(_message(time_s, text.encode()))
    return SignatureLine(signer.name, signer.witness_key.key_id, time_s.to_bytes(TIME_BYTES) + made)


def cosigned_at(line: SignatureLine) -> datetime:
    """When a verified cosignature says it was made, in UTC.

    Raises:
        BrokenProof: the line is no cosignature.
    """
    return datetime.fromtimestamp(split_time(line.signature, len(line.signature) - TIME_BYTES), tz=UTC)


def encode_witness_vkey(key: WitnessKey) -> str:
    """``<name>+<key id, 8 hex>+<base64(0x04 || public key)>``."""
    return f"{key.name}+{key.key_id.hex()}+{encode_base64(COSIGNATURE + key.public_key)}"


def decode_witness_vkey(text: str) -> WitnessKey:
    """The key that `encode_witness_vkey` wrote.

    Raises:
        InvalidInput: not a vkey, not of type 0x04, or its key id does not follow from its name and key.
    """
    name, blob = split_key(text)
    key = WitnessKey(name, key_of(name, blob, COSIGNATURE))
    if encode_witness_vkey(key) != text:
        msg = f"vkey of {name}: expected key id {key.key_id.hex()}"
        raise InvalidInput(msg)
    return key


def encode_witness_signer(signer: WitnessSigner) -> str:
    """The private key as text, of the form of a log's with type 0x04. Secret: for a key file with mode 0600 only."""
    key = signer.witness_key.key_id.hex()
    return f"{PRIVATE_PREFIX}{signer.name}+{key}+{encode_base64(COSIGNATURE + signer.seed)}"


def decode_witness_signer(text: str) -> WitnessSigner:
    """The signer that `encode_witness_signer` wrote.

    Raises:
        InvalidInput: not a witness's private key; the message holds nothing of the text but its name.
    """
    if not text.startswith(PRIVATE_PREFIX):
        msg = f"expected a signing key that begins {PRIVATE_PREFIX}"
        raise InvalidInput(msg)
    name, blob = split_key(text.removeprefix(PRIVATE_PREFIX))
    signer = WitnessSigner(name, key_of(name, blob, COSIGNATURE))
    if encode_witness_signer(signer) != text:
        msg = f"signing key of {name}: expected key id {signer.witness_key.key_id.hex()}"
        raise InvalidInput(msg)
    return signer


def split_time(signature: bytes, length: int) -> int:
    """The POSIX seconds with which a cosignature begins, ``length`` bytes of signature being left.

    Raises:
        BrokenProof: of another length, or a time that no calendar has.
    """
    time_s = int.from_bytes(signature[:TIME_BYTES])
    if len(signature) != TIME_BYTES + length or length < SIGNATURE_BYTES or time_s > LATEST_S:
        msg = f"a cosignature has {TIME_BYTES} bytes of time up to the year 9999 and at least {SIGNATURE_BYTES} more"
        raise BrokenProof(msg)
    return time_s


def _message(time_s: int, text: bytes) -> bytes:
    return b"cosignature/v1\ntime %d\n" % time_s + text
