"""The one kernel that every carrier (file, HTTP, stream) feeds: raw lines in, pseudonymised tables and rejects out.

parse · drop duplicates · identifiers to pseudonyms · ask for consent, purpose by purpose · minimise. It writes nothing
but the vault rows of new subjects, so a batch may be processed again at any time.
"""

import hmac
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pseudonymisation.errors import BadEvent
from pseudonymisation.framing import framed
from pseudonymisation.identifiers import NEVER_KEPT, Identity, read_identity
from pseudonymisation.keyring import EventIdKey
from pseudonymisation.minimisation import Mask, MinimisationPolicy, minimise
from pseudonymisation.parsing import Limits, ParsedEvent, parse_event
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.rejection import Fault, Reject
from pseudonymisation.schema import EVENT_KINDS, TIME, EventKind

EVENT_ID_LABEL = "probity/event-id/v1"
EVENT_ID_BYTES = 16
_EVENT_ID_FRAME = framed(EVENT_ID_LABEL)
UNKNOWN_FIELD = "a field that we do not know"


class ConsentLookup(Protocol):
    """Who may be processed for what. Owned here, supplied by whoever keeps consents."""

    def allowed(self, purpose: str, subjects: Sequence[Pseudonym]) -> Sequence[bool]:
        """For each subject (pseudonym in the domain ``consent``), whether this purpose may use their events now.

        True for a purpose whose legal basis needs no consent. The order and length are those of ``subjects``.
        """


class Enroller(Protocol):
    """The part of the vault that the kernel needs."""

    def enrol(self, identities: Sequence[Identity], *, domains: Sequence[str]) -> list[dict[str, Pseudonym]]:
        """For each identity its subject's pseudonyms by domain; new subjects are made. One transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayContext:
    """What a batch is measured against.

    ``purposes`` and ``notices`` (published versions) are those that a consent record may name; ``gpc_refuses`` are the
    purposes that a Global Privacy Control signal opts out of.
    """

    vault: Enroller
    event_id_key: EventIdKey
    consents: ConsentLookup
    policy: MinimisationPolicy
    items: frozenset[str]
    vocabulary: frozenset[str]
    purposes: frozenset[str]
    notices: frozenset[str]
    gpc_refuses: frozenset[str]
    clock: Callable[[], datetime]

    def limits(self) -> Limits:
        """What one line is measured against, at this moment."""
        latest = self.clock() + timedelta(seconds=self.policy.future_skew_s)
        return Limits(line_bytes=self.policy.line_bytes, latest=latest, items=self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a batch.

    ``tables`` holds one table per kind of event that has rows, in the kind's schema. ``no_consent`` counts events
    whose subject allows none of the purposes that their kind is stored for, ``unlisted`` declarations of what policy
    does not list. ``gpc`` are the subjects, in the domain
    ``consent``, that sent a Global Privacy Control signal; that signal is already honoured in ``tables``.
    """

    received: int
    tables: Mapping[str, pa.Table]
    rejects: tuple[Reject, ...]
    no_consent: int
    unlisted: int
    fields_dropped: Mapping[str, int]
    gpc: tuple[Pseudonym, ...]

    @property
    def rejected_by_reason(self) -> dict[str, int]:
        """How many lines were rejected, by reason."""
        return dict(Counter(reject.fault.reason for reject in self.rejects))

    @property
    def rows(self) -> int:
        """How many events may be stored."""
        return sum(table.num_rows for table in self.tables.values())


_Row = tuple[Any, ...]
"""Raw event id, time, and the values of the kind's fields. A plain tuple of plain values on purpose: the garbage
collector stops tracking those, and a batch of them costs half the time of a batch of objects."""


@dataclass(slots=True)
class _Batch:
    """What was accepted so far: rows by kind, and for each row the position of its subject among ``identities``."""

    rows: dict[str, list[_Row]] = field(default_factory=lambda: {kind.name: [] for kind in EVENT_KINDS})
    who: dict[str, list[int]] = field(default_factory=lambda: {kind.name: [] for kind in EVENT_KINDS})
    identities: list[Identity] = field(default_factory=list)
    signalled: set[int] = field(default_factory=set)
    rejects: list[Reject] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    received: int = 0

    def accept(self, event: ParsedEvent, position: int, never_kept: Sequence[str]) -> None:
        """Take one event in; count what of it is not."""
        name = event.kind.name
        self.rows[name].append((event.event_id, event.at, *event.values))
        self.who[name].append(position)
        if event.gpc:
            self.signalled.add(position)
        if event.unknown_fields:
            self.dropped[UNKNOWN_FIELD] += event.unknown_fields
        for name in never_kept:
            self.dropped[f"subject.{name}"] += 1


@dataclass(frozen=True, slots=True)
class _Subjects:
    """Pseudonyms of the batch's subjects, and which purposes each allows."""

    events: pa.Array
    allowed: Mapping[str, Mask]
    gpc: tuple[Pseudonym, ...]


def process(lines: Sequence[bytes], context: GatewayContext, *, first_line: int = 1) -> Outcome:
    """Process one batch of NDJSON lines; a blank line is passed over.

    Guarantees:
      - nothing in the outcome holds an identifier, the sender's event id, or text that is not in the public catalogue
      - a row is in ``tables`` only if at least one purpose that stores its kind is allowed for its subject
      - whatever the bytes, a bad line is rejected alone

    Raises:
        VaultError: the vault cannot answer; nothing was processed.
    """
    batch = _accepted(lines, context, first_line)
    subjects = _pseudonymised(batch, context)
    tables: dict[str, pa.Table] = {}
    allowed = 0
    for kind in EVENT_KINDS:
        table, dropped = _table(kind, batch, subjects, context)
        allowed += table.num_rows
        if kind.entire:
            table, dropped = table.drop_null(), {}
        batch.dropped.update(dropped)
        if table.num_rows:
            tables[kind.name] = table
    return Outcome(
        received=batch.received,
        tables=tables,
        rejects=tuple(batch.rejects),
        no_consent=sum(map(len, batch.rows.values())) - allowed,
        unlisted=allowed - sum(table.num_rows for table in tables.values()),
        fields_dropped=dict(batch.dropped),
        gpc=subjects.gpc,
    )


def rejects_of(
    lines: Sequence[bytes], context: GatewayContext, *, first_line: int = 1
) -> tuple[int, tuple[Reject, ...]]:
    """How many lines are not blank, and what ``process`` would reject of them. Asks no vault and enrols nobody."""
    batch = _accepted(lines, context, first_line)
    return batch.received, tuple(batch.rejects)


def event_id_of(raw: str, key: EventIdKey) -> str:
    """Our event id for a client's: 32 hex digits of HMAC-SHA-256."""
    text = raw.encode()
    # framed(EVENT_ID_LABEL, text), spelled out: this runs once per event.
    message = _EVENT_ID_FRAME + len(text).to_bytes(4) + text
    return hmac.digest(key.material, message, "sha256")[:EVENT_ID_BYTES].hex()


def _accepted(lines: Sequence[bytes], context: GatewayContext, first_line: int) -> _Batch:
    batch, limits = _Batch(), context.limits()
    seen: dict[str, int] = {}
    known: dict[tuple[tuple[str, object], ...], int | Fault] = {}
    for number, line in enumerate(lines, first_line):
        if not line.strip():
            continue
        batch.received += 1
        event = parse_event(line, limits)
        if isinstance(event, Fault):
            batch.rejects.append(Reject(number, event))
            continue
        # Forgotten first: an address that changes with every event would make each of them a subject never seen before.
        never_kept = [name for name in NEVER_KEPT if event.subject.pop(name, None) is not None]
        position = _position(event.subject, known, batch)
        if isinstance(position, Fault):
            batch.rejects.append(Reject(number, position))
        elif (first := seen.setdefault(event.event_id, number)) != number:
            got = f"the id of line {first} again"
            batch.rejects.append(Reject(number, Fault("event_id", "each id once", got, "duplicate")))
        else:
            batch.accept(event, position, never_kept)
    return batch


def _position(
    subject: dict[str, object], known: dict[tuple[tuple[str, object], ...], int | Fault], batch: _Batch
) -> int | Fault:
    """Where the event's identity stands in the batch; each raw subject is normalised once."""
    key = tuple(subject.items())
    try:
        found = known.get(key)
    except TypeError:  # a list or an object where a text should be: unhashable, and rejected below
        return _identity_or_fault(subject, batch)
    if found is None:
        found = known[key] = _identity_or_fault(subject, batch)
    return found


def _identity_or_fault(subject: dict[str, object], batch: _Batch) -> int | Fault:
    try:
        batch.identities.append(read_identity(subject))
    except BadEvent as error:
        return identity_fault(error)
    return len(batch.identities) - 1


def identity_fault(error: BadEvent) -> Fault:
    """What is wrong with a raw subject, as a fault of its line."""
    name = error.field if error.field == "subject" else f"subject.{error.field}"
    return Fault(name, error.expected, error.got, "identity")


def _pseudonymised(batch: _Batch, context: GatewayContext) -> _Subjects:
    found = context.vault.enrol(batch.identities, domains=("events", "consent")) if batch.identities else []
    consent = [pseudonyms["consent"] for pseudonyms in found]
    gpc = tuple(sorted({consent[position] for position in batch.signalled}))
    # Two identities may be one subject: the signal of one device holds for all of them (11 CCR §7025).
    signalled = np.isin(np.asarray(consent, dtype=object), gpc) if gpc else np.zeros(len(consent), dtype=np.bool_)
    allowed = {}
    for purpose in _asked(batch, context.policy):
        mask = np.asarray(context.consents.allowed(purpose, consent), dtype=np.bool_)
        allowed[purpose] = mask & ~signalled if purpose in context.gpc_refuses else mask
    beside = {purpose: context.policy.purposes[purpose].only_with or purpose for purpose in allowed}
    allowed = {purpose: mask & allowed[beside[purpose]] for purpose, mask in allowed.items()}
    return _Subjects(pa.array([pseudonyms["events"] for pseudonyms in found], pa.string()), allowed, gpc)


def _asked(batch: _Batch, policy: MinimisationPolicy) -> list[str]:
    """The purposes that the batch's events hang on, in the policy's order."""
    direct = {purpose for kind, rows in batch.rows.items() if rows for purpose in policy.purposes_of(kind)}
    beside = {policy.purposes[purpose].only_with for purpose in direct}
    return [purpose for purpose in policy.purposes if purpose in direct | beside]


def _table(
    kind: EventKind, batch: _Batch, subjects: _Subjects, context: GatewayContext
) -> tuple[pa.Table, dict[str, int]]:
    who, rows = np.asarray(batch.who[kind.name], dtype=np.int64), batch.rows[kind.name]
    if not rows:
        return kind.schema.empty_table(), {}
    allowed = {purpose: subjects.allowed[purpose][who] for purpose in context.policy.purposes_of(kind.name)}
    stored = np.flatnonzero(np.logical_or.reduce([np.zeros(len(who), dtype=np.bool_), *allowed.values()]))
    if not len(stored):
        return kind.schema.empty_table(), {}
    allowed = {purpose: mask[stored] for purpose, mask in allowed.items()}
    event_ids, times, *values = zip(*(rows[row] for row in stored.tolist()), strict=True)
    columns = {"at": pa.array(times, TIME)}
    for wire_field, column in zip(kind.fields, values, strict=True):
        columns[wire_field.name] = pa.array(column, wire_field.arrow)
    kept, dropped = minimise(kind, columns, allowed, context.policy, context.vocabulary)
    subject = subjects.events.take(pa.array(who[stored]))
    kept |= {
        "event_id": pa.array([event_id_of(raw, context.event_id_key) for raw in event_ids], pa.string()),
        "subject": subject,
        "bucket": _buckets(subject),
        "purposes": _purposes(allowed, len(stored)),
    }
    return pa.table([kept[name] for name in kind.schema.names], schema=kind.schema), dropped


def _buckets(subjects: pa.Array) -> pa.Array:
    digits = pc.utf8_slice_codeunits(subjects, 1, 2)  # ``schema.bucket_of``, for a whole column
    return pc.cast(pc.index_in(digits, pa.array(list("0123456789abcdef"))), pa.int16())


def _purposes(allowed: Mapping[str, Mask], rows: int) -> pa.Array:
    """For each row the list of purposes that may use it."""
    names = sorted(allowed)
    code = np.zeros(rows, dtype=np.int64)
    for bit, name in enumerate(names):
        code |= allowed[name].astype(np.int64) << bit
    combinations, position = np.unique(code, return_inverse=True)
    lists = [
        [name for bit, name in enumerate(names) if combination >> bit & 1] for combination in combinations.tolist()
    ]
    return pa.array(lists, pa.list_(pa.field("element", pa.string()))).take(pa.array(position))
