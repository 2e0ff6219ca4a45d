"""Verification from files alone: what an auditor runs on an export, on any machine, holding only a trust policy.

Every entry is checked and hashed anew, every tile compared, every checkpoint's signature and root checked. What is not
covered: README and anything else that lies beside the log's own files, which the result names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.checkpoint import Checkpoint
from governance.ledger.note import LARGEST_NOTE_BYTES, VerifierKey, decode_vkey, encode_vkey
from governance.ledger.published import (
    CHECKPOINT,
    LARGEST_BUNDLE_BYTES,
    OLDER,
    POLICY,
    TILES,
    VKEY,
    list_files,
    printable,
    read_file,
    read_note,
)
from governance.ledger.tiles import (
    TileName,
    decode_bundle,
    decode_tile,
    parse_path,
    tile_names,
)
from governance.ledger.trust_policy import (
    LARGEST_POLICY_BYTES,
    TrustPolicy,
    Witnessed,
    parse_policy,
    trusting,
    verify_cosigned,
)
from governance.ledger.walk import Progress, walk

COVERED = frozenset({CHECKPOINT, OLDER, POLICY, TILES, VKEY})

OLD = "the old checkpoint"
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found to hold: ``size`` entries lead to the ``root`` that ``log`` signed and ``witnesses`` cosigned.

    ``quorum`` says in words which cosignatures the policy wants. ``kinds`` counts entries by kind; ``span`` is the
    first and the last moment that an entry names, None without entries; ``older`` are the sizes of the older
    checkpoints that begin the log. ``unsigned`` names tiles beyond ``size``, for which nothing vouches: a live folder
    has them while its publisher works or after it crashed, an export has none. ``beside`` names what else lies in the
    folder and was not looked at.
    """

    origin: str
    size: int
    root: bytes
    log: VerifierKey
    witnesses: tuple[Witnessed, ...]
    quorum: str
    kinds: Mapping[str, int]
    span: tuple[datetime, datetime] | None
    older: tuple[int, ...]
    unsigned: tuple[str, ...]
    beside: tuple[str, ...]


def verify_folder(
    folder: Path, policy: TrustPolicy, *, old_checkpoint: bytes | None = None, progress: Progress | None = None
) -> Verification:
    """Verify an exported or published log.

    Args:
        folder: holds ``checkpoint``, ``tile/`` and perhaps ``log.vkey``, ``policy`` and ``checkpoints/``.
        policy: whose signatures to believe, from a source that is not the folder.
        old_checkpoint: a checkpoint note kept from earlier; the log must begin with it.
        progress: called as entries are done.

    Guarantees:
      - any byte changed, missing or added in what the checkpoints vouch for is found; files beyond it are named
      - the log begins with every older checkpoint in the folder and with ``old_checkpoint``, which a key of the policy
        signed for the same origin; they need no quorum, because what contains them has it
      - memory does not grow with the entries but with the number of tiles

    Raises:
        BrokenProof: names the entry, tile or checkpoint that does not hold.
        UnreadableEntry: an entry that the log contains is in no encoding we know.
    """
    cosigned = _named(CHECKPOINT, lambda: verify_cosigned(read_note(folder), policy))
    checkpoint = cosigned.checkpoint
    keys = [log.key for log in policy.logs if log.key.name == checkpoint.origin]
    _verify_vkey_file(folder, keys, checkpoint)
    _verify_policy_file(folder, keys)
    older = _older(folder, trusting(*keys))
    if old_checkpoint is not None:
        older[OLD] = _named(OLD, lambda: verify_cosigned(old_checkpoint, trusting(*keys)).checkpoint)
    _refuse_younger(older, checkpoint)
    walked = walk(folder, checkpoint, older, progress)
    return Verification(
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root,
        log=cosigned.log,
        witnesses=cosigned.witnesses,
        quorum=quorum_in_words(policy),
        kinds={kind.decode(): count for kind, count in sorted(walked.kinds.items())},
        span=walked.span,
        older=tuple(sorted({old.size for old in older.values()})),
        unsigned=_verify_rest(folder, checkpoint.size),
        beside=tuple(sorted(printable(path.name) for path in folder.iterdir() if path.name not in COVERED)),
    )


def quorum_in_words(policy: TrustPolicy) -> str:
    """Whose cosignatures ``policy`` wants: ``2 of (alpha, beta, gamma)``, one witness's name, or ``none``."""
    groups = {group.name: group for group in policy.groups}

    def words(name: str) -> str:
        group = groups.get(name)
        return name if group is None else f"{group.threshold} of ({', '.join(map(words, group.members))})"

    return words(policy.quorum)


def _named(name: str, verified: Callable[[], Result]) -> Result:
    """What ``verified`` gives; what it raises is told of the file ``name``."""
    try:
        return verified()
    except BrokenProof as cause:
        words = str(cause)
        msg = words if words.startswith(name) else f"{name}: {words}"
        raise BrokenProof(msg) from cause


def _verify_vkey_file(folder: Path, keys: list[VerifierKey], checkpoint: Checkpoint) -> None:
    """The key beside the log is a given one, or signed the very same checkpoint: it follows on a given one."""
    if not (folder / VKEY).exists():
        return
    written = read_file(folder, VKEY, LARGEST_NOTE_BYTES)
    if written in [f"{encode_vkey(key)}\n".encode() for key in keys]:
        return
    try:
        key = decode_vkey(written.decode().removesuffix("\n"))
        beside = verify_cosigned(read_note(folder), trusting(key)).checkpoint
        follows = beside == checkpoint and written.endswith(b"\n")
    except (InvalidInput, BrokenProof, UnicodeDecodeError):
        follows = False
    if not follows:
        msg = f"{VKEY}: expected the key given for verification, found another"
        raise BrokenProof(msg)


def _verify_policy_file(folder: Path, keys: list[VerifierKey]) -> None:
    """The exported policy is the operator's proposal: it need not be the one given, but it must name the same log."""
    if not (folder / POLICY).exists():
        return
    try:
        proposed = parse_policy(read_file(folder, POLICY, LARGEST_POLICY_BYTES))
    except InvalidInput as cause:
        msg = f"{POLICY}: {printable(str(cause))}"
        raise BrokenProof(msg) from cause
    if not any(log.key in keys for log in proposed.logs):
        msg = f"{POLICY}: expected it to name the log key given for verification, found others"
        raise BrokenProof(msg)


def _older(folder: Path, policy: TrustPolicy) -> dict[str, Checkpoint]:
    older: dict[str, Checkpoint] = {}
    if (folder / OLDER).exists() and not (folder / OLDER).is_dir():
        msg = f"{OLDER}: expected a folder of older checkpoints, found a file"
        raise BrokenProof(msg)
    for path in sorted((folder / OLDER).glob("*")):
        name = f"{OLDER}/{printable(path.name)}"
        if not path.name.isdecimal():
            msg = f"{name}: expected a checkpoint under its size"
            raise BrokenProof(msg)
        older[name] = _read_older(folder, name, policy)
        if str(older[name].size) != path.name:
            msg = f"{name}: expected a checkpoint of that size, found one of {older[name].size}"
            raise BrokenProof(msg)
    return older


def _read_older(folder: Path, name: str, policy: TrustPolicy) -> Checkpoint:
    note = read_file(folder, name, LARGEST_NOTE_BYTES)
    try:
        return _named(name, lambda: verify_cosigned(note, policy).checkpoint)
    except BrokenProof as cause:
        msg = f"{cause} (if the log changed its key, the trust policy needs the earlier key too)"
        raise BrokenProof(msg) from cause


def _refuse_younger(older: Mapping[str, Checkpoint], checkpoint: Checkpoint) -> None:
    for name, old in older.items():
        if old.size > checkpoint.size:
            msg = f"{name} has {old.size} entries, but the log shown has only {checkpoint.size}: it was cut"
            raise BrokenProof(msg)


def _verify_rest(folder: Path, size: int) -> tuple[str, ...]:
    """The tiles beyond ``size``. What overlaps the verified tiles, of older or coming sizes, must agree with them."""
    expected = {name.path: name for name in tile_names(size)}
    places = {(name.level, name.index): name for name in expected.values()}
    unsigned: list[str] = []
    for path in list_files(folder):
        if path in expected:
            continue
        try:
            name = parse_path(path)
        except InvalidInput as cause:
            msg = f"{printable(path)}: not a file of the log"
            raise BrokenProof(msg) from cause
        verified = places.get((name.level, name.index))
        if verified is not None:
            _require_overlap(folder, name, verified)
        if verified is None or name.width > verified.width:
            unsigned.append(path)
    return tuple(unsigned)


def _require_overlap(folder: Path, name: TileName, verified: TileName) -> None:
    decode = decode_bundle if name.level is None else decode_tile
    width = min(name.width, verified.width)
    found = decode(name, read_file(folder, name.path, LARGEST_BUNDLE_BYTES))
    if found[:width] != decode(verified, read_file(folder, verified.path, LARGEST_BUNDLE_BYTES))[:width]:
        msg = f"{name.path}: does not agree with {verified.path}"
        raise BrokenProof(msg)
