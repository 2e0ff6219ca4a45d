"""The strict reader of one line: bytes to a parsed event, or to the fault that was found first.

Nothing is repaired and nothing unknown is stored: a field that the format does not have is counted and forgotten. One
encoding only: UTF-8, each key once, no NaN, no lone surrogates.
"""

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pseudonymisation.rejection import Fault, shape_of
from pseudonymisation.schema import KIND_BY_NAME, MAX_EVENT_ID, REQUIRED, EventKind, Field

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_MOMENT_WORDS = "a moment in UTC such as 2026-03-01T19:30:00Z"


class ParsedEvent(NamedTuple):
    """A line that has the right shape. ``subject`` is raw; ``values`` are in the order of the kind's fields."""

    kind: EventKind
    event_id: str
    at: datetime
    subject: dict[str, Any]
    gpc: bool
    values: tuple[Any, ...]
    unknown_fields: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a line is measured against: bytes, the last moment that is believable, and the items there are."""

    line_bytes: int
    latest: datetime
    items: Collection[str]


def decode_object(line: bytes, line_bytes: int) -> dict[str, Any] | Fault:
    """The one JSON object on a line. A line longer than ``line_bytes`` is refused without being parsed."""
    if len(line) > line_bytes:
        return Fault("line", f"at most {line_bytes} bytes", "more", "too long")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as cause:
        return Fault("line", "UTF-8", f"another byte at offset {cause.start}", "not UTF-8")
    try:
        value = _DECODER.decode(text)
        if "\\u" in text:
            # An escape can smuggle in a lone surrogate, which no UTF-8 can carry and every writer further on would
            # choke on.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return Fault("line", "one JSON object with each key once", "something else", "malformed")
    if type(value) is not dict:
        return Fault("line", "one JSON object", shape_of(value), "malformed")
    return value


def parse_event(line: bytes, limits: Limits) -> ParsedEvent | Fault:
    """Read one event.

    Guarantees:
      - never raises, whatever the bytes
      - a fault repeats nothing of the line but byte offsets
    """
    record = decode_object(line, limits.line_bytes)
    if isinstance(record, Fault):
        return record
    kind = _kind(record)
    if isinstance(kind, Fault):
        return kind
    if (fault := _envelope_fault(record)) is not None:
        return fault
    at = parse_moment(record.get("at"), limits.latest)
    if isinstance(at, Fault):
        return at
    values = []
    for field in kind.fields:
        value = record.get(field.name)
        if (fault := _CHECKS[field.type](field, value, limits)) is not None:
            return fault
        values.append(value)
    # Every required field is there by now; of the envelope only gpc may be absent.
    unknown = len(record) - len(REQUIRED) - ("gpc" in record) - len(values)
    gpc = record.get("gpc", False)
    return ParsedEvent(kind, record["event_id"], at, record["subject"], gpc, tuple(values), unknown)


def _envelope_fault(record: dict[str, Any]) -> Fault | None:
    event_id, subject, gpc = record.get("event_id"), record.get("subject"), record.get("gpc", False)
    if type(event_id) is not str or not 1 <= len(event_id) <= MAX_EVENT_ID:
        return text_fault("event_id", event_id, f"text of 1 to {MAX_EVENT_ID} characters")
    if type(subject) is not dict:
        return missing_or_wrong("subject", subject, "an object of identifiers")
    return None if type(gpc) is bool else Fault("gpc", "true or false", shape_of(gpc), "wrong type")


def parse_moment(value: object, latest: datetime) -> datetime | Fault:
    """An RFC 3339 moment in UTC between 1970 and ``latest``."""
    if type(value) is not str:
        return missing_or_wrong("at", value, _MOMENT_WORDS)
    if _MOMENT.fullmatch(value) is None:
        return Fault("at", _MOMENT_WORDS, "text of another form", "malformed")
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return Fault("at", _MOMENT_WORDS, "a day or an hour that does not exist", "malformed")
    if at > latest:
        return Fault("at", "a moment that has passed", "one in the future", "future")
    if at < EARLIEST:
        return Fault("at", "1970 or later", "an earlier moment", "out of range")
    return at


def text_fault(name: str, value: object, expected: str) -> Fault:
    """What is wrong with something that is not a text of the right length."""
    if type(value) is str:
        return Fault(name, expected, f"text of {len(value)} characters", "out of range")
    return missing_or_wrong(name, value, expected)


def missing_or_wrong(name: str, value: object, expected: str) -> Fault:
    """What is wrong with a field that is absent, null or of another type."""
    if value is None:
        return Fault(name, expected, "nothing", "missing field")
    return Fault(name, expected, shape_of(value), "wrong type")


def _kind(record: dict[str, Any]) -> EventKind | Fault:
    name = record.get("kind")
    expected = f"one of {', '.join(KIND_BY_NAME)}"
    if type(name) is not str:
        return missing_or_wrong("kind", name, expected)
    return KIND_BY_NAME.get(name) or Fault("kind", expected, "another", "unknown kind")


def _item_fault(field: Field, value: object, limits: Limits) -> Fault | None:
    if type(value) is not str:
        return missing_or_wrong(field.name, value, field.expected)
    return (
        None
        if value in limits.items
        else Fault(field.name, field.expected, "an item that is not in it", "unknown item")
    )


def _text_fault(field: Field, value: object, _limits: Limits) -> Fault | None:
    if type(value) is str and len(value) <= field.high:
        return None
    return text_fault(field.name, value, field.expected)


def _number_fault(field: Field, value: object, _limits: Limits) -> Fault | None:
    # ``type`` and not ``isinstance``: true is an int to Python, and no number of seconds.
    if type(value) is not int and (type(value) is not float or field.type == "whole"):
        got = "a number with a fraction or an exponent" if type(value) is float else None
        fault = missing_or_wrong(field.name, value, field.expected)
        return Fault(field.name, field.expected, got, "wrong type") if got else fault
    if field.low <= value <= field.high and not (field.above and value == field.low):
        return None
    return Fault(field.name, field.expected, "a number outside this range", "out of range")


_CHECKS: dict[str, Callable[[Field, object, Limits], Fault | None]] = {
    "item": _item_fault,
    "text": _text_fault,
    "word": _text_fault,
    "number": _number_fault,
    "whole": _number_fault,
}


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two readers of a doubled key may see two different subjects; we see none.
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError
    return record


def _no_constant(_name: str) -> float:
    raise ValueError


_DECODER = json.JSONDecoder(object_pairs_hook=_each_key_once, parse_constant=_no_constant)
