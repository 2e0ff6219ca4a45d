"""The files of the signing keys, and their rotation. A new kind of key is one line in `SIGNING_KEYS`.

In ``keys/``: ``NAME.key`` is in force, ``NAME.next`` waits to be, ``NAME.retired`` still signs beside it. A rotation

1. writes the fresh key as ``NAME.next``, durably;
2. records it and the entry in one transaction: from here on the new key is in force;
3. puts the old key aside as ``NAME.retired`` or not, and renames ``NAME.next`` over ``NAME.key``.

Killed before 2, the old key is in force and the next rotation begins anew; killed after it, whoever opens the home next
finishes 3. A private key that the record says was replaced is never signed with, be it from a restored back-up.

Trusted for: signing in our name. Whoever reads this folder can start another log, which old checkpoints contradict.
"""

import fcntl
import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from governance.attest.attester import KEY as ATTEST_KEY
from governance.attest.attester import attester_name, encode_attester
from governance.attest.signing import EnvelopeSigner, create_signer, key_id_of, load_signer
from governance.clock import Clock
from governance.database import reading, transaction
from governance.errors import ConfigurationError, InvalidInput
from governance.keys.rotation import PublicKey, Retired, RotationGround, last_rotation, list_rotations, record_rotation
from governance.keys.tables import KeyRotation
from governance.ledger.key_file import create_note_key, load_note_key
from governance.ledger.note import LedgerSigner, encode_vkey
from pseudonymisation.durable import sync_folder, write_atomically

Draw = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """One signing key of a home.

    Attributes:
        name: in files, entries and commands.
        retired: what becomes of the old private key at a rotation; one that may be known to others never signs again.
        create: makes a fresh key file of its own name, never over another.
        load: reads a key file, refusing one that others may read.
        public: what everybody may see of a loaded key.
    """

    name: str
    retired: Retired
    create: Callable[[Path, str, Draw], object]
    load: Callable[[Path], Any]
    public: Callable[[Any], PublicKey]

    def file(self, folder: Path) -> Path:
        """Where the key in force lies."""
        return folder / f"{self.name}.key"

    def next_file(self, folder: Path) -> Path:
        """Where the one lies that is to follow."""
        return folder / f"{self.name}.next"

    def retired_file(self, folder: Path) -> Path:
        """Where the one before lies, as long as it signs beside it."""
        return folder / f"{self.name}.retired"


def _public_ledger_key(signer: LedgerSigner) -> PublicKey:
    return PublicKey(id=signer.verifier_key.key_id.hex(), public=encode_vkey(signer.verifier_key))


def _public_certificate_key(signer: EnvelopeSigner) -> PublicKey:
    return PublicKey(id=signer.key_id, public=urlsafe_b64encode(signer.public_key).decode())


def _public_attester_key(key: LedgerSigner) -> PublicKey:
    return PublicKey(id=key_id_of(key.verifier_key.public_key), public=encode_attester(key.verifier_key))


LEDGER: Final = SigningKey(
    # Signs beside the new one, so that who only knows the old key can follow the log until they have the new one.
    name="ledger",
    retired="kept",
    create=create_note_key,
    load=partial(load_note_key, lost="restore it from your back-up; a new key would start a new log"),
    public=_public_ledger_key,
)
CERTIFICATE: Final = SigningKey(
    # Nothing needs its signature again: what it signed verifies with the public key, which stays on record.
    name="certificate",
    retired="destroyed",
    create=lambda path, _origin, draw: create_signer(path, draw=draw),
    load=load_signer,
    public=_public_certificate_key,
)

ATTEST: Final = SigningKey(
    # As for certificates: what it signed verifies with the public key, which stays on record.
    name=ATTEST_KEY,
    retired="destroyed",
    create=lambda path, origin, draw: create_note_key(path, attester_name(origin), draw),
    load=partial(load_note_key, lost="restore it from your back-up, or run `probity init` where there never was one"),
    public=_public_attester_key,
)

SIGNING_KEYS: Final = (LEDGER, CERTIFICATE, ATTEST)
"""Every key that signs in this home's name. Those of the identity plane seal, and lie in its keyring."""


def signing_key(name: str) -> SigningKey:
    """The key of this name.

    Raises:
        InvalidInput: there is none.
    """
    for key in SIGNING_KEYS:
        if key.name == name:
            return key
    msg = f"key: expected one of {', '.join(key.name for key in SIGNING_KEYS)}, got another word"
    raise InvalidInput(msg)


def rotate(
    engine: Engine,
    folder: Path,
    key: SigningKey,
    ground: RotationGround,
    *,
    origin: str,
    actor: str,
    clock: Clock,
    draw: Draw = secrets.token_bytes,
) -> PublicKey:
    """Replace a signing key by a fresh one; the public key of the new one.

    Guarantees:
      - killed at any point, exactly one of the two is in force, and it is the one that the ledger says

    Raises:
        InvalidInput: a ground that is not in the list.
        ConfigurationError: a key file is missing or others may read it; nothing was changed.
    """
    if ground not in get_args(RotationGround):
        msg = f"ground: expected one of {', '.join(get_args(RotationGround))}, got another word"
        raise InvalidInput(msg)
    retired: Retired = "destroyed" if ground == "suspected_compromise" else key.retired
    with _locked(folder):
        _settle(_last(engine, key), folder, key)
        old, path = key.public(key.load(key.file(folder))), key.next_file(folder)
        key.create(path, origin, draw)
        sync_folder(folder)
        new = key.public(key.load(path))
        with transaction(engine) as session:
            record_rotation(session, key.name, old, new, retired=retired, ground=ground, actor=actor, clock=clock)
        _settle(_last(engine, key), folder, key)
    return new


def settle(engine: Engine, folder: Path) -> None:
    """Finish what a rotation that was killed had left to do, so that files and record agree.

    Raises:
        ConfigurationError: a key file is not the one on record.
    """
    for key in SIGNING_KEYS:
        last = _last(engine, key)
        # Without the lock where there is nothing to do, which is nearly always; never inside a transaction, which a
        # rotation that has the lock may be waiting for.
        if key.next_file(folder).exists() or (last is not None and _present(key, folder) != last.new):
            with _locked(folder):
                _settle(_last(engine, key), folder, key)


def public_keys(session: Session, folder: Path, key: SigningKey) -> list[PublicKey]:
    """Every public key that ever signed, newest first: what old signatures are verified with.

    Those before the present one come from the control database: whoever can write there can add one for our own
    checks. Who verifies from outside has them from elsewhere.
    """
    rotations = list_rotations(session, key.name)
    present = key.public(key.load(key.file(folder)))
    return [present, *(PublicKey(id=each.old, public=each.old_public) for each in reversed(rotations))]


def retired_signer(folder: Path, key: SigningKey) -> Any:  # noqa: ANN401 - whatever the key loads as
    """The key before the one in force, where it still signs beside it, or None."""
    path = key.retired_file(folder)
    return key.load(path) if path.exists() else None


def _settle(last: KeyRotation | None, folder: Path, key: SigningKey) -> None:
    """Make the files say what the record says. The caller holds the lock, and no transaction."""
    file, waiting = key.file(folder), key.next_file(folder)
    if last is None or _present(key, folder) == last.new:
        waiting.unlink(missing_ok=True)  # of a rotation that was never recorded
    elif (_present(key, folder), _id_in(key, waiting)) == (last.old, last.new):
        if last.retired == "kept":
            write_atomically(key.retired_file(folder), file.read_bytes())
        waiting.replace(file)
    else:
        msg = f"{file}: expected key {last.new}, got another, and no key may sign that was replaced: restore that one"
        raise ConfigurationError(msg)
    if last is not None and last.retired == "destroyed":
        key.retired_file(folder).unlink(missing_ok=True)
    sync_folder(folder)


def _last(engine: Engine, key: SigningKey) -> KeyRotation | None:
    with reading(engine) as session:
        return last_rotation(session, key.name)


def _present(key: SigningKey, folder: Path) -> str:
    return key.public(key.load(key.file(folder))).id


def _id_in(key: SigningKey, path: Path) -> str | None:
    """The id of the key in a file; None where there is none, or half of one."""
    try:
        return key.public(key.load(path)).id
    except ConfigurationError:
        return None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
