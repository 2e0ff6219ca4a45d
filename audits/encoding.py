"""Frozen dataclasses as JSON bytes, in exactly one encoding.

Keys sorted, no spaces, UTF-8, one newline at the end; a decoder refuses everything that does not encode back to the
same bytes, so a digest of the bytes is a digest of the content.
"""

import dataclasses
import json
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType, NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from audits.errors import CorruptReport

T = TypeVar("T")

LATER = MappingProxyType({"later": True})
"""Metadata of a field that came when values had been written without it: None is left out, so they keep their bytes."""


def encode(value: object) -> bytes:
    """Canonical JSON of a frozen dataclass; floats must be finite."""
    plain = _plain(value)
    return (
        json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n"
    ).encode()


def decode(kind: type[T], unverified: bytes) -> T:
    """The value whose ``encode`` is these bytes.

    Raises:
        CorruptReport: not JSON, a key that is unknown, missing or twice, a wrong type, or another encoding of the same
            content.
    """
    try:
        raw = json.loads(unverified.decode(), object_pairs_hook=_distinct, parse_constant=_no_constant)
    except (ValueError, RecursionError) as cause:
        msg = f"report: expected JSON, got {len(unverified)} bytes that are not"
        raise CorruptReport(msg) from cause
    value: T = _dataclass(kind, raw, kind.__name__)
    if encode(value) != unverified:
        msg = f"{kind.__name__}: expected the canonical encoding, got another one of the same content"
        raise CorruptReport(msg)
    return value


def _plain(value: object) -> object:
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if not dataclasses.is_dataclass(value):
        return value
    fields = ((field, getattr(value, field.name)) for field in dataclasses.fields(value))
    return {field.name: _plain(each) for field, each in fields if each is not None or not _is_later(field)}


def _is_later(field: "dataclasses.Field[Any]") -> bool:
    return "later" in field.metadata


def _dataclass(kind: type[T], raw: object, place: str) -> T:
    if not isinstance(raw, dict):
        msg = f"{place}: expected an object, got {_kind(raw)}"
        raise CorruptReport(msg)
    hints = get_type_hints(kind)
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    names = {field.name for field in fields}
    needed = {field.name for field in fields if not _is_later(field)}
    if not needed <= set(raw) <= names:
        missing, unknown = sorted(needed - set(raw)), len(set(raw) - names)
        msg = f"{place}: expected the keys {sorted(names)}, got {unknown} unknown ones, missing {missing}"
        raise CorruptReport(msg)
    return kind(**{name: _value(hints[name], each, f"{place}.{name}") for name, each in raw.items()})


def _value(hint: Any, raw: object, place: str) -> object:  # noqa: ANN401 - a type hint is any object
    if isinstance(hint, UnionType):
        return None if raw is None and NoneType in get_args(hint) else _value(_present(hint), raw, place)
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint)[0], raw, place)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _dataclass(hint, raw, place)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _member(hint, raw, place)
    if type(raw) is not hint:
        msg = f"{place}: expected {hint.__name__}, got {_kind(raw)}"
        raise CorruptReport(msg)
    return raw


def _present(hint: UnionType) -> Any:  # noqa: ANN401 - a type hint is any object
    return next(option for option in get_args(hint) if option is not NoneType)


def _tuple(element: object, raw: object, place: str) -> tuple[object, ...]:
    if not isinstance(raw, list):
        msg = f"{place}: expected a list, got {_kind(raw)}"
        raise CorruptReport(msg)
    return tuple(_value(element, each, f"{place}[{index}]") for index, each in enumerate(raw))


def _member(kind: type[StrEnum], raw: object, place: str) -> StrEnum:
    for member in kind:
        if member.value == raw:
            return member
    msg = f"{place}: expected one of {[member.value for member in kind]}, got {_kind(raw)}"
    raise CorruptReport(msg)


def _kind(raw: object) -> str:
    return type(raw).__name__


def _distinct(pairs: list[tuple[str, object]]) -> Mapping[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "a key is given twice"
        raise ValueError(msg)
    return found


def _no_constant(name: str) -> object:
    msg = f"expected a number, got {name}"
    raise ValueError(msg)
