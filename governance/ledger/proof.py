"""C2SP tlog-proof: one entry, provable offline from the entry, this file and the reader's trust policy."""

import re
from dataclasses import dataclass

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.canonical import decode_base64, encode_base64
from governance.ledger.checkpoint import LARGEST_SIZE
from governance.ledger.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from governance.ledger.note import LARGEST_NOTE_BYTES, decode_note
from governance.ledger.trust_policy import CosignedCheckpoint, TrustPolicy, verify_cosigned

HEADER = "c2sp.org/tlog-proof@v1"
LONGEST_PATH = 63
LARGEST_PROOF_BYTES = 2 * LARGEST_NOTE_BYTES
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class InclusionProof:
    """Where an entry is: ``index`` from 0, the ``path`` of at most 63 hashes (sibling first), the signed ``note``.

    ``extra`` belongs to the application, is not empty and not authenticated.
    """

    index: int
    path: tuple[bytes, ...]
    note: bytes
    extra: bytes | None = None

    def __post_init__(self) -> None:
        if len(self.path) > LONGEST_PATH or any(len(item) != HASH_BYTES for item in self.path):
            msg = f"proof: expected at most {LONGEST_PATH} hashes of {HASH_BYTES} bytes"
            raise InvalidInput(msg)
        if not 0 <= self.index < LARGEST_SIZE or self.extra == b"":
            msg = "proof: expected an index from 0 to 2^63 - 2, and either no extra data or some"
            raise InvalidInput(msg)


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
        BrokenProof: malformed, or longer than 2 MB.
    """
    if len(unverified) > LARGEST_PROOF_BYTES:
        msg = f"proof: expected at most {LARGEST_PROOF_BYTES} bytes, got {len(unverified)}"
        raise BrokenProof(msg)
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
    try:
        proof = InclusionProof(index=int(index[1]), path=path, note=note, extra=extra)
    except InvalidInput as cause:
        raise BrokenProof(str(cause)) from cause
    decode_note(note)
    return proof


def verify_proof(proof: InclusionProof, entry: bytes, policy: TrustPolicy) -> CosignedCheckpoint:
    """The checkpoint that contains ``entry``: signed by the policy's log, cosigned by its quorum, and then looked into.

    Raises:
        BrokenProof: the policy does not accept the checkpoint, or it does not contain these bytes at that index.
    """
    cosigned = verify_cosigned(proof.note, policy)
    checkpoint = cosigned.checkpoint
    verify_inclusion(proof.index, checkpoint.size, leaf_hash(entry), proof.path, checkpoint.root)
    return cosigned
