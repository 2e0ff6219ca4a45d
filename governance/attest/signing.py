"""Ed25519 keys that sign envelopes, and the files they lie in."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from governance.errors import ConfigurationError, Conflict
from governance.ledger.canonical import decode_base64, encode_base64
from governance.ledger.key_file import OTHERS
from pseudonymisation.durable import sync_folder

SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class EnvelopeSigner:
    """An Ed25519 key that signs envelopes, from its 32-byte seed, which is never printed."""

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


def create_signer(path: Path, *, draw: Callable[[int], bytes]) -> EnvelopeSigner:
    """Make a key file, readable by its owner only, durable once this returns.

    Raises:
        Conflict: the file exists; a key is never replaced, or what it signed could not be attributed.
    """
    signer = EnvelopeSigner(draw(SEED_BYTES))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as cause:
        msg = f"{path} exists: a signing key is never replaced"
        raise Conflict(msg) from cause
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{encode_base64(signer.seed)}\n")
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
    return signer


def load_signer(path: Path) -> EnvelopeSigner:
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
    return EnvelopeSigner(seed)
