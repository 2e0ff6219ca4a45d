"""C2SP tlog-witness: the request and the answers of ``add-checkpoint``, in exactly one encoding. Bytes in, values out.

    old <size>
    <base64 hash of the consistency proof>       0 to 63 lines
    <empty line>
    <checkpoint note>

The answer is the witness's cosignature lines (200), or its own size (409): ``<size>`` and a newline.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.canonical import decode_base64, encode_base64
from governance.ledger.checkpoint import LARGEST_SIZE
from governance.ledger.merkle import HASH_BYTES
from governance.ledger.note import LARGEST_NOTE_BYTES, decode_note

ADD_CHECKPOINT = "add-checkpoint"
SIZE_MEDIA_TYPE = "text/x.tlog.size"
LONGEST_PROOF = 63
LARGEST_REQUEST_BYTES = LARGEST_NOTE_BYTES + 64 * 64
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})", re.ASCII)
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request to cosign ``note``: it begins with the tree of ``old_size``, as ``proof`` (32-byte hashes) shows."""

    old_size: int
    proof: tuple[bytes, ...]
    note: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.old_size <= LARGEST_SIZE:
            msg = f"add-checkpoint: expected an old size from 0 to 2^63 - 1, got {self.old_size}"
            raise InvalidInput(msg)
        if len(self.proof) > LONGEST_PROOF or any(len(item) != HASH_BYTES for item in self.proof):
            msg = f"add-checkpoint: expected at most {LONGEST_PROOF} hashes of {HASH_BYTES} bytes"
            raise InvalidInput(msg)


def encode_request(request: AddCheckpoint) -> bytes:
    """The body of the request."""
    lines = [f"old {request.old_size}", *map(encode_base64, request.proof), ""]
    return "".join(f"{line}\n" for line in lines).encode() + request.note


def decode_request(unverified: bytes) -> AddCheckpoint:
    """The request in a body; its note has the form of one and is not verified.

    Guarantees:
      - ``encode_request(decode_request(b)) == b``

    Raises:
        InvalidInput: malformed.
    """
    if len(unverified) > LARGEST_REQUEST_BYTES:
        msg = f"add-checkpoint: expected at most {LARGEST_REQUEST_BYTES} bytes, got {len(unverified)}"
        raise InvalidInput(msg)
    head, separator, note = unverified.partition(b"\n\n")
    try:
        first, *rest = head.decode("ascii").split("\n")
        proof = tuple(decode_base64(line) for line in rest)
        decode_note(note)
    except (ValueError, BrokenProof) as cause:
        msg = "add-checkpoint: expected an old size, base64 hashes, an empty line and a note"
        raise InvalidInput(msg) from cause
    old = _OLD.fullmatch(first)
    if old is None or not separator:
        msg = "add-checkpoint: expected a first line of old and a decimal size without leading zero"
        raise InvalidInput(msg)
    return AddCheckpoint(int(old[1]), proof, note)


def encode_size(size: int) -> bytes:
    """The body of a 409."""
    return b"%d\n" % size


def decode_size(unverified: bytes) -> int:
    """The size in the body of a 409.

    Raises:
        BrokenProof: not a decimal size with a newline, or beyond 2^63 - 1.
    """
    match = _SIZE.fullmatch(unverified)
    if match is None or int(match[1]) > LARGEST_SIZE:
        msg = "expected a decimal size below 2^63 and a newline"
        raise BrokenProof(msg)
    return int(match[1])


def origin_digest(origin: str) -> str:
    """SHA-256 of an origin in hex: the folder of its checkpoint below a witness's monitoring prefix."""
    return sha256(origin.encode()).hexdigest()
