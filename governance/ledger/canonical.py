"""One encoding per value: RFC 8785 JSON and padded base64, decoded only from the very bytes that would be written.

The package `rfc8785` decides what is canonical, at some 30 µs an entry. `orjson` writes the same bytes in a hundredth
of that, but for three things: how floats are spelled, where a key beyond the Basic Multilingual Plane is sorted, and
what it takes for a value. So it is asked only where these three are settled; everything else goes the slow way, and
tests hold the two against each other.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NoReturn

import orjson
import rfc8785

from governance.errors import InvalidInput, UnreadableEntry

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
"""A JSON value. Integers lie within ±(2^53 - 1), floats are finite."""

LARGEST_EXACT_INTEGER = 2**53 - 1
FIRST_FOUR_BYTE_LEAD = 0xF0
POINT, PLUS = b".+"
MILLIONTHS = b"e-6"
CONTAINERS = (b"{", b"[")
_FLOAT = re.compile(rb"[:\[,]-?[0-9]+[.eE]")
"""Where a float can stand inside JSON without spaces. One that is found in a text is looked at for nothing."""
SMALLEST_PLAIN_FLOAT, LARGEST_PLAIN_FLOAT = 1e-4, 1e15
"""Between these, a float with a fraction has one spelling everywhere: its shortest digits, without an exponent."""


def encode_json(value: Json) -> bytes:
    """RFC 8785 bytes of ``value``.

    Raises:
        InvalidInput: a NaN, an integer beyond 2^53 - 1, a lone surrogate, or nesting without end.
    """
    try:
        if _is_ordinary(value):
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (TypeError, RecursionError):
        # The slow way says what is wrong, or that nothing is.
        pass
    try:
        return rfc8785.dumps(value)
    except (ValueError, RecursionError) as cause:
        # The cause may quote the value, so its text stays out of ours.
        msg = f"expected values that RFC 8785 can write, got one it cannot ({type(cause).__name__})"
        raise InvalidInput(msg) from cause


def decode_json(unverified: bytes) -> Json:
    """The value of ``unverified``, if these are exactly the bytes that `encode_json` would write for it.

    Guarantees:
      - ``encode_json(decode_json(b)) == b``; other spellings (spaces, key order, ``1.0``, a key twice) are refused.

    Raises:
        UnreadableEntry: the bytes are no JSON, or not the canonical spelling of it.
    """
    value: Json
    try:
        if is_surely_canonical(unverified):
            value = orjson.loads(unverified)
            return value
        value = json.loads(unverified.decode(), parse_int=_number, parse_constant=_refuse_constant)
        canonical = rfc8785.dumps(value) == unverified
    except (ValueError, RecursionError) as cause:
        msg = f"expected canonical JSON, got {len(unverified)} bytes that are none ({type(cause).__name__})"
        raise UnreadableEntry(msg) from cause
    if not canonical:
        msg = f"expected canonical JSON (RFC 8785), got another spelling of {len(unverified)} bytes"
        raise UnreadableEntry(msg)
    return value


def is_surely_canonical(unverified: bytes) -> bool:
    """Whether a quick look shows that ``unverified`` is canonical JSON. If not, only `decode_json` can tell.

    The value is written again and must give the same bytes. The floats that `orjson` spells in a way of its own show it
    by a point, a plus or as millionths (``1e-6`` for ``0.000001``): where one of these is, each number is checked as it
    is read. Left to the slow way: integers beyond 2^53 - 1, and four-byte characters, which UTF-16 sorts before others.
    """
    try:
        suspect = POINT in unverified or PLUS in unverified or unverified.find(MILLIONTHS) >= 0
        if suspect and (not unverified.startswith(CONTAINERS) or _FLOAT.search(unverified)):
            value, _ = _CHECKING.raw_decode(unverified.decode())
        else:
            value = orjson.loads(unverified)
        again = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
    except (ValueError, TypeError, RecursionError):
        return False
    return again == unverified and (unverified.isascii() or max(unverified) < FIRST_FOUR_BYTE_LEAD)


def encode_base64(data: bytes) -> str:
    """Standard, padded base64 (RFC 4648 section 4)."""
    return b64encode(data).decode("ascii")


def decode_base64(text: str) -> bytes:
    """The bytes of ``text``, refusing what lenient decoders take: foreign characters, stray trailing bits.

    Raises:
        ValueError: ``text`` is not what `encode_base64` writes.
    """
    data = b64decode(text.encode("ascii"), validate=True)
    if encode_base64(data) != text:
        msg = "expected base64 in its one spelling"
        raise ValueError(msg)
    return data


def _number(digits: str) -> int | float:
    # JSON numbers are doubles: 10^20 is written without an exponent and must come back as the float it was.
    value = int(digits)
    return value if abs(value) <= LARGEST_EXACT_INTEGER else float(digits)


def _refuse_constant(name: str) -> NoReturn:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _is_ordinary(value: object) -> bool:
    """Whether `orjson` surely takes and writes ``value`` as `rfc8785` does: exact types, ASCII keys, plain numbers."""
    if type(value) is str or type(value) is bool or value is None:
        return True
    if type(value) is dict:
        return all(type(key) is str and key.isascii() and _is_ordinary(item) for key, item in value.items())
    if type(value) is list or type(value) is tuple:
        return all(map(_is_ordinary, value))
    if type(value) is int:
        return -LARGEST_EXACT_INTEGER <= value <= LARGEST_EXACT_INTEGER
    return type(value) is float and SMALLEST_PLAIN_FLOAT <= abs(value) <= LARGEST_PLAIN_FLOAT and value % 1 != 0


@lru_cache(maxsize=1024)
def _checked_number(digits: str) -> orjson.Fragment:
    value = float(digits)
    plain = SMALLEST_PLAIN_FLOAT <= abs(value) <= LARGEST_PLAIN_FLOAT and value % 1 != 0
    if (repr(value) if plain else rfc8785.dumps(value).decode()) != digits:
        msg = "a number in another spelling"
        raise ValueError(msg)
    return orjson.Fragment(digits)


_CHECKING = json.JSONDecoder(parse_float=_checked_number, parse_constant=_refuse_constant)
