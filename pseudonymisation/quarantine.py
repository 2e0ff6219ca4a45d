"""Where rejected lines wait: their text sealed or gone, by policy, and a clear index that says where and why.

Two files per batch: ``<batch>.index.json`` (file, line, field, expected, got, reason: no value) and, where policy says
``encrypt``, ``<batch>.jsonl.enc`` (AES-256-GCM under the keyring's quarantine key). Trusted for nothing: losing or
changing these files affects no event; the seal makes a change of the text visible.
"""

import base64
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pseudonymisation.durable import write_atomically
from pseudonymisation.errors import QuarantineError
from pseudonymisation.framing import framed
from pseudonymisation.keyring import QuarantineKey, Versions
from pseudonymisation.rejection import Reject

LABEL = "probity/quarantine/v1"
NONCE_BYTES = 12
_INDEX, _SEALED = ".index.json", ".jsonl.enc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """The folder and the rule: ``encrypt`` keeps the rejected text, sealed; ``drop`` keeps only the index."""

    folder: Path
    rule: Literal["drop", "encrypt"]
    keys: Versions[QuarantineKey]
    entropy: Callable[[int], bytes] = secrets.token_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedBatch:
    """One batch in quarantine, as its index tells it."""

    batch: str
    source: str
    at: datetime
    lines: int
    by_reason: Mapping[str, int]
    text: Literal["sealed", "dropped"]


def store(
    quarantine: Quarantine, batch: str, rejects: Sequence[tuple[Reject, bytes]], *, source: str, at: datetime
) -> None:
    """Keep the rejects of one batch. Storing the same batch again replaces it.

    Args:
        quarantine: where and how.
        batch: the batch's name, hexadecimal.
        rejects: each reject with the bytes of its line.
        source: the file that the operator named, or the HTTP client's name.
        at: when the batch was read, aware UTC.

    Raises:
        QuarantineError: the folder cannot take the files; nothing half-written stays behind.
    """
    if not rejects:
        return
    index = {
        "batch": batch,
        "source": source,
        "at": at.isoformat(),
        "text": "sealed" if quarantine.rule == "encrypt" else "dropped",
        "rejects": [reject.as_record() for reject, _ in rejects],
    }
    try:
        quarantine.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if quarantine.rule == "encrypt":
            write_atomically(quarantine.folder / f"{batch}{_SEALED}", _seal(quarantine, batch, rejects))
        write_atomically(quarantine.folder / f"{batch}{_INDEX}", (json.dumps(index, indent=1) + "\n").encode())
    except OSError as cause:
        msg = f"{quarantine.folder} cannot be written: {cause.strerror}; free space and send the batch again"
        raise QuarantineError(msg) from cause


def list_quarantine(folder: Path) -> tuple[QuarantinedBatch, ...]:
    """All batches in quarantine, oldest first."""
    found = [_summary(json.loads(path.read_bytes())) for path in sorted(folder.glob(f"*{_INDEX}"))]
    return tuple(sorted(found, key=lambda entry: (entry.at, entry.batch)))


def rejects_of(folder: Path, batch: str) -> list[dict[str, int | str]]:
    """The index of one batch: line, field, expected, got and reason of each reject."""
    try:
        records: list[dict[str, int | str]] = json.loads((folder / f"{batch}{_INDEX}").read_bytes())["rejects"]
    except FileNotFoundError as cause:
        msg = f"no batch of that name in {folder}"
        raise QuarantineError(msg) from cause
    return records


def open_sealed(quarantine: Quarantine, batch: str) -> list[tuple[int, bytes]]:
    """The sealed lines of a batch with their numbers.

    They hold identifiers, and are for finding the sender's fault, nothing else.

    Raises:
        QuarantineError: there is no sealed text, or it does not open with this keyring.
    """
    try:
        content = (quarantine.folder / f"{batch}{_SEALED}").read_bytes()
    except FileNotFoundError as cause:
        msg = f"no sealed text of that batch in {quarantine.folder}"
        raise QuarantineError(msg) from cause
    version, nonce, sealed = int.from_bytes(content[:4]), content[4 : 4 + NONCE_BYTES], content[4 + NONCE_BYTES :]
    try:
        key = quarantine.keys.version(version)
        text = AESGCM(key.material).decrypt(nonce, sealed, _associated(batch, version))
    except InvalidTag as cause:
        msg = f"the sealed text of batch {batch} does not open: another key, or changed since"
        raise QuarantineError(msg) from cause
    records = [json.loads(line) for line in text.splitlines()]
    return [(record["line"], base64.b64decode(record["raw"])) for record in records]


def purge(folder: Path, *, before: datetime) -> int:
    """Delete batches older than ``before``; returns how many."""
    old = [entry.batch for entry in list_quarantine(folder) if entry.at < before]
    for batch in old:
        (folder / f"{batch}{_SEALED}").unlink(missing_ok=True)
        (folder / f"{batch}{_INDEX}").unlink()
    return len(old)


def _seal(quarantine: Quarantine, batch: str, rejects: Sequence[tuple[Reject, bytes]]) -> bytes:
    key, nonce = quarantine.keys.current, quarantine.entropy(NONCE_BYTES)
    records = ({"line": reject.line, "raw": base64.b64encode(raw).decode()} for reject, raw in rejects)
    text = "".join(json.dumps(record) + "\n" for record in records).encode()
    sealed = AESGCM(key.material).encrypt(nonce, text, _associated(batch, key.version))
    return key.version.to_bytes(4) + nonce + sealed


def _associated(batch: str, version: int) -> bytes:
    return framed(LABEL, batch.encode(), str(version).encode())


def _summary(index: dict[str, object]) -> QuarantinedBatch:
    reasons: dict[str, int] = {}
    rejects: list[dict[str, str]] = index["rejects"]  # type: ignore[assignment] # what ``store`` wrote
    for reject in rejects:
        reasons[reject["reason"]] = reasons.get(reject["reason"], 0) + 1
    return QuarantinedBatch(
        batch=str(index["batch"]),
        source=str(index["source"]),
        at=datetime.fromisoformat(str(index["at"])),
        lines=len(rejects),
        by_reason=reasons,
        text="sealed" if index["text"] == "sealed" else "dropped",
    )
