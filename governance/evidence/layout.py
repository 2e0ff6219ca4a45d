"""Where things lie in an evidence pack, and how the archive is written: one period, one sequence of bytes.

Members are stored and not compressed, with fixed dates, in the order they were written: the same contents are the same
file, whatever the machine, and a verifier can write the archive again and compare it whole.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from governance.errors import BrokenProof, InvalidInput

FORMAT: Final = "probity-evidence-pack/v1"
MANIFEST: Final = "manifest.json"
README: Final = "README.md"
CHECKPOINT: Final = "checkpoint"
BEFORE: Final = "checkpoint.before"
CONSISTENCY: Final = "consistency"
VKEY: Final = "log.vkey"
POLICY: Final = "policy"
INDEX: Final = "entries.csv"
_SINGLE = (README, CHECKPOINT, BEFORE, CONSISTENCY, VKEY, POLICY, INDEX)
_MANY = (
    r"(entries|related)/[0-9]{9,16}\.(json|tlog-proof)",
    r"reports/[0-9a-f]{64}\.(json|html)",
    r"attacks/[0-9a-f]{64}\.json",
    r"(released|disclosed|prices|mitigations)/[0-9a-f]{64}\.json",
    r"notices/[0-9a-f]{64}\.txt",
    r"decisions/[0-9a-f-]{36}\.json",
    r"models/[0-9a-f-]{36}\.json",
    r"policies/[a-z_]{1,40}\.[0-9a-f]{64}\.yaml",
    r"attestations/[0-9a-f]{64}\.dsse\.json",
)
_NAME = re.compile("|".join([*map(re.escape, _SINGLE), *_MANY]), re.ASCII)
LARGEST_FILE_BYTES = 256 * 1024 * 1024
"""The most that a member may have, for who writes a pack as for who reads it."""
_EARLIEST = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16
_UNIX = 3
CHUNK_BYTES = 1 << 20


def entry_name(seq: int, folder: str = "entries") -> str:
    """The canonical bytes of an entry; ``related`` holds those outside the period that something in it rests on."""
    return f"{folder}/{seq:09d}.json"


def proof_name(seq: int, folder: str = "entries") -> str:
    """The tlog-proof of an entry."""
    return f"{folder}/{seq:09d}.tlog-proof"


def is_member(name: str) -> bool:
    """Whether a pack may hold a file of this name, beside its manifest."""
    return _NAME.fullmatch(name) is not None


@dataclass(slots=True)
class PackWriter:
    """Writes members and remembers what the manifest says about them."""

    archive: ZipFile
    files: dict[str, dict[str, object]] = field(default_factory=dict)

    def add(self, name: str, data: bytes) -> None:
        """Store one member; each name once.

        Raises:
            InvalidInput: it is larger than a reader takes.
        """
        if not is_member(name) or name in self.files:
            msg = f"{name}: not a name in a pack, or there already"
            raise ValueError(msg)
        _require_readable(name, data)
        self.files[name] = {"sha256": sha256(data).hexdigest(), "bytes": len(data)}
        store(self.archive, name, data)

    def close(self, facts: Mapping[str, object]) -> None:
        """Write the manifest, the last member.

        Raises:
            InvalidInput: it is larger than a reader takes.
        """
        data = encode_manifest({**facts, "format": FORMAT, "files": self.files})
        _require_readable(MANIFEST, data)
        store(self.archive, MANIFEST, data)


def _require_readable(name: str, data: bytes) -> None:
    # The table and the manifest grow with the period, and whoever verifies holds a member in memory.
    if len(data) > LARGEST_FILE_BYTES:
        msg = f"{name}: expected at most {LARGEST_FILE_BYTES} bytes, got {len(data)}: ask for a shorter period"
        raise InvalidInput(msg)


def create_archive(file: IO[bytes]) -> ZipFile:
    """An archive to write into."""
    return ZipFile(file, "w", ZIP_STORED, allowZip64=True)


def store(archive: ZipFile, name: str, data: bytes) -> None:
    """Store a member in the one way that a pack has."""
    info = ZipInfo(name, _EARLIEST)
    info.create_system, info.external_attr, info.compress_type = _UNIX, _READABLE, ZIP_STORED
    archive.writestr(info, data)


def encode_manifest(value: Mapping[str, object]) -> bytes:
    """JSON to read: sorted, one space of indentation."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def decode_manifest(unverified: bytes) -> dict[str, Any]:
    """The manifest, if it is spelt as `encode_manifest` does.

    Raises:
        BrokenProof: it is not.
    """
    try:
        value = json.loads(unverified)
        same = isinstance(value, dict) and encode_manifest(value) == unverified
    except (ValueError, RecursionError) as cause:
        msg = f"{MANIFEST}: expected JSON"
        raise BrokenProof(msg) from cause
    if not same:
        msg = f"{MANIFEST}: expected the one spelling that a pack has"
        raise BrokenProof(msg)
    return dict(value)


def digest_of(path: Path) -> str:
    """The SHA-256 (hex) of a file."""
    digest = sha256()
    with path.open("rb") as file:
        for chunk in chunks(file):
            digest.update(chunk)
    return digest.hexdigest()


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """The rest of a file, a megabyte at a time."""
    while chunk := file.read(CHUNK_BYTES):
        yield chunk
