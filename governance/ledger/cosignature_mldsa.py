"""C2SP tlog-cosignature of the ML-DSA-44 kind (note signature type 0x06): verified, not made.

Newer witnesses sign this way. The message holds the names of witness and log, the size and the root, and none of the
checkpoint's extension lines: about those such a cosignature says nothing.
"""

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.canonical import encode_base64
from governance.ledger.checkpoint import decode_checkpoint
from governance.ledger.cosignature import TIME_BYTES, split_time
from governance.ledger.note import key_id, require_name, split_key

MLDSA = b"\x06"
PUBLIC_KEY_BYTES = 1312
SIGNATURE_BYTES = 2420
LONGEST_NAME_BYTES = 255
_LABEL = b"subtree/v1\n\x00"


@dataclass(frozen=True, slots=True)
class MldsaWitnessKey:
    """A named ML-DSA-44 public key (1,312 bytes) whose signatures are cosignatures."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        require_name(self.name)
        if len(self.public_key) != PUBLIC_KEY_BYTES or len(self.name.encode()) > LONGEST_NAME_BYTES:
            msg = f"expected a key of {PUBLIC_KEY_BYTES} bytes and a name of at most {LONGEST_NAME_BYTES}"
            raise InvalidInput(msg)

    @property
    def key_id(self) -> bytes:
        """SHA-256(name || newline || 0x06 || public key), its first four bytes."""
        return key_id(self.name, MLDSA + self.public_key)

    def verify(self, signature: bytes, text: bytes) -> None:
        """Raise `BrokenProof` unless ``signature`` is this key's over the checkpoint ``text``."""
        time_s = split_time(signature, SIGNATURE_BYTES)
        checkpoint = decode_checkpoint(text.decode())
        signed = subtree_message(self.name, time_s, checkpoint.origin, 0, checkpoint.size, checkpoint.root)
        try:
            MLDSA44PublicKey.from_public_bytes(self.public_key).verify(signature[TIME_BYTES:], signed)
        except (InvalidSignature, ValueError) as cause:
            msg = f"the cosignature of {self.name}+{self.key_id.hex()} does not hold"
            raise BrokenProof(msg) from cause


def encode_mldsa_vkey(key: MldsaWitnessKey) -> str:
    """``<name>+<key id, 8 hex>+<base64(0x06 || public key)>``."""
    return f"{key.name}+{key.key_id.hex()}+{encode_base64(MLDSA + key.public_key)}"


def decode_mldsa_vkey(text: str) -> MldsaWitnessKey:
    """The key that `encode_mldsa_vkey` wrote.

    Raises:
        InvalidInput: not a vkey of type 0x06, or its key id does not follow from its name and key.
    """
    name, blob = split_key(text)
    key = MldsaWitnessKey(name, blob[1:])
    if encode_mldsa_vkey(key) != text:
        msg = f"vkey of {name}: expected type 6 and key id {key.key_id.hex()}"
        raise InvalidInput(msg)
    return key


def subtree_message(witness: str, time_s: int, origin: str, start: int, end: int, root: bytes) -> bytes:  # noqa: PLR0917
    """The ``cosigned_message`` of the format: what is signed about the leaves ``start <= i < end`` of a log.

    Raises:
        BrokenProof: a name is longer than 255 bytes.
    """
    names = [name.encode() for name in (witness, origin)]
    if any(len(name) > LONGEST_NAME_BYTES for name in names):
        msg = f"this kind of cosignature names a witness and a log in at most {LONGEST_NAME_BYTES} bytes each"
        raise BrokenProof(msg)
    first, second = (len(name).to_bytes(1) + name for name in names)
    return b"".join([_LABEL, first, time_s.to_bytes(8), second, start.to_bytes(8), end.to_bytes(8), root])
