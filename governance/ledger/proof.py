"""C2SP tlog-proof: one entry, provable offline from the entry, this file and the log's public key."""

import re
from dataclasses import dataclass

from governance.errors import BrokenProof
from governance.ledger.canonical import decode_base64, encode_base64
from governance.ledger.checkpoint import Checkpoint, verify_checkpoint
from governance.ledger.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from governance.ledger.note import VerifierKey

HEADER = "c2sp.org/tlog-proof@v1"
LONGEST_PATH = 63
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class InclusionProof:
    """Where an entry is: ``index`` from 0, the ``path`` of 32-byte hashes (sibling first), the signed ``note``.

    ``extra`` belongs to the application and is not authenticated.
    """

    index: int
    path: tuple[bytes, ...]
    note: bytes
    extra: bytes | None = None


def encode_proof(proof: InclusionProof) -> bytes:
    """The ``.tlog-proof`` file."""
    extra = [] if proof.extra is None else [f"extra {encode_base64(proof.extra)}"]
    lines = [HEADER, *extra, f"index {proof.index}", *map(encode_base64, proof.path), ""]
    return "".join(f"{line}\n" for line in lines).encode() + proof.note


def decode_proof(unverified: bytes) -> InclusionProof:
    """The proof in a ``.tlog-proof`` file, not yet verified.

    Guarantees:
      - ``encode_proof(decode_proof(b)) == b``

    Raises:
        BrokenProof: malformed.
    """
    head, separator, note = unverified.partition(b"\n\n")
    try:
        header, *lines = head.decode("ascii").split("\n")
        extra = decode_base64(lines.pop(0).removeprefix("extra ")) if lines and lines[0].startswith("extra ") else None
        index = _INDEX.fullmatch(lines.pop(0) if lines else "")
        path = tuple(decode_base64(line) for line in lines)
    except ValueError as cause:
        msg = "proof: expected ASCII lines with base64 in its one spelling"
        raise BrokenProof(msg) from cause
    if header != HEADER or not separator or index is None:
        msg = f"proof: expected the lines {HEADER}, index, hashes and an empty one"
        raise BrokenProof(msg)
    if len(path) > LONGEST_PATH or any(len(item) != HASH_BYTES for item in path):
        msg = f"proof: expected at most {LONGEST_PATH} hashes of {HASH_BYTES} bytes"
        raise BrokenProof(msg)
    return InclusionProof(index=int(index[1]), path=path, note=note, extra=extra)


def verify_proof(proof: InclusionProof, entry: bytes, key: VerifierKey) -> Checkpoint:
    """The signed checkpoint that contains ``entry``.

    Raises:
        BrokenProof: the checkpoint is not signed by ``key``, or does not contain these bytes at that index.
    """
    checkpoint = verify_checkpoint(proof.note, key)
    verify_inclusion(proof.index, checkpoint.size, leaf_hash(entry), proof.path, checkpoint.root)
    return checkpoint
