"""C2SP signed-note: a text and the signatures under it, in exactly one encoding.

    <text, ending in a newline>
    <empty line>
    — <key name> <base64(4-byte key id || signature)>        one or more lines

Unknown signers are ignored, so other signature types and other people's keys can stand beside ours; a known signer
whose signature fails spoils the whole note.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import ClassVar, Protocol, TypeVar

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
DASH = "—"
_NOT_IN_A_TEXT = re.compile("[\x00-\x09\x0b-\x1f\ud800-\udfff]")
"""Control characters but the newline, and surrogates, which no UTF-8 holds. DEL and the rest of Unicode are text."""


class NoteKey(Protocol):
    """A named public key that verifies the lines which carry its name and key id."""

    @property
    def name(self) -> str:
        """The key's name: not empty, without space or plus."""

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell this key from others of the name. Not a commitment to the key."""

    def verify(self, signature: bytes, text: bytes) -> None:
        """Raise `BrokenProof` unless ``signature`` is this key's over ``text``."""


@dataclass(frozen=True, slots=True)
class Ed25519Key:
    """A named Ed25519 public key (32 bytes). Each kind has its own ``algorithm`` byte, and signs something else."""

    algorithm: ClassVar[bytes]
    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        require_name(self.name)
        _require_key(self.public_key, "public key")

    @property
    def key_id(self) -> bytes:
        """SHA-256(name || newline || algorithm || public key), its first four bytes."""
        return key_id(self.name, self.algorithm + self.public_key)

    def require_signed(self, signature: bytes, message: bytes, what: str) -> None:
        """Raise `BrokenProof` that names ``what`` unless ``signature`` (64 bytes) is this key's over ``message``."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except (InvalidSignature, ValueError) as cause:
            msg = f"the {what} of {self.name}+{self.key_id.hex()} does not hold"
            raise BrokenProof(msg) from cause


@dataclass(frozen=True, slots=True)
class Ed25519Signer:
    """A named Ed25519 signing key, from its 32-byte seed. The seed is never printed."""

    algorithm: ClassVar[bytes]
    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        require_name(self.name)
        _require_key(self.seed, "seed")

    @property
    def public_key(self) -> bytes:
        """32 bytes."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()

    @property
    def key_id(self) -> bytes:
        """That of the public key."""
        return key_id(self.name, self.algorithm + self.public_key)

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature over ``message``; the same message always gives the same bytes."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)


@dataclass(frozen=True, slots=True)
class VerifierKey(Ed25519Key):
    """What a reader must hold to trust a log: its signatures are over the text of a note."""

    algorithm: ClassVar[bytes] = ED25519

    def verify(self, signature: bytes, text: bytes) -> None:
        """Raise `BrokenProof` unless ``signature`` is this key's over ``text``."""
        self.require_signed(signature, text, "signature")


@dataclass(frozen=True, slots=True)
class LedgerSigner(Ed25519Signer):
    """What signs notes."""

    algorithm: ClassVar[bytes] = ED25519

    @property
    def verifier_key(self) -> VerifierKey:
        """The public half, for those who verify."""
        return VerifierKey(self.name, self.public_key)


SomeKey = TypeVar("SomeKey", bound=Ed25519Key)
SomeSigner = TypeVar("SomeSigner", bound=Ed25519Signer)


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One line under a note: the key's name, its id (4 bytes), and what its algorithm made."""

    name: str
    key_id: bytes
    signature: bytes

    def __post_init__(self) -> None:
        require_name(self.name)
        if len(self.key_id) != KEY_ID_BYTES or not self.signature:
            msg = f"signature of {self.name}: expected a key id of {KEY_ID_BYTES} bytes and a signature"
            raise InvalidInput(msg)


@dataclass(frozen=True, slots=True)
class UnverifiedNote:
    """A note taken apart. Nothing of it may be believed yet."""

    text: str
    lines: tuple[SignatureLine, ...]


@dataclass(frozen=True, slots=True)
class VerifiedNote:
    """A text whose signatures held, and the keys that signed it, each once."""

    text: str
    signed_by: tuple[VerifierKey, ...]


def encode_vkey(key: Ed25519Key) -> str:
    """``<name>+<key id, 8 hex>+<base64(algorithm || public key)>``."""
    return f"{key.name}+{key.key_id.hex()}+{encode_base64(key.algorithm + key.public_key)}"


def decode_vkey(text: str) -> VerifierKey:
    """A log's key; see `decode_key`."""
    return decode_key(text, VerifierKey)


def decode_key(text: str, kind: type[SomeKey]) -> SomeKey:
    """The key of this kind that `encode_vkey` wrote.

    Raises:
        InvalidInput: not a vkey, not of the kind's algorithm, or its key id does not follow from its name and key.
    """
    name, blob = split_key(text)
    key = kind(name, key_of(name, blob, kind.algorithm))
    if encode_vkey(key) != text:
        msg = f"vkey of {name}: expected key id {key.key_id.hex()}"
        raise InvalidInput(msg)
    return key


def encode_signer(signer: Ed25519Signer) -> str:
    """The private key as text, in the form the Go note package reads. Secret: for a key file with mode 0600 only."""
    return f"{PRIVATE_PREFIX}{signer.name}+{signer.key_id.hex()}+{encode_base64(signer.algorithm + signer.seed)}"


def decode_signer(text: str) -> LedgerSigner:
    """What signs notes; see `decode_private_key`."""
    return decode_private_key(text, LedgerSigner)


def decode_private_key(text: str, kind: type[SomeSigner]) -> SomeSigner:
    """The signer of this kind that `encode_signer` wrote.

    Raises:
        InvalidInput: not a private key of the kind's algorithm; the message holds nothing of the text but its name.
    """
    if not text.startswith(PRIVATE_PREFIX):
        msg = f"expected a signing key that begins {PRIVATE_PREFIX}"
        raise InvalidInput(msg)
    name, blob = split_key(text.removeprefix(PRIVATE_PREFIX))
    signer = kind(name, key_of(name, blob, kind.algorithm))
    if encode_signer(signer) != text:
        msg = f"signing key of {name}: expected key id {signer.key_id.hex()}"
        raise InvalidInput(msg)
    return signer


def sign_note(text: str, *signers: LedgerSigner) -> bytes:
    """The note of ``text`` with one line for each signer. Two while a key is being replaced: the old and the new.

    Raises:
        InvalidInput: ``text`` does not end in a newline or holds a control character, or nobody signs.
    """
    if not _is_text(text) or not signers:
        msg = "a note's text ends in a newline and holds no other control character, and somebody signs it"
        raise InvalidInput(msg)
    signed = text.encode()
    return encode_note(
        UnverifiedNote(
            text, tuple(SignatureLine(each.name, each.verifier_key.key_id, each.sign(signed)) for each in signers)
        )
    )


def add_signatures(note: bytes, lines: Iterable[SignatureLine]) -> bytes:
    """The note with further signature lines; a key's new line takes the place of its old one.

    Raises:
        BrokenProof: ``note`` is none.
        InvalidInput: more than 100 lines would stand under it.
    """
    found = decode_note(note)
    added = {(line.name, line.key_id): line for line in lines}
    kept = tuple(line for line in found.lines if (line.name, line.key_id) not in added)
    together = kept + tuple(added.values())
    if len(together) > MOST_SIGNATURES:
        msg = f"a note has at most {MOST_SIGNATURES} signatures, got {len(together)}"
        raise InvalidInput(msg)
    return encode_note(UnverifiedNote(found.text, together))


def verify_note(unverified: bytes, keys: Sequence[VerifierKey]) -> VerifiedNote:
    """The text of a note that at least one of ``keys`` signed.

    Guarantees:
      - a line of an unknown name and key id is ignored; a line of a known one that fails rejects the note
      - nothing of the text is looked at before a signature held

    Raises:
        BrokenProof: malformed, signed by none of ``keys``, or wrongly signed by one.
    """
    note = decode_note(unverified)
    signed_by = dict.fromkeys(key for key, _ in verified_lines(note, keys))
    if not signed_by:
        wanted = ", ".join(f"{key.name}+{key.key_id.hex()}" for key in keys)
        msg = f"expected a signature of {wanted}, got none"
        raise BrokenProof(msg)
    return VerifiedNote(note.text, tuple(signed_by))


Key = TypeVar("Key", bound=NoteKey)


def verified_lines(note: UnverifiedNote, keys: Iterable[Key]) -> list[tuple[Key, SignatureLine]]:
    """The lines of known keys, all of which hold, in the order of the note. A key may have several lines.

    Raises:
        BrokenProof: a line of a known name and key id does not hold.
        InvalidInput: two of ``keys`` cannot be told apart by name and key id.
    """
    known: dict[tuple[str, bytes], Key] = {}
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            msg = f"two keys share the name and key id {key.name}+{key.key_id.hex()}"
            raise InvalidInput(msg)
    text = note.text.encode()
    found = [(known[each], line) for line in note.lines if (each := (line.name, line.key_id)) in known]
    for key, line in found:
        key.verify(line.signature, text)
    return found


def decode_note(unverified: bytes) -> UnverifiedNote:
    """The parts of a note, in its one encoding; nothing is verified.

    Guarantees:
      - ``encode_note(decode_note(b)) == b``

    Raises:
        BrokenProof: names what is wrong.
    """
    if len(unverified) > LARGEST_NOTE_BYTES:
        msg = f"a note has at most {LARGEST_NOTE_BYTES} bytes, got {len(unverified)}"
        raise BrokenProof(msg)
    try:
        note = unverified.decode()
    except UnicodeDecodeError as cause:
        msg = f"a note is UTF-8; byte {cause.start} is not"
        raise BrokenProof(msg) from cause
    # The text may hold empty lines, so the last one is what parts it from the signatures.
    text, separator, signatures = note.rpartition("\n\n")
    if not separator or not _is_text(text + "\n") or not _is_text(signatures):
        msg = "expected a text, an empty line and signature lines, all ending in newlines, without control characters"
        raise BrokenProof(msg)
    return UnverifiedNote(text + "\n", decode_signature_lines(signatures))


def encode_note(note: UnverifiedNote) -> bytes:
    """The note's bytes."""
    return f"{note.text}\n{encode_signature_lines(note.lines)}".encode()


def decode_signature_lines(text: str) -> tuple[SignatureLine, ...]:
    """The signature lines in ``text``, each ending in a newline: the lower part of a note, or a witness's answer.

    Raises:
        BrokenProof: names the line that is none, or there are none or more than 100.
    """
    *lines, rest = text.split("\n")
    if rest or not 0 < len(lines) <= MOST_SIGNATURES:
        msg = f"a note has at least one and at most {MOST_SIGNATURES} signatures, each ending in a newline"
        raise BrokenProof(msg)
    return tuple(_signature_line(number, line) for number, line in enumerate(lines, start=1))


def encode_signature_lines(lines: Iterable[SignatureLine]) -> str:
    """The lines as they stand under a note."""
    return "".join(f"{DASH} {line.name} {encode_base64(line.key_id + line.signature)}\n" for line in lines)


def key_id(name: str, key: bytes) -> bytes:
    """SHA-256(name || newline || algorithm byte || public key), its first four bytes; ``key`` begins with the byte."""
    return sha256(name.encode() + b"\n" + key).digest()[:KEY_ID_BYTES]


def split_key(text: str) -> tuple[str, bytes]:
    """The name of a key in text form, and what its base64 holds: the algorithm's byte and the key.

    Raises:
        InvalidInput: malformed; never quotes more than the name.
    """
    try:
        name, _, encoded = text.split("+", 2)
        blob = decode_base64(encoded)
    except ValueError:
        # No cause: it could quote a private key.
        msg = "expected a note key: name, key id and base64, joined by +"
        raise InvalidInput(msg) from None
    require_name(name)
    return name, blob


def key_of(name: str, blob: bytes, algorithm: bytes) -> bytes:
    """The 32 bytes of an Ed25519 key that `split_key` found. Whoever asks checks the key id.

    Raises:
        InvalidInput: of another algorithm or length.
    """
    if blob[:1] != algorithm or len(blob) != 1 + KEY_BYTES:
        wanted = f"type {algorithm[0]} and {KEY_BYTES} bytes"
        msg = f"note key of {name}: expected {wanted}, got type {int.from_bytes(blob[:1])} and {len(blob[1:])} bytes"
        raise InvalidInput(msg)
    return blob[1:]


def require_name(name: str) -> None:
    """Raise `InvalidInput` unless ``name`` can stand in a signature line."""
    if not name or "+" in name or _NOT_IN_A_TEXT.search(name) or any(character.isspace() for character in name):
        msg = "a note key's name is not empty and has neither space nor + nor control characters"
        raise InvalidInput(msg)


def _require_key(key: bytes, what: str) -> None:
    if len(key) != KEY_BYTES:
        msg = f"expected a {what} of {KEY_BYTES} bytes, got {len(key)}"
        raise InvalidInput(msg)


def _signature_line(number: int, line: str) -> SignatureLine:
    msg = f"signature line {number}: expected a dash, a key name and base64"
    try:
        dash, name, encoded = line.split(" ")
        blob = decode_base64(encoded)
        found = SignatureLine(name, blob[:KEY_ID_BYTES], blob[KEY_ID_BYTES:])
    except (ValueError, InvalidInput) as cause:
        raise BrokenProof(msg) from cause
    if dash != DASH:
        raise BrokenProof(msg)
    return found


def _is_text(text: str) -> bool:
    return text.endswith("\n") and _NOT_IN_A_TEXT.search(text) is None
