"""The folder an auditor takes home: the log at one checkpoint, the older checkpoints, and how to check them."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sqlalchemy import Engine

from governance.database import reading
from governance.errors import BrokenProof, Conflict
from governance.ledger.checkpoint import Checkpoint
from governance.ledger.cosigned import list_cosigned
from governance.ledger.durable_files import make_folder
from governance.ledger.note import VerifierKey, encode_vkey
from governance.ledger.published import (
    CHECKPOINT,
    LARGEST_BUNDLE_BYTES,
    OLDER,
    POLICY,
    VKEY,
    read_file,
    read_note,
    read_vkey,
)
from governance.ledger.tiles import tile_names
from governance.ledger.trust_policy import TrustPolicy, encode_policy, trusting, verify_cosigned

FILES_PER_STEP = 256

README = """\
The transparency log {origin}, {size} entries
{underline}

Each change to the pipeline is one entry. The log's operator signed the root of all of them; this folder lets you
check, without asking the operator, that the entries are exactly the signed ones and that nothing signed earlier was
changed or removed.

Whom to believe
---------------

Write down whose signatures you believe in a trust policy, a text file such as

    log <the log's key> [<url>]
    witness auditor <the witness's key>
    quorum auditor

or `quorum none` where no witness cosigns; a log that changed its key has a line for each key. The file `policy` in this
folder is what the operator proposes. Take its keys over only after comparing them with another source (a contract, a
letter, an earlier export, the witness itself): a key that came with the data proves nothing about the data. The same
holds for `log.vkey`.

How to verify
-------------

    probity ledger verify . --policy <your policy> [--old <a checkpoint you kept>]

It reads files only: no network, no database. Exit code 0 says that the log holds, 1 that it does not (and names the
entry, tile or checkpoint), 2 that the command was used wrongly. `--vkey '<the log's key>'` stands for a policy of one
log and no witness.

Keep the file `checkpoint`. Held against a later export it shows whether history was rewritten, and nothing else can.

With other software
-------------------

Nothing here is particular to that command. Whatever reads these formats verifies this folder: Tessera's `fsck`, for
instance, reads a log from any web server that serves it, and Go's `golang.org/x/mod/sumdb/note` opens `checkpoint`.

| file | what it is | format |
|---|---|---|
| `checkpoint` | origin, size, root, signed, perhaps cosigned | C2SP tlog-checkpoint, signed-note, tlog-cosignature |
| `checkpoints/<size>` | what was signed earlier | the same |
| `tile/entries/...` | 256 entries each, every one after its length as two big-endian bytes | C2SP tlog-tiles |
| `tile/<level>/...` | 256 hashes of 32 bytes each | C2SP tlog-tiles |
| `log.vkey` | the log's name and public key | signed-note verifier key |
| `policy` | the operator's proposal of whom to believe | C2SP tlog-policy |

An entry is JSON (RFC 8785): `v` and `kind` say which shape `body` has, `at` is UTC, `actor` a role or a key. Leaf hash:
SHA-256(0x00 || entry); node: SHA-256(0x01 || left || right) (RFC 6962 section 2.1).

No entry holds personal data. A `commitment` is a salted hash; while its salt is kept, the operator can open it for you.

This README is not signed.
"""

Progress = Callable[[int, int], None]
"""Called with how many files are written and how many there are."""


def export(
    engine: Engine,
    published: Path,
    to: Path,
    *,
    known: Sequence[VerifierKey] = (),
    policy: TrustPolicy | None = None,
    progress: Progress | None = None,
) -> Checkpoint:
    """Copy the published log and its older checkpoints into the empty or new folder ``to``.

    Args:
        engine: the database, which remembers the older checkpoints.
        published: the folder of the published log.
        to: where the export shall lie.
        known: every key under which this log was ever published: older checkpoints may bear another than the last.
        policy: whom the operator proposes to believe; by default the log under these keys, and no witness.
        progress: called as files are written.

    Guarantees:
      - exactly the tiles of the exported checkpoint are copied; no file is shared with the published folder
      - a folder named ``to`` is whole and durable: all is written beside it, synchronised and renamed at the end. What
        a crash leaves is named ``.<name>.unfinished`` and replaced by the next export

    Raises:
        Conflict: ``to`` is not empty.
        BrokenProof: a published file is missing, ``policy`` does not accept the published checkpoint, or a kept
            cosignature is none: it names the row.
    """
    key = read_vkey(published)
    note = read_note(published)
    proposed = trusting(key, *(each for each in known if each != key)) if policy is None else policy
    checkpoint = _accepted(note, proposed, key)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        msg = f"{to}: expected an empty folder to export into"
        raise Conflict(msg)
    with reading(engine) as session:
        signed = list_cosigned(session, [each.key for each in proposed.witnesses])
    older = {each.size: each.note for each in signed if each.size < checkpoint.size}
    unfinished = to.absolute().with_name(f".{to.absolute().name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    make_folder(unfinished)
    total = len(tile_names(checkpoint.size)) + len(older)
    for done, (name, data) in enumerate(_files(published, checkpoint, older), start=1):
        _write(unfinished, name, data)
        if progress is not None and (done % FILES_PER_STEP == 0 or done == total):
            progress(done, total)
    for name, data in _about(checkpoint, key, proposed):
        _write(unfinished, name, data)
    _write(unfinished, CHECKPOINT, note)
    _synchronise(unfinished)
    unfinished.rename(to)
    _fsync(unfinished.parent)
    return checkpoint


def _accepted(note: bytes, policy: TrustPolicy, key: VerifierKey) -> Checkpoint:
    """The published checkpoint, if whoever receives it with ``policy`` will accept it."""
    checkpoint = verify_cosigned(note, policy).checkpoint
    if key not in [log.key for log in policy.logs]:
        msg = f"{VKEY}: the policy does not name the key under which the log is published"
        raise BrokenProof(msg)
    return checkpoint


def _files(published: Path, checkpoint: Checkpoint, older: dict[int, bytes]) -> Iterator[tuple[str, bytes]]:
    for name in tile_names(checkpoint.size):
        yield name.path, read_file(published, name.path, LARGEST_BUNDLE_BYTES)
    for size, note in older.items():
        yield f"{OLDER}/{size}", note


def _about(checkpoint: Checkpoint, key: VerifierKey, policy: TrustPolicy) -> Iterator[tuple[str, bytes]]:
    title = {"origin": checkpoint.origin, "size": checkpoint.size}
    underline = "=" * len(README.partition("\n")[0].format(**title))
    yield "README.md", README.format(**title, underline=underline).encode()
    yield VKEY, f"{encode_vkey(key)}\n".encode()
    yield POLICY, encode_policy(policy).encode(errors="surrogateescape")


def _write(to: Path, name: str, data: bytes) -> None:
    target = to / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def _synchronise(folder: Path) -> None:
    """Make durable what lies below. All is written before the first is synchronised, which is many times faster."""
    for path, _, names in os.walk(folder, topdown=False):
        for name in names:
            _fsync(Path(path) / name)
        _fsync(Path(path))


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
