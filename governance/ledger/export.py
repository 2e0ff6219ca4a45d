"""The folder an auditor takes home: the log at one checkpoint, the older checkpoints, and how to check them."""

from pathlib import Path

from sqlalchemy import Engine

from governance.database import transaction
from governance.errors import Conflict
from governance.ledger.checkpoint import Checkpoint, verify_checkpoint
from governance.ledger.note import LARGEST_NOTE_BYTES, decode_vkey, encode_vkey
from governance.ledger.published import CHECKPOINT, LARGEST_BUNDLE_BYTES, OLDER, VKEY, read_file, read_note
from governance.ledger.store import list_checkpoints
from governance.ledger.tiles import tile_names

README = """\
The transparency log {origin}, {size} entries
{underline}

Each change to the pipeline is one entry. The log's operator signed the root of all of them; this folder lets you
check, without asking the operator, that the entries are exactly the signed ones and that nothing signed earlier was
changed or removed.

    probity ledger verify . --vkey '<the log key>' [--old <a checkpoint you kept>]

The key of this log is in `log.vkey`. Compare it with one from another source (a contract, a letter, an earlier
export): a key that came with the data proves nothing about the data.

Keep the file `checkpoint`. Held against a later export it shows whether history was rewritten, and nothing else can.

| file | what it is | format |
|---|---|---|
| `checkpoint` | origin, size, root, signed | C2SP tlog-checkpoint in a signed-note |
| `checkpoints/<size>` | what was signed earlier | the same |
| `tile/entries/…` | 256 entries each, every one after its length as two big-endian bytes | C2SP tlog-tiles |
| `tile/<level>/…` | 256 hashes of 32 bytes each | C2SP tlog-tiles |
| `log.vkey` | the log's name and public key | signed-note verifier key |

An entry is JSON (RFC 8785): `v` and `kind` say which shape `body` has, `at` is UTC, `actor` a role or a key. Leaf hash:
SHA-256(0x00 || entry); node: SHA-256(0x01 || left || right) (RFC 6962 section 2.1). Any verifier of these formats
will do.

No entry holds personal data. A `commitment` is a salted hash; while its salt is kept, the operator can open it for you.

This README is not signed.
"""


def export(engine: Engine, published: Path, to: Path) -> Checkpoint:
    """Copy the published log and its older checkpoints into the empty or new folder ``to``.

    Guarantees:
      - exactly the tiles of the exported checkpoint are copied; the checkpoint is written last, so a folder with one
        is whole

    Raises:
        Conflict: ``to`` is not empty.
        BrokenProof: a published file is missing, or the checkpoint is not signed by the published key.
    """
    key = decode_vkey(read_file(published, VKEY, LARGEST_NOTE_BYTES).decode(errors="replace").removesuffix("\n"))
    note = read_note(published)
    checkpoint = verify_checkpoint(note, key)
    if to.exists() and any(to.iterdir()):
        msg = f"{to}: expected an empty folder to export into"
        raise Conflict(msg)
    with transaction(engine) as session:
        older = [signed for signed in list_checkpoints(session) if signed.size < checkpoint.size]
    for name in tile_names(checkpoint.size):
        _write(to, name.path, read_file(published, name.path, LARGEST_BUNDLE_BYTES))
    for signed in older:
        _write(to, f"{OLDER}/{signed.size}", signed.note)
    title = {"origin": checkpoint.origin, "size": checkpoint.size}
    underline = "=" * len(README.partition("\n")[0].format(**title))
    _write(to, "README.md", README.format(**title, underline=underline).encode())
    _write(to, VKEY, f"{encode_vkey(key)}\n".encode())
    _write(to, CHECKPOINT, note)
    return checkpoint


def _write(to: Path, name: str, data: bytes) -> None:
    target = to / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
