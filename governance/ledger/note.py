"""C2SP signed-note: a text and the Ed25519 signatures under it, in exactly one encoding.

    <text, ending in a newline>
    <empty line>
    — <key name> <base64(4-byte key id || signature)>        one or more lines

Unknown signers are ignored, so other signature types can stand beside ours; a known signer whose signature fails
spoils the whole note.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.canonical import decode_base64, encode_base64

ED25519 = b"\x01"
KEY_BYTES = 32
KEY_ID_BYTES = 4
LARGEST_NOTE_BYTES = 1_000_000
MOST_SIGNATURES = 100
PRIVATE_PREFIX = "PRIVATE+KEY+"
SIGNATURE_PREFIX = "— "
FIRST_PRINTABLE = " "


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A named Ed25519 public key (32 bytes): what a reader must hold to trust a log."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        _require_name(self.name)
        if len(self.public_key) != KEY_BYTES:
            msg = f"expected a public key of {KEY_BYTES} bytes, got {len(self.public_key)}"
            raise InvalidInput(msg)

    @property
    def key_id(self) -> bytes:
        """SHA-256(name || newline || algorithm || public key), its first four bytes."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public_key).digest()[:KEY_ID_BYTES]

    def verify(self, signature: bytes, text: bytes) -> None:
        """Raise `BrokenProof` unless ``signature`` is this key's over ``text``."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text)
        except (InvalidSignature, ValueError) as cause:
            msg = f"the signature of {self.name}+{self.key_id.hex()} does not hold"
            raise BrokenProof(msg) from cause


@dataclass(frozen=True, slots=True)
class LedgerSigner:
    """A named Ed25519 signing key, from its 32-byte seed. The seed is never printed."""

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _require_name(self.name)
        if len(self.seed) != KEY_BYTES:
            msg = f"expected a seed of {KEY_BYTES} bytes, got {len(self.seed)}"
            raise InvalidInput(msg)

    @property
    def verifier_key(self) -> VerifierKey:
        """The public half, for those who verify."""
        return VerifierKey(self.name, Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw())

    def sign(self, text: bytes) -> bytes:
        """The 64-byte Ed25519 signature over ``text``; the same text always gives the same bytes."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(text)


@dataclass(frozen=True, slots=True)
class VerifiedNote:
    """A text whose signatures held, and the keys that signed it."""

    text: str
    signed_by: tuple[VerifierKey, ...]


@dataclass(frozen=True, slots=True)
class _SignatureLine:
    name: str
    key_id: bytes
    signature: bytes


def encode_vkey(key: VerifierKey) -> str:
    """``<name>+<key id, 8 hex>+<base64(algorithm || public key)>``."""
    return f"{key.name}+{key.key_id.hex()}+{encode_base64(ED25519 + key.public_key)}"


def decode_vkey(text: str) -> VerifierKey:
    """The key that `encode_vkey` wrote.

    Raises:
        InvalidInput: not a vkey, not Ed25519, or its key id does not follow from its name and key.
    """
    name, blob = _split_key(text)
    key = VerifierKey(name, blob[1:])
    if encode_vkey(key) != text:
        msg = f"vkey of {name}: expected key id {key.key_id.hex()}"
        raise InvalidInput(msg)
    return key


def encode_signer(signer: LedgerSigner) -> str:
    """The private key as text, in the form the Go note package reads. Secret: for a key file with mode 0600 only."""
    key_id = signer.verifier_key.key_id.hex()
    return f"{PRIVATE_PREFIX}{signer.name}+{key_id}+{encode_base64(ED25519 + signer.seed)}"


def decode_signer(text: str) -> LedgerSigner:
    """The signer that `encode_signer` wrote.

    Raises:
        InvalidInput: not a private note key; the message holds nothing of the text but its name.
    """
    if not text.startswith(PRIVATE_PREFIX):
        msg = f"expected a signing key that begins {PRIVATE_PREFIX}"
        raise InvalidInput(msg)
    name, seed = _split_key(text.removeprefix(PRIVATE_PREFIX))
    signer = LedgerSigner(name, seed[1:])
    if encode_signer(signer) != text:
        msg = f"signing key of {name}: expected key id {signer.verifier_key.key_id.hex()}"
        raise InvalidInput(msg)
    return signer


def sign_note(text: str, signer: LedgerSigner) -> bytes:
    """The note of ``text`` with one signature line.

    Raises:
        InvalidInput: ``text`` does not end in a newline or holds a control character.
    """
    if not _is_text(text):
        msg = "a note's text ends in a newline and holds no other control character"
        raise InvalidInput(msg)
    signature = encode_base64(signer.verifier_key.key_id + signer.sign(text.encode()))
    return f"{text}\n{SIGNATURE_PREFIX}{signer.name} {signature}\n".encode()


def verify_note(unverified: bytes, keys: Sequence[VerifierKey]) -> VerifiedNote:
    """The text of a note that at least one of ``keys`` signed.

    Guarantees:
      - a line of an unknown name and key id is ignored; a line of a known one that fails rejects the note
      - nothing of the text is looked at before a signature held

    Raises:
        BrokenProof: malformed, signed by none of ``keys``, or wrongly signed by one.
    """
    text, lines = _parse(unverified)
    known = {(key.name, key.key_id): key for key in keys}
    signed_by: list[VerifierKey] = []
    for line in lines:
        key = known.get((line.name, line.key_id))
        if key is not None:
            key.verify(line.signature, text.encode())
            signed_by.append(key)
    if not signed_by:
        wanted = ", ".join(f"{key.name}+{key.key_id.hex()}" for key in keys)
        msg = f"expected a signature of {wanted}, got none"
        raise BrokenProof(msg)
    return VerifiedNote(text, tuple(signed_by))


def _parse(unverified: bytes) -> tuple[str, list[_SignatureLine]]:
    if len(unverified) > LARGEST_NOTE_BYTES:
        msg = f"a note has at most {LARGEST_NOTE_BYTES} bytes, got {len(unverified)}"
        raise BrokenProof(msg)
    try:
        note = unverified.decode()
    except UnicodeDecodeError as cause:
        msg = f"a note is UTF-8; byte {cause.start} is not"
        raise BrokenProof(msg) from cause
    text, separator, signatures = note.rpartition("\n\n")
    text += "\n"
    lines = signatures.split("\n")
    if not separator or not _is_text(text) or not _is_text(signatures):
        msg = "expected a text, an empty line and signature lines, all ending in newlines, without control characters"
        raise BrokenProof(msg)
    if len(lines) - 1 > MOST_SIGNATURES:
        msg = f"a note has at most {MOST_SIGNATURES} signatures, got {len(lines) - 1}"
        raise BrokenProof(msg)
    return text, [_signature_line(number, line) for number, line in enumerate(lines[:-1], start=1)]


def _signature_line(number: int, line: str) -> _SignatureLine:
    msg = f"signature line {number}: expected a dash, a key name and base64"
    try:
        name, encoded = line.removeprefix(SIGNATURE_PREFIX).split(" ")
        blob = decode_base64(encoded)
    except ValueError as cause:
        raise BrokenProof(msg) from cause
    if not line.startswith(SIGNATURE_PREFIX) or not _is_name(name) or len(blob) <= KEY_ID_BYTES:
        raise BrokenProof(msg)
    return _SignatureLine(name, blob[:KEY_ID_BYTES], blob[KEY_ID_BYTES:])


def _split_key(text: str) -> tuple[str, bytes]:
    try:
        name, _, encoded = text.split("+", 2)
        blob = decode_base64(encoded)
    except ValueError:
        # No cause: it could quote a private key.
        msg = "expected a note key: name, key id and base64, joined by +"
        raise InvalidInput(msg) from None
    if blob[:1] != ED25519 or len(blob) != 1 + KEY_BYTES:
        msg = f"note key of {name}: expected Ed25519 (type 1, {KEY_BYTES} bytes), got {len(blob)} bytes"
        raise InvalidInput(msg)
    return name, blob


def _is_text(text: str) -> bool:
    return text.endswith("\n") and all(character >= FIRST_PRINTABLE or character == "\n" for character in text)


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)


def _require_name(name: str) -> None:
    if not _is_name(name):
        msg = "a note key's name is not empty and has neither space nor +"
        raise InvalidInput(msg)
