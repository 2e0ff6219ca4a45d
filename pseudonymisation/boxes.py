"""Boxes of one subject: whoever has a box's public key puts something in, only the vault takes it out, nobody later.

HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. The private key follows from the
subject's secret and is stored nowhere:

    private = HMAC-SHA-256(subject_secret, framed("probity/subject-box-key/v1", purpose) || 0x01)

So with the secret every copy of what lies in a box becomes unreadable, in back-ups and database logs too, although the
process that filled it has no access to the vault. Two purposes give two keys that nobody can link without the secret.
"""

import hmac
from typing import Final, NewType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from pseudonymisation.errors import BrokenSeal
from pseudonymisation.framing import framed
from pseudonymisation.pseudonym import SubjectSecret

BoxKey = NewType("BoxKey", bytes)
"""32 bytes: the X25519 public key of a box. Names its subject as little as a random number, but is theirs alone."""

KEY_LABEL: Final = "probity/subject-box-key/v1"
BOX_LABEL: Final = "probity/subject-box/v1"
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def box_key(secret: SubjectSecret, purpose: bytes) -> BoxKey:
    """The public key of a subject's box for one purpose."""
    return BoxKey(_private(secret, purpose).public_key().public_bytes_raw())


def seal(key: BoxKey, content: bytes, *, place: bytes) -> bytes:
    """Put ``content`` into a box: 48 bytes longer, another each time.

    Args:
        key: of the box.
        content: what to seal.
        place: where the result will lie; moved to another place it does not open.

    Raises:
        BrokenSeal: the key is no usable public key.
    """
    try:
        public = X25519PublicKey.from_public_bytes(key)
        return _SUITE.encrypt(content, public, info=framed(BOX_LABEL, place))
    except ValueError as cause:
        msg = f"expected the public key of a subject's box (32 bytes), got {len(key)} bytes that are none"
        raise BrokenSeal(msg) from cause


def open_box(secret: SubjectSecret, purpose: bytes, sealed: bytes, *, place: bytes) -> bytes:
    """What `seal` put in.

    Raises:
        BrokenSeal: another subject's or purpose's box, moved from another place, or changed.
    """
    try:
        return _SUITE.decrypt(sealed, _private(secret, purpose), info=framed(BOX_LABEL, place))
    except (InvalidTag, ValueError) as cause:
        msg = "a subject's box does not open: it is another's, was moved, or was changed"
        raise BrokenSeal(msg) from cause


def _private(secret: SubjectSecret, purpose: bytes) -> X25519PrivateKey:
    # HKDF-Expand (RFC 5869, section 2.3) for one block; the secret is uniform, so section 3.3 lets Extract be left out.
    seed = hmac.digest(secret.material, framed(KEY_LABEL, purpose) + b"\x01", "sha256")
    return X25519PrivateKey.from_private_bytes(seed)
