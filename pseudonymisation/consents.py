"""Consent records on the wire: one decision per line, its subject pseudonymised before anybody stores it.

{"subject": {…}, "purpose": slug, "decision": "grant", "at": "2026-03-01T19:30:00Z", "notice": "v1", "method": "banner"}
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from pseudonymisation.errors import BadEvent
from pseudonymisation.identifiers import Identity, read_identity
from pseudonymisation.kernel import GatewayContext, identity_fault
from pseudonymisation.parsing import Limits, decode_object, missing_or_wrong, parse_moment
from pseudonymisation.rejection import Fault, Reject
from pseudonymisation.schema import TIME

DECISIONS = ("grant", "refuse", "withdraw")
METHODS = ("banner", "settings", "gpc", "import")
DECIDED = pa.schema(
    [
        ("subject", pa.string()),
        ("purpose", pa.string()),
        ("decision", pa.string()),
        ("at", TIME),
        ("notice", pa.string()),
        ("method", pa.string()),
    ]
)
"""A decision as it may be stored: ``subject`` is the pseudonym in the domain ``consent``."""

# A notice is named by its version. The form is narrow because the text is stored as it comes.
_NOTICE = re.compile(r"v[0-9]{1,6}", re.ASCII)


_Decision = tuple[str, str, datetime, str, str]
"""Purpose, decision, at, notice, method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentOutcome:
    """What became of a batch of consent records.

    ``decisions`` has the schema ``DECIDED``, sorted by pseudonym and never in the order of the lines: whoever sees the
    order of arrival in two domains could match their pseudonyms.
    """

    received: int
    decisions: pa.Table
    rejects: tuple[Reject, ...]


@dataclass(slots=True)
class _Batch:
    """What was read so far; ``accepted`` and ``identities`` go together."""

    accepted: list[_Decision] = field(default_factory=list)
    identities: list[Identity] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    received: int = 0


def process_consents(lines: Sequence[bytes], context: GatewayContext, *, first_line: int = 1) -> ConsentOutcome:
    """Process one batch of consent records; a blank line is passed over.

    Guarantees:
      - ``decisions`` holds pseudonyms, registered words, times and notice versions, and nothing else from the input
      - whatever the bytes, a bad line is rejected alone

    Raises:
        VaultError: the vault cannot answer; nothing was processed.
    """
    batch = _read(lines, context, first_line)
    found = context.vault.enrol(batch.identities, domains=("consent",)) if batch.identities else []
    rows = sorted((pseudonyms["consent"], *rest) for pseudonyms, rest in zip(found, batch.accepted, strict=True))
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in DECIDED]
    decisions = pa.table(columns, schema=DECIDED)
    return ConsentOutcome(received=batch.received, decisions=decisions, rejects=tuple(batch.rejects))


def consent_rejects_of(
    lines: Sequence[bytes], context: GatewayContext, *, first_line: int = 1
) -> tuple[int, tuple[Reject, ...]]:
    """How many lines are not blank, and what ``process_consents`` would reject of them. Enrols nobody."""
    batch = _read(lines, context, first_line)
    return batch.received, tuple(batch.rejects)


def _read(lines: Sequence[bytes], context: GatewayContext, first_line: int) -> _Batch:
    batch, limits = _Batch(), context.limits()
    for number, line in enumerate(lines, first_line):
        if not line.strip():
            continue
        batch.received += 1
        parsed = _parsed(line, limits, context)
        if isinstance(parsed, Fault):
            batch.rejects.append(Reject(number, parsed))
        else:
            batch.identities.append(parsed[0])
            batch.accepted.append(parsed[1])
    return batch


def _parsed(line: bytes, limits: Limits, context: GatewayContext) -> tuple[Identity, _Decision] | Fault:
    record = decode_object(line, limits.line_bytes)
    if isinstance(record, Fault):
        return record
    decision = _decision(record, limits, context)
    if isinstance(decision, Fault):
        return decision
    try:
        return read_identity(record.get("subject")), decision
    except BadEvent as error:
        return identity_fault(error)


def _decision(record: dict[str, Any], limits: Limits, context: GatewayContext) -> _Decision | Fault:
    registered = (("purpose", sorted(context.purposes)), ("decision", DECISIONS), ("method", METHODS))
    for name, known in registered:
        if type(record.get(name)) is not str:
            return missing_or_wrong(name, record.get(name), f"one of {', '.join(known)}")
        if record[name] not in known:
            return Fault(name, f"one of {', '.join(known)}", "another", "out of range")
    notice = record.get("notice")
    if type(notice) is not str or _NOTICE.fullmatch(notice) is None:
        return Fault("notice", "a version such as v1", "another form" if notice else "nothing", "malformed")
    if notice not in context.notices:
        return Fault("notice", "a published version", "another", "out of range")
    at = parse_moment(record.get("at"), limits.latest)
    if isinstance(at, Fault):
        return at
    return record["purpose"], record["decision"], at, notice, record["method"]
