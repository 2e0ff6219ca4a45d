"""What a witness does: check that a log only grew, remember it, and then say so. No HTTP.

The refusals are those of C2SP tlog-witness, as our own errors: `InvalidInput` (400), `Forbidden` (403), `NotFound`
(404), `OtherSize` (409), `BrokenProof` (422).
"""

import re
from dataclasses import replace

from governance.clock import Clock
from governance.errors import BrokenProof, Conflict, Forbidden, InvalidInput, LedgerError, NotFound
from governance.ledger.checkpoint import Checkpoint, decode_checkpoint
from governance.ledger.cosignature import cosign
from governance.ledger.durable_files import locked
from governance.ledger.durable_files import replace as replace_file
from governance.ledger.merkle import EMPTY_ROOT, verify_consistency
from governance.ledger.note import (
    SignatureLine,
    UnverifiedNote,
    VerifierKey,
    add_signatures,
    decode_note,
    encode_note,
    verified_lines,
)
from governance.ledger.witness_protocol import AddCheckpoint, decode_request, origin_digest
from governance.witness.folder import CHECKPOINT, WitnessFolder

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class OtherSize(Conflict):
    """The witness cosigned another size last than the request begins at; ``size`` is what it cosigned."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the last checkpoint cosigned here has {size} entries")
        self.size = size


def add_checkpoint(witness: WitnessFolder, unverified: bytes, *, clock: Clock) -> SignatureLine:
    """The witness's cosignature on the checkpoint of an ``add-checkpoint`` request.

    Guarantees:
      - the checkpoint is stored durably, as the log's last, before its cosignature is returned
      - for each log, the cosigned checkpoints each begin with the one before, whoever asks at the same time

    Raises:
        InvalidInput: malformed, or the old size is above the new.
        NotFound: no log of this origin is known here.
        Forbidden: the log's signature is missing or fails.
        OtherSize: the request begins at another size than was cosigned last.
        BrokenProof: the log did not only grow, or its proof does not show it.
        LedgerError: the witness's own folder is not as it left it.
    """
    request = decode_request(unverified)
    note = _signed_by_log(witness, decode_note(request.note))
    checkpoint = _checkpoint_of(note)
    if request.old_size > checkpoint.size:
        msg = f"expected an old size of at most {checkpoint.size}, got {request.old_size}"
        raise InvalidInput(msg)
    place = witness.path / origin_digest(checkpoint.origin)
    with locked(place):
        _verify_growth(_last(witness, checkpoint.origin), checkpoint, request)
        line = cosign(note.text, clock(), witness.signer)
        replace_file(place, CHECKPOINT, add_signatures(encode_note(note), [line]))
    return line


def latest(witness: WitnessFolder, digest: str) -> bytes:
    """The last checkpoint cosigned for the log whose origin has this SHA-256 (hex), as a note.

    Raises:
        NotFound: there is none.
    """
    place = witness.path / digest / CHECKPOINT
    if _DIGEST.fullmatch(digest) is None or not place.is_file():
        msg = "no checkpoint was cosigned here for a log of this origin"
        raise NotFound(msg)
    return place.read_bytes()


def _signed_by_log(witness: WitnessFolder, note: UnverifiedNote) -> UnverifiedNote:
    """The note with the log's verified lines only: strangers' lines are neither believed nor passed on."""
    origin = note.text.partition("\n")[0]
    keys: list[VerifierKey] = [log.key for log in witness.logs.logs if log.key.name == origin]
    if not keys:
        msg = "no log of this origin is known here"
        raise NotFound(msg)
    try:
        lines = tuple(line for _, line in verified_lines(note, keys))
    except BrokenProof as cause:
        raise Forbidden(str(cause)) from cause
    if not lines:
        msg = f"expected a signature of {', '.join(f'{key.name}+{key.key_id.hex()}' for key in keys)}, got none"
        raise Forbidden(msg)
    return replace(note, lines=lines)


def _checkpoint_of(note: UnverifiedNote) -> Checkpoint:
    try:
        return decode_checkpoint(note.text)
    except BrokenProof as cause:
        raise InvalidInput(str(cause)) from cause


def _last(witness: WitnessFolder, origin: str) -> Checkpoint:
    path = witness.path / origin_digest(origin) / CHECKPOINT
    if not path.exists():
        return Checkpoint(origin, 0, EMPTY_ROOT)
    try:
        note = decode_note(path.read_bytes())
        checkpoint = decode_checkpoint(note.text)
        ours = verified_lines(note, [witness.signer.witness_key])
    except BrokenProof as cause:
        msg = f"{path}: expected the checkpoint that this witness cosigned last: {cause}"
        raise LedgerError(msg) from cause
    if not ours or checkpoint.origin != origin:
        msg = f"{path}: expected the checkpoint of {origin} that this witness cosigned last, found another"
        raise LedgerError(msg)
    return checkpoint


def _verify_growth(last: Checkpoint, checkpoint: Checkpoint, request: AddCheckpoint) -> None:
    if request.old_size != last.size:
        raise OtherSize(last.size)
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        msg = f"a tree of no entries has the root {EMPTY_ROOT.hex()}, got {checkpoint.root.hex()}"
        raise BrokenProof(msg)
    verify_consistency(last.size, checkpoint.size, last.root, checkpoint.root, request.proof)
