"""Following somebody's log from outside, and keeping what it signed: what makes a rewritten history visible.

The watcher's folder:

    latest                             the newest checkpoint that was accepted
    log.vkey                           the log's key that signed it
    <size>                             each accepted checkpoint, under its number of entries
    evidence/<old>-<new>-<digest>/     ``kept`` and ``shown``: two checkpoints of one log that cannot both be true

What is trusted: that folder. Whoever can write it can make the watcher forget.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from time import monotonic

import httpx

from governance.errors import BrokenProof, InvalidInput, NotFound, Rollback, Unreachable
from governance.ledger.checkpoint import Checkpoint, decode_checkpoint
from governance.ledger.durable_files import create, locked
from governance.ledger.durable_files import replace as replace_file
from governance.ledger.merkle import HASH_BYTES, consistency_path, verify_consistency
from governance.ledger.note import LARGEST_NOTE_BYTES, VerifierKey, decode_note, encode_vkey, verified_lines
from governance.ledger.published import CHECKPOINT, VKEY, read_vkey
from governance.ledger.tiles import TILE_WIDTH, ReadTile, TileName, decode_tile, subtree_from_tiles
from governance.ledger.trust_policy import CosignedCheckpoint, TrustPolicy, verify_cosigned

LATEST = "latest"
EVIDENCE = "evidence"
LARGEST_TILE_BYTES = TILE_WIDTH * HASH_BYTES
CONNECT_S = 5.0
READ_S = 20.0
FILE_S = 60.0
DIGEST_SHOWN = 8

Fetch = Callable[[str, int], bytes]
"""The file of a log at a path below its prefix, at most so many bytes.

Raises `NotFound` where there is none, `Unreachable` where asking again may help, `BrokenProof` where it is too long.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A checkpoint that was accepted, and what was known before it (None at the first)."""

    cosigned: CosignedCheckpoint
    before: Checkpoint | None


def observe(fetch: Fetch, policy: TrustPolicy, keep: Path) -> Sighting:
    """Look at the log once: verify its checkpoint and that it begins with the one kept, and keep it.

    Guarantees:
      - an accepted checkpoint is kept durably before this returns
      - of a log that was cut, or cannot show that it only grew, both checkpoints are kept in ``evidence`` first

    Raises:
        Rollback: the log shows fewer entries than it did, or other ones.
        BrokenProof: the checkpoint is not one that the policy accepts, or its tiles do not lead to it.
        InvalidInput: the folder follows another log, of another origin or key. A log that replaced its key is still
            that log where its old key signs beside the new one, or ``policy`` names both.
        Unreachable: the log cannot be read at the moment, or is not shown to us.
    """
    with locked(keep):
        # Fetched under the lock: beside another watcher, an older checkpoint would look like a log that was cut.
        note = fetch_checkpoint(fetch)
        cosigned = verify_cosigned(note, policy)
        kept = read_kept(keep)
        before = _kept_checkpoint(keep, kept)
        if kept is not None and before is not None:
            if before.origin == cosigned.checkpoint.origin:
                _require_same_key(keep, kept, note, cosigned.log, policy)
            try:
                _verify_growth(before, cosigned.checkpoint, fetch)
            except BrokenProof as cause:
                raise BrokenProof(_with_evidence(cause, keep, kept, note)) from cause
            except Rollback as cause:
                raise Rollback(_with_evidence(cause, keep, kept, note)) from cause
        _keep(keep, note, cosigned)
    return Sighting(cosigned=cosigned, before=before)


def fetch_checkpoint(fetch: Fetch) -> bytes:
    """The log's checkpoint, unverified.

    Raises:
        Unreachable: there is none at the moment.
    """
    try:
        return fetch(CHECKPOINT, LARGEST_NOTE_BYTES)
    except NotFound as cause:
        raise Unreachable(str(cause)) from cause


def read_kept(keep: Path) -> bytes | None:
    """The note of the newest checkpoint kept, or None."""
    path = keep / LATEST
    return path.read_bytes() if path.exists() else None


def folder_source(folder: Path) -> Fetch:
    """Reads a published or exported log from its folder."""

    def fetch(path: str, limit: int) -> bytes:
        try:
            with (folder / path).open("rb") as file:
                return _within(path, file.read(limit + 1), limit)
        except (FileNotFoundError, NotADirectoryError) as cause:
            msg = f"{path}: there is no such file"
            raise NotFound(msg) from cause
        except OSError as cause:
            msg = f"{path}: {cause.strerror}"
            raise Unreachable(msg) from cause

    return fetch


def web_source(url: str, client: httpx.Client, *, token: str | None = None) -> Fetch:
    """Reads a log that is served as C2SP tlog-tiles below ``url``, showing ``token`` as a bearer where there is one."""
    headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {})
    timeout = httpx.Timeout(READ_S, connect=CONNECT_S)

    def fetch(path: str, limit: int) -> bytes:
        deadline = monotonic() + FILE_S
        read = bytearray()
        try:
            # No redirect is followed: it could take the token elsewhere.
            with client.stream("GET", f"{url.rstrip('/')}/{path}", headers=headers, timeout=timeout) as response:
                _require_found(path, response.status_code)
                for chunk in response.iter_raw():
                    read += chunk
                    if len(read) > limit:
                        break
                    if monotonic() > deadline:
                        msg = f"{path}: not read within {FILE_S:.0f} s"
                        raise Unreachable(msg)
        except (httpx.HTTPError, httpx.InvalidURL) as cause:
            # The cause's own words may hold the URL, and that a password.
            msg = f"{path}: the log cannot be reached ({type(cause).__name__})"
            raise Unreachable(msg) from cause
        return _within(path, bytes(read), limit)

    return fetch


def _require_found(path: str, status: int) -> None:
    msg = f"{path}: the log answers {status}"
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        raise NotFound(msg)
    if status != HTTPStatus.OK:
        raise Unreachable(msg)


def _within(path: str, data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        msg = f"{path}: expected at most {limit} bytes, got more"
        raise BrokenProof(msg)
    return data


def _tile_reader(fetch: Fetch) -> ReadTile:
    @cache
    def read(name: TileName) -> list[bytes]:
        full = TileName(name.level, name.index)
        try:
            return decode_tile(name, fetch(name.path, LARGEST_TILE_BYTES))
        except NotFound as cause:
            if name == full:
                msg = f"{cause}: it is needed to show that the log only grew"
                raise Unreachable(msg) from cause
        # The log may drop a partial tile once the full one is there.
        return read(full)[: name.width]

    return read


def _verify_growth(before: Checkpoint, now: Checkpoint, fetch: Fetch) -> None:
    if now.origin != before.origin:
        msg = f"this folder follows {before.origin}: expected that log, got {now.origin}"
        raise InvalidInput(msg)
    if now.size < before.size:
        msg = f"the log showed {before.size} entries and now shows {now.size}: it was cut"
        raise Rollback(msg)
    if before.size in {0, now.size}:
        if before.size == now.size and before.root != now.root:
            msg = f"the log signed two different histories of {now.size} entries"
            raise Rollback(msg)
        return
    subtree = subtree_from_tiles(now.size, _tile_reader(fetch))
    path = consistency_path(before.size, now.size, subtree)
    try:
        verify_consistency(before.size, now.size, before.root, now.root, path)
    except BrokenProof as cause:
        if subtree(0, now.size) != now.root:
            msg = f"the log's tiles do not give the root that it signed for {now.size} entries"
            raise BrokenProof(msg) from cause
        msg = f"the log of {now.size} entries does not begin with the {before.size} it had signed: it was rewritten"
        raise Rollback(msg) from cause


def _kept_checkpoint(keep: Path, kept: bytes | None) -> Checkpoint | None:
    try:
        return None if kept is None else decode_checkpoint(decode_note(kept).text)
    except BrokenProof as cause:
        msg = f"{keep / LATEST}: {cause}"
        raise BrokenProof(msg) from cause


def _require_same_key(keep: Path, kept: bytes, shown: bytes, shown_by: VerifierKey, policy: TrustPolicy) -> None:
    """Two logs may have one origin; that one does not begin with the other is evidence against neither."""
    named = [log.key for log in policy.logs]
    if (keep / VKEY).exists():
        known = [read_vkey(keep)]
    else:  # a folder from before keys were kept: whoever of the policy signed what it holds
        known = [key for key, _ in verified_lines(decode_note(kept), named)]
    if any(key == shown_by or key in named for key in known) or verified_lines(decode_note(shown), known):
        return
    follows = known[0].key_id.hex() if known else "another key"
    msg = (
        f"this folder follows the log {shown_by.name} under the key {follows}, and was shown one of "
        f"{shown_by.key_id.hex()}: keep another log in a folder of its own; if the log replaced its key, let the "
        "policy name both"
    )
    raise InvalidInput(msg)


def _keep(keep: Path, note: bytes, cosigned: CosignedCheckpoint) -> None:
    checkpoint, vkey = cosigned.checkpoint, f"{encode_vkey(cosigned.log)}\n".encode()
    if not (keep / VKEY).exists() or (keep / VKEY).read_bytes() != vkey:
        replace_file(keep, VKEY, vkey)
    if not (keep / str(checkpoint.size)).exists():
        create(keep, str(checkpoint.size), note)
    if read_kept(keep) != note:
        replace_file(keep, LATEST, note)


def _with_evidence(cause: Exception, keep: Path, kept: bytes, shown: bytes) -> str:
    """Keep both checkpoints, and say where beside what is wrong."""
    sizes = [decode_checkpoint(decode_note(note).text).size for note in (kept, shown)]
    digest = sha256(kept + shown).hexdigest()[:DIGEST_SHOWN]
    place = f"{EVIDENCE}/{sizes[0]}-{sizes[1]}-{digest}"
    create(keep, f"{place}/kept", kept)
    create(keep, f"{place}/shown", shown)
    return f"{cause}; both signed checkpoints are in {keep / place}"
