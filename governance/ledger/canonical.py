"""One encoding per value: RFC 8785 JSON and padded base64, decoded only from the very bytes that would be written."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import NoReturn

import rfc8785

from governance.errors import InvalidInput, UnreadableEntry

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
"""A JSON value. Integers lie within ±(2^53 - 1), floats are finite."""

LARGEST_EXACT_INTEGER = 2**53 - 1


def encode_json(value: Json) -> bytes:
    """RFC 8785 bytes of ``value``.

    Raises:
        InvalidInput: a NaN, an integer beyond 2^53 - 1, a lone surrogate, or nesting without end.
    """
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
    try:
        value: Json = json.loads(unverified.decode(), parse_int=_number, parse_constant=_refuse_constant)
        canonical = encode_json(value)
    except (ValueError, RecursionError, InvalidInput) as cause:
        msg = f"expected canonical JSON, got {len(unverified)} bytes that are none ({type(cause).__name__})"
        raise UnreadableEntry(msg) from cause
    if canonical != unverified:
        msg = f"expected canonical JSON (RFC 8785), got another spelling of {len(unverified)} bytes"
        raise UnreadableEntry(msg)
    return value


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
