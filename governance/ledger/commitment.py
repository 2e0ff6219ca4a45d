"""Commitments: what lets an entry be about a person without saying so.

The log holds ``HMAC-SHA-256(salt, tag || RFC 8785(payload))``, with a fresh salt for each record. Salt and payload, the
*opening*, are kept apart (`opening`). Whoever is given an opening checks it with this module alone: no database and no
key.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from governance.errors import BrokenProof, InvalidInput, UnreadableEntry
from governance.ledger.canonical import Json, decode_base64, decode_json, encode_base64, encode_json

SALT_BYTES: Final = 32
TAG: Final = b"probity/ledger-commitment/v1\x00"
LARGEST_OPENING_BYTES: Final = 65_535


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a commitment: a salt of 32 bytes, and the payload. Never printed: the payload names somebody."""

    salt: bytes = field(repr=False)
    payload: Mapping[str, Json] = field(repr=False)


def commitment(salt: bytes, payload: Mapping[str, Json]) -> str:
    """The commitment to ``payload``, 64 hex characters.

    Args:
        salt: 32 fresh random bytes, never used for another record.
        payload: what is committed to.

    Raises:
        InvalidInput: the salt has another length, or the payload is not JSON.
    """
    if len(salt) != SALT_BYTES:
        msg = f"expected a salt of {SALT_BYTES} bytes, got {len(salt)}"
        raise InvalidInput(msg)
    return hmac.new(salt, TAG + encode_json(payload), sha256).hexdigest()


def verify_opening(committed: str, opening: Opening) -> None:
    """Raise `BrokenProof` unless salt and payload open the commitment."""
    if not hmac.compare_digest(commitment(opening.salt, opening.payload).encode(), committed.encode()):
        msg = "salt and payload do not open this commitment"
        raise BrokenProof(msg)


def encode_opening(opening: Opening) -> bytes:
    """``{"payload": …, "salt": base64}`` as RFC 8785 writes it."""
    return encode_json({"payload": opening.payload, "salt": encode_base64(opening.salt)})


def decode_opening(unverified: bytes) -> Opening:
    """The opening in exactly the bytes that `encode_opening` writes.

    Raises:
        UnreadableEntry: other bytes; nothing of them is repeated.
    """
    try:
        opening = _opening(unverified)
    except (ValueError, TypeError, KeyError, UnreadableEntry):
        # Without its cause: a decoder's message may quote what it was given.
        msg = f"expected an opening as it was written (payload and salt), got {len(unverified)} bytes that are none"
        raise UnreadableEntry(msg) from None
    return opening


def _opening(unverified: bytes) -> Opening:
    value: Any = decode_json(unverified)
    salt, payload = decode_base64(str(value["salt"])), value["payload"]
    if not isinstance(payload, dict) or len(salt) != SALT_BYTES or len(unverified) > LARGEST_OPENING_BYTES:
        raise ValueError
    opening = Opening(salt, payload)
    if encode_opening(opening) != unverified:
        raise ValueError
    return opening
