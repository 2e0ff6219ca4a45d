"""A consistency proof as a file: the body of C2SP tlog-witness's ``add-checkpoint``, which other tools read."""

import re
from collections.abc import Sequence

from governance.errors import BrokenProof
from governance.ledger.canonical import decode_base64, encode_base64

LONGEST_PATH = 63
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})", re.ASCII)


def encode_consistency(old_size: int, path: Sequence[bytes], note: bytes) -> bytes:
    """``old <size>``, the hashes in base64, an empty line, the newer checkpoint's note."""
    lines = [f"old {old_size}", *map(encode_base64, path), ""]
    return "".join(f"{line}\n" for line in lines).encode() + note


def decode_consistency(unverified: bytes) -> tuple[int, list[bytes], bytes]:
    """The old size, the hashes, and the note.

    Guarantees:
      - ``encode_consistency(*decode_consistency(b)) == b``

    Raises:
        BrokenProof: malformed.
    """
    head, separator, note = unverified.partition(b"\n\n")
    try:
        first, *lines = head.decode("ascii").split("\n")
        path = [decode_base64(line) for line in lines]
    except ValueError as cause:
        msg = "consistency: expected ASCII lines with base64 in its one spelling"
        raise BrokenProof(msg) from cause
    old = _OLD.fullmatch(first)
    if old is None or not separator or len(path) > LONGEST_PATH:
        msg = f"consistency: expected the lines old <size>, at most {LONGEST_PATH} hashes and an empty one"
        raise BrokenProof(msg)
    return int(old[1]), path, note
