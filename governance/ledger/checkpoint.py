"""C2SP tlog-checkpoint: what a log signs. Origin, size, root; one encoding."""

import re
from dataclasses import dataclass

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.canonical import decode_base64, encode_base64
from governance.ledger.merkle import HASH_BYTES
from governance.ledger.note import LedgerSigner, sign_note

LARGEST_SIZE = 2**63 - 1
FIXED_LINES = 3
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: ``size`` entries (0 to 2^63 - 1) of the log ``origin`` have the Merkle ``root`` (32 bytes)."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= LARGEST_SIZE or len(self.root) != HASH_BYTES:
            msg = (
                f"a checkpoint has a size from 0 to 2^63 - 1 and a root of 32 bytes, got {self.size}, {len(self.root)}"
            )
            raise InvalidInput(msg)
        if any(not line or "\n" in line for line in (self.origin, *self.extensions)):
            msg = "a checkpoint's origin and extension lines are single lines, none empty"
            raise InvalidInput(msg)


def encode_checkpoint(checkpoint: Checkpoint) -> str:
    """The text that is signed."""
    lines = (checkpoint.origin, str(checkpoint.size), encode_base64(checkpoint.root), *checkpoint.extensions)
    return "".join(f"{line}\n" for line in lines)


def decode_checkpoint(text: str) -> Checkpoint:
    """The checkpoint of a verified text.

    Guarantees:
      - ``encode_checkpoint(decode_checkpoint(t)) == t``

    Raises:
        BrokenProof: names the line that is wrong.
    """
    lines = text.split("\n")
    if len(lines) <= FIXED_LINES or lines.pop() or not all(lines):
        msg = "checkpoint: expected at least three lines, none empty, each ending in a newline"
        raise BrokenProof(msg)
    origin, size, root, *extensions = lines
    if _SIZE.fullmatch(size) is None:
        msg = "checkpoint line 2: expected a decimal size without leading zero"
        raise BrokenProof(msg)
    try:
        return Checkpoint(origin, int(size), decode_base64(root), tuple(extensions))
    except (ValueError, InvalidInput) as cause:
        msg = "checkpoint: expected a size below 2^63 in line 2 and base64 of 32 bytes in line 3"
        raise BrokenProof(msg) from cause


def sign_checkpoint(checkpoint: Checkpoint, *signers: LedgerSigner) -> bytes:
    """The signed note. Each signer's name is the log's origin; there are two while the log's key is being replaced.

    Raises:
        InvalidInput: a signer has another name, or there is none.
    """
    for signer in signers:
        if signer.name != checkpoint.origin:
            msg = f"expected a signer named {checkpoint.origin}, got {signer.name}"
            raise InvalidInput(msg)
    return sign_note(encode_checkpoint(checkpoint), *signers)
