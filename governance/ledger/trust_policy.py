"""C2SP tlog-policy: which logs and witnesses a reader trusts, and how many of them it takes.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <member>...
    quorum <name>|none

Each line ends in a newline, items are parted by spaces and tabs, a line that begins with # is a comment, and a name is
defined before it is used. The file is octets: what is not ASCII is opaque, so it is carried as surrogates where it is
not UTF-8.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.checkpoint import Checkpoint, decode_checkpoint
from governance.ledger.cosignature import WitnessKey, cosigned_at, decode_witness_vkey
from governance.ledger.cosignature_mldsa import MLDSA, MldsaWitnessKey, decode_mldsa_vkey, encode_mldsa_vkey
from governance.ledger.note import VerifierKey, decode_note, decode_vkey, encode_vkey, split_key, verified_lines

NONE = "none"
LARGEST_POLICY_BYTES = 1_000_000
FORMS = {
    "log": ("log <vkey> [<url>]", 1, 2),
    "witness": ("witness <name> <vkey> [<url>]", 2, 3),
    "group": ("group <name> all|any|<k> <member>...", 3, LARGEST_POLICY_BYTES),
    "quorum": ("quorum <name>|none", 1, 1),
}
"""Each kind of line: its form, and how few and how many items stand behind the keyword."""
_THRESHOLD = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)
_SEPARATOR = re.compile(r"[ \t]+")
_FORBIDDEN = re.compile(r"[^\t\n\x20-\x7e\x80-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class PolicyLog:
    """A log that is trusted under the name of its key, which is its origin. The URL is where it is served."""

    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyWitness:
    """A witness under the name that this policy gives it. The URL is its submission prefix."""

    name: str
    key: WitnessKey | MldsaWitnessKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Has witnessed a checkpoint once ``threshold`` of its ``members`` (witnesses or groups) have."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustPolicy:
    """What a checkpoint must carry to be believed. Made by `parse_policy` or `trusting`, which hold its rules."""

    logs: tuple[PolicyLog, ...]
    witnesses: tuple[PolicyWitness, ...] = ()
    groups: tuple[Group, ...] = ()
    quorum: str = NONE

    def is_met_by(self, cosigned: Collection[str]) -> bool:
        """Whether cosignatures of the witnesses with these names (as in the policy) make the quorum."""
        met = set(cosigned)
        for group in self.groups:
            if sum(member in met for member in group.members) >= group.threshold:
                met.add(group.name)
        return self.quorum == NONE or self.quorum in met


class Witnessed(NamedTuple):
    """One witness's cosignature: the witness's name in the policy, and when (UTC) it says it cosigned."""

    name: str
    cosigned_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CosignedCheckpoint:
    """A checkpoint that a policy accepts: signed by ``log``, cosigned by ``witnesses``, which are a quorum."""

    checkpoint: Checkpoint
    log: VerifierKey
    witnesses: tuple[Witnessed, ...]


def trusting(*keys: VerifierKey) -> TrustPolicy:
    """The policy that wants one of these logs' signatures and no witness."""
    return TrustPolicy(logs=tuple(PolicyLog(key) for key in keys))


def without_quorum(policy: TrustPolicy) -> TrustPolicy:
    """The same logs and no witness: a checkpoint that was signed long ago may be older than its witnesses."""
    return TrustPolicy(logs=policy.logs)


def verify_cosigned(unverified_note: bytes, policy: TrustPolicy) -> CosignedCheckpoint:
    """The checkpoint in a note that ``policy`` accepts.

    Guarantees:
      - a log of the policy signed it, and the checkpoint's origin is that log's name
      - witnesses of the policy cosigned these very bytes, enough of them for the quorum; each counts once
      - no line of a key that the policy names fails

    Raises:
        BrokenProof: says what is missing or does not hold.
    """
    note = decode_note(unverified_note)
    witness_of = {each.key: each.name for each in policy.witnesses}
    logs: list[VerifierKey] = []
    latest: dict[str, datetime] = {}
    keys: list[VerifierKey | WitnessKey | MldsaWitnessKey] = [*(log.key for log in policy.logs), *witness_of]
    for key, line in verified_lines(note, keys):
        if isinstance(key, VerifierKey):
            logs.append(key)
        else:
            latest[witness_of[key]] = max(cosigned_at(line), latest.get(witness_of[key], cosigned_at(line)))
    checkpoint = _checkpoint_of(note.text, logs, policy)
    if not policy.is_met_by(latest):
        msg = f"expected cosignatures for the quorum {policy.quorum}, found {', '.join(sorted(latest)) or 'none'}"
        raise BrokenProof(msg)
    return CosignedCheckpoint(
        checkpoint=checkpoint,
        log=next(key for key in logs if key.name == checkpoint.origin),
        witnesses=tuple(Witnessed(*each) for each in latest.items()),
    )


def _checkpoint_of(text: str, logs: list[VerifierKey], policy: TrustPolicy) -> Checkpoint:
    if not logs:
        wanted = ", ".join(f"{log.key.name}+{log.key.key_id.hex()}" for log in policy.logs)
        msg = f"expected a signature of {wanted or 'a log, but the policy names none'}, got none"
        raise BrokenProof(msg)
    checkpoint = decode_checkpoint(text)
    if checkpoint.origin not in {key.name for key in logs}:
        msg = f"checkpoint line 1: expected the origin {logs[0].name}, got another"
        raise BrokenProof(msg)
    return checkpoint


def encode_policy(policy: TrustPolicy) -> str:
    """The policy as text that `parse_policy` reads back; thresholds are written as numbers.

    The text of a policy with names that are not UTF-8 is written to a file with ``errors="surrogateescape"``.
    """
    lines = [_line("log", encode_vkey(log.key), log.url) for log in policy.logs]
    lines += [_line("witness", each.name, _encode_key(each.key), each.url) for each in policy.witnesses]
    lines += [_line("group", group.name, str(group.threshold), *group.members) for group in policy.groups]
    return "".join([*lines, _line("quorum", policy.quorum)])


def _encode_key(key: WitnessKey | MldsaWitnessKey) -> str:
    return encode_vkey(key) if isinstance(key, WitnessKey) else encode_mldsa_vkey(key)


def _decode_key(text: str) -> WitnessKey | MldsaWitnessKey:
    return decode_mldsa_vkey(text) if split_key(text)[1][:1] == MLDSA else decode_witness_vkey(text)


def _line(*items: str | None) -> str:
    return " ".join(item for item in items if item is not None) + "\n"


def parse_policy(text: str | bytes) -> TrustPolicy:
    """The policy in ``text``, by all rules of the format.

    Raises:
        InvalidInput: names the line and what is wrong with it.
    """
    if isinstance(text, bytes):
        text = text.decode(errors="surrogateescape")
    if len(text) > LARGEST_POLICY_BYTES:
        msg = f"a trust policy has at most {LARGEST_POLICY_BYTES} characters, got {len(text)}"
        raise InvalidInput(msg)
    reading = _Reading()
    *lines, rest = text.split("\n")
    if rest:
        msg = f"trust policy line {len(lines) + 1}: expected a newline at its end, as each line has"
        raise InvalidInput(msg)
    for number, line in enumerate(lines, start=1):
        try:
            reading.read(line)
        except InvalidInput as cause:
            msg = f"trust policy line {number}: {cause}"
            raise InvalidInput(msg) from cause
    if reading.quorum is None:
        msg = "trust policy: expected one quorum line, got none"
        raise InvalidInput(msg)
    return TrustPolicy(
        logs=tuple(reading.logs),
        witnesses=tuple(reading.witnesses),
        groups=tuple(reading.groups),
        quorum=reading.quorum,
    )


@dataclass(slots=True)
class _Reading:
    """What the lines so far have defined."""

    logs: list[PolicyLog] = field(default_factory=list)
    witnesses: list[PolicyWitness] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    quorum: str | None = None
    defined: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)

    def read(self, line: str) -> None:
        forbidden = _FORBIDDEN.search(line)
        if forbidden is not None:
            msg = f"expected no control character but tab, got {ord(forbidden[0]):#04x}"
            raise InvalidInput(msg)
        keyword, *items = _SEPARATOR.split(line.strip(" \t"))
        if not keyword or keyword.startswith("#"):
            return
        if keyword not in FORMS:
            msg = f"expected one of {', '.join(FORMS)}"
            raise InvalidInput(msg)
        form, fewest, most = FORMS[keyword]
        if not fewest <= len(items) <= most:
            msg = f"expected {form}, got {len(items)} items"
            raise InvalidInput(msg)
        define = {"log": self._log, "witness": self._witness, "group": self._group, "quorum": self._quorum}
        define[keyword](items)

    def _log(self, items: list[str]) -> None:
        key = decode_vkey(items[0])
        if any(log.key.public_key == key.public_key for log in self.logs):
            msg = f"the public key of {key.name} is that of an earlier log"
            raise InvalidInput(msg)
        self.logs.append(PolicyLog(key, *items[1:]))

    def _witness(self, items: list[str]) -> None:
        key = _decode_key(items[1])
        if any(each.key.public_key == key.public_key for each in self.witnesses):
            msg = f"the public key of {items[0]} is that of an earlier witness"
            raise InvalidInput(msg)
        self._define(items[0])
        self.witnesses.append(PolicyWitness(items[0], key, *items[2:]))

    def _group(self, items: list[str]) -> None:
        name, threshold, *members = items
        for member in members:
            if member not in self.defined:
                msg = f"group {name}: {member} is not defined on an earlier line"
                raise InvalidInput(msg)
            if member in self.members:
                msg = f"group {name}: {member} is a member of a group already"
                raise InvalidInput(msg)
            self.members.add(member)
        count = {"any": 1, "all": len(members)}.get(threshold) or _count(threshold)
        if count > len(members):
            msg = f"group {name}: expected a threshold from 1 to {len(members)}, got {count}"
            raise InvalidInput(msg)
        self._define(name)
        self.groups.append(Group(name, count, tuple(members)))

    def _quorum(self, items: list[str]) -> None:
        if self.quorum is not None:
            msg = "expected one quorum line, got another"
            raise InvalidInput(msg)
        if items[0] != NONE and items[0] not in self.defined:
            msg = f"quorum: {items[0]} is not defined on an earlier line"
            raise InvalidInput(msg)
        self.quorum = items[0]

    def _define(self, name: str) -> None:
        if name == NONE or name in self.defined:
            msg = f"{name} is reserved" if name == NONE else f"{name} is defined already"
            raise InvalidInput(msg)
        self.defined.add(name)


def _count(threshold: str) -> int:
    if _THRESHOLD.fullmatch(threshold) is None:
        msg = f"expected all, any or a number from 1, got {threshold}"
        raise InvalidInput(msg)
    return int(threshold)
