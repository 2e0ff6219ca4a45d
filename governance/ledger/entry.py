"""What the log holds: one event, who caused it, when, in canonical bytes. No personal data.

An entry names subjects by nothing: where a subject must be provable later, it carries a commitment (`opening`) whose
salt can be erased. ``actor`` is a role or a key id. An event about one person says ``by_day = True``, so its moment
does not name them.
"""

import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import lru_cache
from typing import Any, ClassVar, Protocol
from uuid import UUID

from governance.errors import InvalidInput, UnreadableEntry
from governance.ledger.canonical import Json, decode_json, encode_json, is_surely_canonical
from governance.ledger.merkle import leaf_hash
from governance.ledger.tiles import LARGEST_ENTRY_BYTES

KEYS = frozenset({"v", "kind", "at", "actor", "id", "body"})
DAY_CHARACTERS = 10
_KIND = re.compile(r"[a-z][a-z0-9_-]*+(?:\.[a-z0-9_-]++)*+")
_ACTOR = re.compile(r"[a-z0-9][a-z0-9:._/-]{0,127}+")
# Possessive, because nothing that follows could begin with what they take: a walk over a log spends its time here.
_MOMENT = r"\d\d\d\d-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ"
_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_HEAD = re.compile(rf'\{{"actor":"{_ACTOR.pattern}","at":"({_MOMENT})","body":(?=\{{)'.encode())
_TAIL = re.compile(rf',"id":"{_ID}","kind":"({_KIND.pattern})","v":[1-9][0-9]{{0,14}}+\}}'.encode())
BODY_END = b'},"id":"'
"""An entry's canonical bytes before and after its body, as far as all are alike; groups: the moment, the kind."""


class Event(Protocol):
    """A frozen dataclass, defined in the module whose change it records.

    ``kind`` is dotted lowercase (``consent.granted``), ``version`` counts the shapes published under that kind, from 1.
    Fields are JSON values, dates, UUIDs, enums, and tuples, mappings and dataclasses of them. A class variable
    ``by_day = True`` keeps only the day of the moment.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    kind: ClassVar[str]
    version: ClassVar[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An event at its place in the log.

    ``seq`` counts from 0 without gaps; ``at`` is aware UTC, in whole seconds; ``encoded`` are the bytes that the tree
    hashes.
    """

    seq: int
    version: int
    kind: str
    at: datetime
    actor: str
    id: UUID
    body: Mapping[str, Json]
    encoded: bytes = field(repr=False)

    @property
    def leaf(self) -> bytes:
        """The leaf hash of the bytes as stored; they are never encoded anew to verify."""
        return leaf_hash(self.encoded)


def encode_entry(event: Event, *, actor: str, entry_id: UUID, at: datetime) -> bytes:
    """The canonical bytes of an entry.

    Raises:
        InvalidInput: names the kind and the field that cannot be written; the entry is longer than 65,535 bytes;
        ``actor``
            is no role or key id (lowercase letters, digits and ``: . _ / -``, so neither a name nor an e-mail address).
    """
    if _KIND.fullmatch(event.kind) is None or event.version < 1:
        msg = f"expected a kind of dotted lowercase words and a version from 1, got version {event.version}"
        raise InvalidInput(msg)
    if _ACTOR.fullmatch(actor) is None:
        msg = (
            f"{event.kind}: expected an actor that is a role or key id in lowercase, got {len(actor)} other characters"
        )
        raise InvalidInput(msg)
    moment = at.astimezone(UTC).replace(microsecond=0)
    if getattr(event, "by_day", False):
        moment = moment.replace(hour=0, minute=0, second=0)
    encoded = encode_json(
        {
            "v": event.version,
            "kind": event.kind,
            "at": _format(moment),
            "actor": actor,
            "id": str(entry_id),
            "body": _object(event, event.kind),
        }
    )
    if len(encoded) > LARGEST_ENTRY_BYTES:
        msg = f"{event.kind}: an entry has at most {LARGEST_ENTRY_BYTES} bytes, got {len(encoded)}"
        raise InvalidInput(msg)
    return encoded


def decode_entry(seq: int, unverified: bytes) -> Entry:
    """The entry in ``unverified``, if it is in the one accepted encoding.

    Raises:
        UnreadableEntry: names the entry by ``seq`` and leaf hash, never by its content.
    """
    try:
        return _decode(seq, unverified)
    except (ValueError, TypeError, UnreadableEntry) as cause:
        msg = f"entry {seq} (leaf {leaf_hash(unverified).hex()}) is not an entry we know: {_reason(cause)}"
        raise UnreadableEntry(msg) from cause


def outline(seq: int, unverified: bytes) -> tuple[bytes, bytes]:
    """Kind and moment of the entry in ``unverified``, which passes every check of `decode_entry`.

    Nothing is built that is not returned: for who walks a whole log. Where all keys but those of the body stand in one
    fixed text, only the body needs to be read as JSON; whatever does not fit goes through `decode_entry`.

    Raises:
        UnreadableEntry: as `decode_entry`.
    """
    end = unverified.rfind(BODY_END) + 1
    head, tail = _HEAD.match(unverified), _TAIL.fullmatch(unverified, end)
    if head is not None and tail is not None and len(unverified) <= LARGEST_ENTRY_BYTES:
        at = head[1]
        if is_surely_canonical(unverified[head.end() : end]) and _is_day(at[:DAY_CHARACTERS]):
            return tail[1], at
    entry = decode_entry(seq, unverified)
    return entry.kind.encode(), _format(entry.at).encode()


def _decode(seq: int, unverified: bytes) -> Entry:
    if len(unverified) > LARGEST_ENTRY_BYTES:
        msg = f"expected at most {LARGEST_ENTRY_BYTES} bytes, got {len(unverified)}"
        raise UnreadableEntry(msg)
    value = decode_json(unverified)
    if not isinstance(value, Mapping) or value.keys() != KEYS:
        msg = f"expected the keys {', '.join(sorted(KEYS))}"
        raise UnreadableEntry(msg)
    version, kind, actor, body = value["v"], value["kind"], value["actor"], value["body"]
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        msg = "v: expected a whole number from 1"
        raise UnreadableEntry(msg)
    if not isinstance(kind, str) or _KIND.fullmatch(kind) is None:
        msg = "kind: expected dotted lowercase words"
        raise UnreadableEntry(msg)
    if not isinstance(actor, str) or _ACTOR.fullmatch(actor) is None:
        msg = "actor: expected a role or key id"
        raise UnreadableEntry(msg)
    if not isinstance(body, Mapping):
        msg = "body: expected an object"
        raise UnreadableEntry(msg)
    return Entry(
        seq=seq,
        version=version,
        kind=kind,
        at=_parse_moment(value["at"]),
        actor=actor,
        id=_parse_id(value["id"]),
        body=body,
        encoded=unverified,
    )


def _format(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


@lru_cache(maxsize=4096)
def _is_day(text: bytes) -> bool:
    try:
        date.fromisoformat(text.decode())
    except ValueError:
        return False
    return True


def _parse_moment(text: Json) -> datetime:
    moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    if moment is None or moment.tzinfo != UTC or _format(moment) != text:
        msg = "at: expected a moment as 2026-01-31T12:00:00Z"
        raise UnreadableEntry(msg)
    return moment


def _parse_id(text: Json) -> UUID:
    identity = UUID(text) if isinstance(text, str) else None
    if identity is None or str(identity) != text:
        msg = "id: expected a UUID in lowercase with hyphens"
        raise UnreadableEntry(msg)
    return identity


def _reason(cause: Exception) -> str:
    # Only our own sentences are passed on: those of the standard library may quote the entry.
    return str(cause) if isinstance(cause, UnreadableEntry) else "a field has another form than expected"


def _object(instance: object, place: str) -> dict[str, Json]:
    if not is_dataclass(instance) or isinstance(instance, type):
        msg = f"{place}: expected a dataclass, got {type(instance).__name__}"
        raise InvalidInput(msg)
    return {name: _plain(getattr(instance, name), f"{place}.{name}") for name in _field_names(type(instance))}


@lru_cache
def _field_names(of: type[Any]) -> tuple[str, ...]:
    return tuple(f.name for f in fields(of))


def _plain(value: object, place: str) -> Json:
    if type(value) is str:  # what most are
        return value
    if isinstance(value, Enum):
        return _plain(value.value, place)
    if isinstance(value, datetime):
        return _format_exact(value, place)
    if isinstance(value, date | UUID):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return _container(value, place)


def _container(value: object, place: str) -> Json:
    if isinstance(value, Mapping):
        return {_key(key, place): _plain(item, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item, f"{place}[{index}]") for index, item in enumerate(value)]
    return _object(value, place)


def _key(key: object, place: str) -> str:
    if not isinstance(key, str):
        msg = f"{place}: expected text keys, got {type(key).__name__}"
        raise InvalidInput(msg)
    return key


def _format_exact(moment: datetime, place: str) -> str:
    if moment.tzinfo is None:
        msg = f"{place}: expected an aware datetime, got a naive one"
        raise InvalidInput(msg)
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
