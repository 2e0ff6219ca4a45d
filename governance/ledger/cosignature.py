"""C2SP tlog-cosignature: what a witness signs, with the time at which it did.

A cosignature says: at that time this was the largest tree of the log that I had seen, and it begins with every one I
saw before. This is the Ed25519 kind (note signature type 0x04), which we make; the other is in `cosignature_mldsa`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.note import Ed25519Key, Ed25519Signer, SignatureLine, decode_key, decode_private_key

COSIGNATURE = b"\x04"
TIME_BYTES = 8
SIGNATURE_BYTES = 64
LATEST_S = 253_402_300_799
"""The last second of the year 9999, which a `datetime` can name; the format would allow 2^63 - 1."""


@dataclass(frozen=True, slots=True)
class WitnessKey(Ed25519Key):
    """A key whose signatures are cosignatures.

    The signed message does not hold the name: one key must never serve two witnesses.
    """

    algorithm: ClassVar[bytes] = COSIGNATURE

    def verify(self, signature: bytes, text: bytes) -> None:
        """Raise `BrokenProof` unless ``signature`` (8 bytes of time, 64 of Ed25519) is this key's over ``text``."""
        time_s = split_time(signature, SIGNATURE_BYTES)
        self.require_signed(signature[TIME_BYTES:], _message(time_s, text), "cosignature")


@dataclass(frozen=True, slots=True)
class WitnessSigner(Ed25519Signer):
    """What makes cosignatures."""

    algorithm: ClassVar[bytes] = COSIGNATURE

    @property
    def witness_key(self) -> WitnessKey:
        """The public half, for policies."""
        return WitnessKey(self.name, self.public_key)


def cosign(text: str, cosigned_at: datetime, signer: WitnessSigner) -> SignatureLine:
    """The witness's line under the checkpoint ``text``, at a whole second of ``cosigned_at`` (aware).

    Raises:
        InvalidInput: the time lies before 1970.
    """
    time_s = int(cosigned_at.timestamp())
    if time_s < 0:
        msg = f"a cosignature is made after 1970, got {cosigned_at.isoformat()}"
        raise InvalidInput(msg)
    made = signer.sign(_message(time_s, text.encode()))
    return SignatureLine(signer.name, signer.key_id, time_s.to_bytes(TIME_BYTES) + made)


def cosigned_at(line: SignatureLine) -> datetime:
    """When a verified cosignature says it was made, in UTC.

    Raises:
        BrokenProof: the line is no cosignature.
    """
    return datetime.fromtimestamp(split_time(line.signature, len(line.signature) - TIME_BYTES), tz=UTC)


def decode_witness_vkey(text: str) -> WitnessKey:
    """A witness's key, of type 0x04; see `note.decode_key`."""
    return decode_key(text, WitnessKey)


def decode_witness_signer(text: str) -> WitnessSigner:
    """What makes cosignatures; see `note.decode_private_key`."""
    return decode_private_key(text, WitnessSigner)


def split_time(signature: bytes, length: int) -> int:
    """The POSIX seconds with which a cosignature begins, ``length`` bytes of signature being left.

    Raises:
        BrokenProof: of another length, or a time that no calendar has.
    """
    time_s = int.from_bytes(signature[:TIME_BYTES])
    if len(signature) != TIME_BYTES + length or length < SIGNATURE_BYTES or time_s > LATEST_S:
        msg = f"a cosignature has {TIME_BYTES} bytes of time up to the year 9999 and at least {SIGNATURE_BYTES} more"
        raise BrokenProof(msg)
    return time_s


def _message(time_s: int, text: bytes) -> bytes:
    return b"cosignature/v1\ntime %d\n" % time_s + text
