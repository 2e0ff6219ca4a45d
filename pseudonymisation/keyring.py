"""The identity plane's keys: one file, readable by its owner alone, without which nothing here runs.

Trusted for secrecy: who reads this file *and* the vault can name every living subject; who reads only one of the two
cannot. Not even both bring an erased subject back: its own secret is in neither. Signing keys live elsewhere, with
governance.
"""

import base64
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pseudonymisation.durable import sync_folder
from pseudonymisation.errors import KeyringError, MissingKeyring, UnknownKey, UnsafePermissions

KEY_BYTES = 32
FORMAT = "probity-keyring-v1"
Entropy = Callable[[int], bytes]
"""``secrets.token_bytes``: that many bytes from the operating system's CSPRNG. Anything else is for tests."""


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """One 256-bit key of one role. Cannot be printed."""

    version: int
    material: bytes

    def __post_init__(self) -> None:
        if self.version < 1 or len(self.material) != KEY_BYTES:
            msg = f"expected a version >= 1 and {KEY_BYTES} bytes, got {self.version} and {len(self.material)}"
            raise ValueError(msg)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(version={self.version}, …)"


class KeyEncryptionKey(Key):
    """Wraps subject secrets (AES-256-GCM)."""

    __slots__ = ()


class IndexKey(Key):
    """Makes blind indexes of identifiers and pseudonyms (HMAC-SHA-256)."""

    __slots__ = ()


class EventIdKey(Key):
    """Makes our event ids from a client's (HMAC-SHA-256): theirs may contain an identifier."""

    __slots__ = ()


class QuarantineKey(Key):
    """Seals rejected input that policy keeps (AES-256-GCM)."""

    __slots__ = ()


K = TypeVar("K", bound=Key)


@dataclass(frozen=True, slots=True)
class Versions(Generic[K]):
    """All versions of one role's key, oldest first, at least one. New values use ``current``; old ones name theirs."""

    keys: tuple[K, ...]

    @property
    def current(self) -> K:
        """The newest."""
        return self.keys[-1]

    def version(self, number: int) -> K:
        """The key of one version.

        Raises:
            UnknownKey: it was destroyed, or belongs to another keyring.
        """
        for key in self.keys:
            if key.version == number:
                return key
        msg = f"the keyring holds no {type(self.current).__name__} of version {number}: was it restored from elsewhere?"
        raise UnknownKey(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """The identity plane's keys by role."""

    kek: Versions[KeyEncryptionKey]
    index: Versions[IndexKey]
    event_id: Versions[EventIdKey]
    quarantine: Versions[QuarantineKey]


ROLES: tuple[tuple[str, type[Key]], ...] = (
    ("kek", KeyEncryptionKey),
    ("index", IndexKey),
    ("event_id", EventIdKey),
    ("quarantine", QuarantineKey),
)


def generate_keyring(entropy: Entropy = secrets.token_bytes) -> Keyring:
    """A keyring with version 1 of every key, in memory only."""
    fresh: dict[str, Any] = {role: Versions((kind(1, entropy(KEY_BYTES)),)) for role, kind in ROLES}
    return Keyring(**fresh)


def create_keyring(path: Path, entropy: Entropy = secrets.token_bytes) -> Keyring:
    """Make a new keyring file, mode 0600. Durable once it returns; an existing file is never touched.

    Raises:
        KeyringError: there is one already, or the folder cannot take it. Nothing half-written stays behind.
    """
    keyring = generate_keyring(entropy)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        try:
            _write_private(draft, _encode(keyring))
            # A link and not a rename: of two processes that both saw no file, the second must not win silently.
            path.hardlink_to(draft)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(path.parent)
    except FileExistsError as cause:
        msg = f"{path} exists: a keyring is never replaced, because all it protects would be lost"
        raise KeyringError(msg) from cause
    except OSError as cause:
        msg = f"{path} cannot be written: {cause.strerror}"
        raise KeyringError(msg) from cause
    return keyring


def load_keyring(path: Path) -> Keyring:
    """Read a keyring file.

    Raises:
        MissingKeyring: there is none.
        UnsafePermissions: its group or others have any permission on it.
        KeyringError: it is not a keyring that we wrote.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as cause:
        msg = f"{path} is missing: run `probity init`, or restore it from your back-up if this home already holds data"
        raise MissingKeyring(msg) from cause
    except OSError as cause:
        msg = f"{path} cannot be read: {cause.strerror}"
        raise KeyringError(msg) from cause
    with os.fdopen(descriptor, "rb") as file:
        # Asked of the open file and not of the path, which somebody could exchange in between.
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & 0o077:
            msg = f"{path} has mode {mode:04o}, expected 0600: run `chmod 600` on it and ask who has read it"
            raise UnsafePermissions(msg)
        return _decode(file.read(), str(path))


def _encode(keyring: Keyring) -> bytes:
    keys = [
        {"role": role, "version": key.version, "key": base64.b64encode(key.material).decode()}
        for role, _ in ROLES
        for key in getattr(keyring, role).keys
    ]
    return (json.dumps({"format": FORMAT, "keys": keys}, indent=1) + "\n").encode()


def _decode(content: bytes, place: str) -> Keyring:
    try:
        entries = [(entry["role"], entry["version"], entry["key"]) for entry in json.loads(content)["keys"]]
        found: dict[str, Any] = {role: Versions(_keys_of(role, kind, entries)) for role, kind in ROLES}
        keyring = Keyring(**found)
        _verify_encoding(keyring, content)
    except (ValueError, KeyError, TypeError):
        # Without its cause: a parser's message may quote the file.
        msg = f"{place} is not a keyring of the form {FORMAT}: restore it from your back-up"
        raise KeyringError(msg) from None
    return keyring


def _verify_encoding(keyring: Keyring, content: bytes) -> None:
    # One encoding only: what we would not write ourselves is not read, so nothing in the file goes unnoticed.
    if _encode(keyring) != content:
        msg = "expected the one encoding of a keyring, got another"
        raise ValueError(msg)


def _keys_of(role: str, kind: type[Key], entries: Iterable[tuple[str, int, str]]) -> tuple[Key, ...]:
    keys = tuple(
        kind(version, base64.b64decode(text, validate=True)) for name, version, text in entries if name == role
    )
    versions = [key.version for key in keys]
    if not keys or versions != sorted(set(versions)):
        msg = "expected at least one key, in the order of their versions"
        raise ValueError(msg)
    return keys


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
