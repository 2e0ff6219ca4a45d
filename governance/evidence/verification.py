"""Verification of a pack from the file alone: what an auditor runs, on any machine, holding only a trust policy.

Everything the log vouches for is recomputed. The last step writes the archive anew from what was read and compares the
two files, so there is no byte in a pack that nobody looked at.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

from governance.errors import BrokenProof, InvalidInput
from governance.evidence.consistency import decode_consistency
from governance.evidence.index import read_rows, verify_row
from governance.evidence.layout import (
    BEFORE,
    CHECKPOINT,
    CONSISTENCY,
    FORMAT,
    INDEX,
    LARGEST_FILE_BYTES,
    MANIFEST,
    VKEY,
    chunks,
    create_archive,
    decode_manifest,
    digest_of,
    entry_name,
    is_member,
    proof_name,
    store,
)
from governance.evidence.period import Period
from governance.evidence.things import ABSENT, Held, find_unsaid, verify_things
from governance.ledger.entry import Entry, decode_entry
from governance.ledger.merkle import leaf_hash, verify_consistency, verify_inclusion
from governance.ledger.note import encode_vkey
from governance.ledger.proof import decode_proof
from governance.ledger.published import printable
from governance.ledger.trust_policy import CosignedCheckpoint, TrustPolicy, verify_cosigned, without_quorum

_NAME_OF_A_THING = re.compile(r"[0-9a-f-]{1,64}", re.ASCII)
FACTS = {"format", "log", "first_day", "last_day", "first", "end", "checkpoint", "missing", "files"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PackVerification:
    """What was found to hold.

    Attributes:
        digest: SHA-256 (hex) of the file, to compare with the log's entry ``evidence.exported``.
        origin: of the log.
        first_day, last_day: the period, as ISO days.
        first, end: the numbers of its entries, ``first <= seq < end``.
        size: of the signed checkpoint.
        witnesses: who cosigned it, among those that the policy names.
        before: the size of the checkpoint from before the period, or None.
        open_ended: nothing in the pack shows what came after its last entry.
        kinds: entries of the period by kind.
        counts: other things by what they are.
        missing: what an entry names and the pack does not include, one sentence each.
    """

    digest: str
    origin: str
    first_day: str
    last_day: str
    first: int
    end: int
    size: int
    witnesses: tuple[str, ...]
    before: int | None
    open_ended: bool
    kinds: Mapping[str, int]
    counts: Mapping[str, int]
    missing: tuple[str, ...]


def verify_pack(path: Path, policy: TrustPolicy) -> PackVerification:
    """Verify a pack.

    Guarantees:
      - any byte of the file that is changed, missing or added is found
      - the entries of the period are all that the signed log has of it, up to where ``open_ended`` says
      - reports, attacks, documents, policies and attestations have the digests that entries name; signatures of
        attestations are not verified
      - decisions are what the gate finds in report and policy, where the pack has both; models, and their steps up to
        the snapshot, are what the pack's entries say

    Raises:
        BrokenProof: names what does not hold.
        UnreadableEntry: an entry is in no encoding we know.
    """
    try:
        with ZipFile(path) as archive:
            return _Reading(archive, policy).verify(path)
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OverflowError) as cause:
        msg = f"{printable(path.name)}: not the archive of an evidence pack ({type(cause).__name__})"
        raise BrokenProof(msg) from cause


@dataclass(slots=True)
class _Reading:
    """One pack while it is read."""

    archive: ZipFile
    policy: TrustPolicy
    names: list[str] = field(default_factory=list)
    members: frozenset[str] = frozenset()
    manifest: dict[str, Any] = field(default_factory=dict)
    checkpoint: bytes = b""

    def verify(self, path: Path) -> PackVerification:
        self.names = [each.filename for each in self.archive.infolist()]
        self.members = frozenset(self.names)
        self._verify_sizes(path.stat().st_size)
        self._verify_manifest()
        head = self._verify_head()
        period = self._period()
        kinds: Counter[str] = Counter()
        entries = self._verify_entries(head, period, kinds)
        held = Held(
            entries=entries,
            inside=range(self.manifest["first"], self.manifest["end"]),
            names=self.names,
            missing=self.manifest["missing"],
            read=self.read,
        )
        counts = verify_things(held)
        before = self._verify_before(head)
        self._verify_spelling(path)
        end, size = self.manifest["end"], head.checkpoint.size
        return PackVerification(
            digest=digest_of(path),
            origin=head.checkpoint.origin,
            first_day=str(period.first_day),
            last_day=str(period.last_day),
            first=self.manifest["first"],
            end=end,
            size=size,
            witnesses=tuple(sorted(each.name for each in head.witnesses)),
            before=before,
            open_ended=end == size,
            kinds=dict(sorted(kinds.items())),
            counts=counts,
            missing=(
                *(f"{each['what']} {each['name']}: {printable(each['reason'])}" for each in self.manifest["missing"]),
                *find_unsaid(held),
            ),
        )

    def read(self, name: str) -> bytes:
        """The bytes of a member, held to the manifest."""
        data = self._raw(name)
        expected = self.manifest["files"][name]
        if (sha256(data).hexdigest(), len(data)) != (expected["sha256"], expected["bytes"]):
            msg = f"{name}: not the file that the manifest names"
            raise BrokenProof(msg)
        return data

    def _raw(self, name: str) -> bytes:
        info = self.archive.getinfo(name)
        if info.file_size > LARGEST_FILE_BYTES:
            msg = f"{name}: expected at most {LARGEST_FILE_BYTES} bytes, got {info.file_size}"
            raise BrokenProof(msg)
        with self.archive.open(info) as file:
            data = file.read(LARGEST_FILE_BYTES + 1)
        if len(data) != info.file_size:
            msg = f"{name}: expected {info.file_size} bytes, got {len(data)}"
            raise BrokenProof(msg)
        return data

    def _verify_sizes(self, size: int) -> None:
        """Before anything is read: what a file unpacks to is no more than the file, and lies in it."""
        left = size
        for info in self.archive.infolist():
            left -= info.file_size
            stored = info.compress_type == ZIP_STORED and info.compress_size == info.file_size
            if not stored or left < 0 or not 0 <= info.header_offset < size:
                msg = (
                    f"{printable(info.filename)}: the archive is not written as a pack is; expected members as they are"
                )
                raise BrokenProof(msg)

    def _verify_manifest(self) -> None:
        if not self.names or self.names[-1] != MANIFEST or len(self.members) != len(self.names):
            msg = f"expected members with different names, the last of them {MANIFEST}"
            raise BrokenProof(msg)
        self.manifest = decode_manifest(self._raw(MANIFEST))
        _verify_facts(self.manifest)
        listed, found = set(self.manifest["files"]), set(self.names[:-1])
        for name in sorted(listed ^ found):
            msg = (
                f"{printable(name)}: {'in the archive but not in' if name in found else 'missing, named in'} {MANIFEST}"
            )
            raise BrokenProof(msg)
        for name in self.names[:-1]:
            if not is_member(name):
                msg = f"{name!a}: not a name that a pack has"
                raise BrokenProof(msg)

    def _verify_head(self) -> CosignedCheckpoint:
        self.checkpoint = self._member(CHECKPOINT)
        head = verify_cosigned(self.checkpoint, self.policy)
        expected = (self.manifest["log"], self.manifest["checkpoint"])
        if (head.checkpoint.origin, head.checkpoint.size) != expected:
            msg = f"{CHECKPOINT}: expected the log {printable(expected[0])} at size {expected[1]}, as {MANIFEST} says"
            raise BrokenProof(msg)
        if self._member(VKEY) not in {f"{encode_vkey(log.key)}\n".encode() for log in self.policy.logs}:
            msg = f"{VKEY}: expected a key that the policy names"
            raise BrokenProof(msg)
        return head

    def _verify_before(self, head: CosignedCheckpoint) -> int | None:
        if BEFORE not in self.members:
            if CONSISTENCY in self.members:
                msg = f"{CONSISTENCY}: there is no {BEFORE} that it is about"
                raise BrokenProof(msg)
            return None
        old = verify_cosigned(self.read(BEFORE), without_quorum(self.policy)).checkpoint
        size, path, note = decode_consistency(self._member(CONSISTENCY))
        if size != old.size or note != self.checkpoint or size > self.manifest["first"]:
            msg = f"{CONSISTENCY}: expected a proof from {BEFORE}, of at most the period's first entry, to {CHECKPOINT}"
            raise BrokenProof(msg)
        new = head.checkpoint
        verify_consistency(old.size, new.size, old.root, new.root, path)
        return old.size

    def _period(self) -> Period:
        try:
            days = (date.fromisoformat(self.manifest[name]) for name in ("first_day", "last_day"))
            return Period(*days)
        except (ValueError, InvalidInput) as cause:
            msg = f"{MANIFEST}: expected the days of a period"
            raise BrokenProof(msg) from cause

    def _verify_entries(self, head: CosignedCheckpoint, period: Period, kinds: Counter[str]) -> dict[int, Entry]:
        first, end, size = self.manifest["first"], self.manifest["end"], head.checkpoint.size
        if not 0 <= first <= end <= size:
            msg = f"{MANIFEST}: entries {first} to {end} are not within the signed {size}"
            raise BrokenProof(msg)
        rows = read_rows(self._member(INDEX))
        entries: dict[int, Entry] = {}
        for seq in range(first, end):
            entry = entries[seq] = self._entry(seq, "entries", head)
            verify_row(next(rows, ()), entry)
            kinds[entry.kind] += 1
        if next(rows, None) is not None:
            msg = f"{INDEX}: has more rows than the period has entries"
            raise BrokenProof(msg)
        if first < end and not (entries[first].at in period and entries[end - 1].at in period):
            msg = f"entries {first} and {end - 1}: expected the ends of the period, one lies outside"
            raise BrokenProof(msg)
        entries.update({seq: self._entry(seq, "related", head) for seq in self._related(first, end)})
        self._verify_neighbours(entries, period, first, end, size)
        self._verify_no_other_entries(first, end)
        return entries

    def _verify_neighbours(self, entries: dict[int, Entry], period: Period, first: int, end: int, size: int) -> None:
        for seq in (first - 1, end):
            if 0 <= seq < size and (seq not in entries or entries[seq].at in period):
                msg = f"entry {seq}: expected it in related/, outside the period, to show that the period is complete"
                raise BrokenProof(msg)

    def _related(self, first: int, end: int) -> Iterator[int]:
        for name in self.names:
            if name.startswith("related/") and name.endswith(".json"):
                seq = int(name.removeprefix("related/").removesuffix(".json"))
                if first <= seq < end or name != entry_name(seq, "related"):
                    msg = f"{name}: not an entry outside the period, under its one name"
                    raise BrokenProof(msg)
                yield seq

    def _verify_no_other_entries(self, first: int, end: int) -> None:
        expected = {make(seq) for seq in range(first, end) for make in (entry_name, proof_name)}
        found = {name for name in self.names if name.startswith("entries/")}
        related = [name for name in self.names if name.startswith("related/")]
        orphans = [name for name in related if name.replace(".tlog-proof", ".json") not in self.members]
        for name in (*sorted(found ^ expected), *orphans):
            msg = f"{name}: not what a period from entry {first} to {end - 1} has"
            raise BrokenProof(msg)

    def _entry(self, seq: int, folder: str, head: CosignedCheckpoint) -> Entry:
        encoded = self._member(entry_name(seq, folder))
        proof = decode_proof(self._member(proof_name(seq, folder)))
        if proof.index != seq or proof.extra is not None or proof.note != self.checkpoint:
            msg = f"{proof_name(seq, folder)}: expected a proof of entry {seq} against {CHECKPOINT}"
            raise BrokenProof(msg)
        verify_inclusion(seq, head.checkpoint.size, leaf_hash(encoded), proof.path, head.checkpoint.root)
        return decode_entry(seq, encoded)

    def _member(self, name: str) -> bytes:
        if name not in self.manifest["files"]:
            msg = f"{name}: the pack does not have it"
            raise BrokenProof(msg)
        return self.read(name)

    def _verify_spelling(self, path: Path) -> None:
        with TemporaryFile() as file:
            with create_archive(file) as archive:
                for name in self.names[:-1]:
                    store(archive, name, self.read(name))
                store(archive, MANIFEST, self._raw(MANIFEST))
            file.seek(0)
            with path.open("rb") as given:
                same = all(left == right for left, right in _pairs(chunks(file), chunks(given)))
        if not same:
            msg = f"{path.name}: the archive is not written as a pack is; something lies between or in its members"
            raise BrokenProof(msg)


def _verify_facts(manifest: Mapping[str, Any]) -> None:
    numbers = [manifest.get(name) for name in ("first", "end", "checkpoint")]
    texts = [manifest.get(name) for name in ("log", "first_day", "last_day")]
    files, missing = manifest.get("files"), manifest.get("missing")
    well_formed = (
        manifest.keys() == FACTS
        and manifest["format"] == FORMAT
        and all(type(each) is int for each in numbers)
        and all(isinstance(each, str) for each in texts)
        and isinstance(files, dict)
        and all(_is_file(each) for each in files.values())
        and isinstance(missing, list)
        and all(_is_missing(each) for each in missing)
    )
    if not well_formed:
        msg = f"{MANIFEST}: expected the facts of {FORMAT}"
        raise BrokenProof(msg)


def _is_file(said: object) -> bool:
    return (
        isinstance(said, dict)
        and said.keys() == {"sha256", "bytes"}
        and isinstance(said["sha256"], str)
        and type(said["bytes"]) is int
    )


def _is_missing(said: object) -> bool:
    return (
        isinstance(said, dict)
        and said.keys() == {"what", "name", "reason"}
        and all(isinstance(each, str) for each in said.values())
        and said["what"] in ABSENT
        and _NAME_OF_A_THING.fullmatch(said["name"]) is not None
    )


def _pairs(left: Iterator[bytes], right: Iterator[bytes]) -> Iterator[tuple[bytes | None, bytes | None]]:
    while True:
        pair = next(left, None), next(right, None)
        if pair == (None, None):
            return
        yield pair
