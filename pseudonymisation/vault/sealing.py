"""What the vault's bytes are made of: wrapped secrets, sealed identifiers, blind indexes.

Sealed values are ``nonce (12) | ciphertext | tag (16)`` of AES-256-GCM (NIST SP 800-38D) with associated data that
names their use and row, so a value moved to another row does not open. Nonces are random: below 2^32 values per key
(section 8.3), which for the key-encryption key means subjects per version.
"""

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pseudonymisation.errors import BrokenSeal
from pseudonymisation.framing import framed
from pseudonymisation.keyring import Entropy, IndexKey, KeyEncryptionKey, Versions
from pseudonymisation.pseudonym import Pseudonym, SubjectSecret

NONCE_BYTES = 12
INDEX_BYTES = 16
"""Two of 2^40 identifiers meet by chance with a probability below 2^-48; without the key nobody can look for a pair."""

SECRET_LABEL = "probity/vault/subject-secret/v1"  # noqa: S105 - a label, not a secret
IDENTIFIER_LABEL = "probity/vault/identifier/v1"
IDENTIFIER_KEY_LABEL = "probity/vault/identifier-key/v1"
IDENTIFIER_INDEX_LABEL = "probity/vault/identifier-index/v1"
PSEUDONYM_INDEX_LABEL = "probity/vault/pseudonym-index/v1"
ERASED_LABEL = "probity/vault/erased-subject/v1"


class SecretWrapping:
    """Wraps and unwraps subject secrets; holds one prepared cipher per version of the key-encryption key."""

    def __init__(self, keys: Versions[KeyEncryptionKey], entropy: Entropy) -> None:
        self._ciphers = {key.version: AESGCM(key.material) for key in keys.keys}
        self._keys = keys
        self._entropy = entropy
        self.current_version = keys.current.version

    def wrap(self, subject_id: bytes, secret: SubjectSecret) -> bytes:
        """Sealed under the current version: 60 bytes."""
        nonce = self._entropy(NONCE_BYTES)
        data = _secret_data(subject_id, self.current_version)
        return nonce + self._ciphers[self.current_version].encrypt(nonce, secret.material, data)

    def unwrap(self, subject_id: bytes, wrapped: bytes, version: int) -> SubjectSecret:
        """The subject's secret.

        Raises:
            UnknownKey: the keyring does not hold that version.
            BrokenSeal: another key, or not this row's value.
        """
        if version not in self._ciphers:
            self._keys.version(version)
        return SubjectSecret(
            _opened(self._ciphers[version], wrapped, _secret_data(subject_id, version), "a subject's secret")
        )


class IdentifierSealing:
    """Seals one subject's identifiers under a key derived from its secret: with the secret they are gone too."""

    def __init__(self, subject_id: bytes, secret: SubjectSecret) -> None:
        # HKDF-Expand (RFC 5869, section 2.3) for one block; the secret is uniform, so section 3.3 lets Extract be left
        # out.
        key = hmac.digest(secret.material, framed(IDENTIFIER_KEY_LABEL) + b"\x01", "sha256")
        self._cipher = AESGCM(key)
        self._subject_id = subject_id

    def seal(self, slug: str, value: str, entropy: Entropy) -> bytes:
        """The sealed identifier."""
        nonce = entropy(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value.encode(), self._data(slug))

    def open(self, slug: str, sealed: bytes) -> str:
        """The identifier in clear.

        Raises:
            BrokenSeal: not this subject's, or not of this type.
        """
        return _opened(self._cipher, sealed, self._data(slug), "an identifier").decode()

    def _data(self, slug: str) -> bytes:
        return framed(IDENTIFIER_LABEL, self._subject_id, slug.encode())


def identifier_index(key: IndexKey, slug: str, value: str) -> bytes:
    """16 bytes by which an identifier is found again, and which tell nothing without the key."""
    return hmac.digest(key.material, framed(IDENTIFIER_INDEX_LABEL, slug.encode(), value.encode()), "sha256")[
        :INDEX_BYTES
    ]


def pseudonym_index(key: IndexKey, pseudonym: Pseudonym, *, domain: str, epoch: int) -> bytes:
    """16 bytes by which a pseudonym's subject is found, and which tell nothing without the key."""
    message = framed(PSEUDONYM_INDEX_LABEL, domain.encode(), str(epoch).encode(), pseudonym.encode())
    return hmac.digest(key.material, message, "sha256")[:INDEX_BYTES]


def erased_commitment(subject_id: bytes) -> bytes:
    """SHA-256 of a random subject id (122 unknown bits): recognises the subject in a back-up, and only there."""
    return hashlib.sha256(framed(ERASED_LABEL, subject_id)).digest()


def _secret_data(subject_id: bytes, version: int) -> bytes:
    return framed(SECRET_LABEL, subject_id, str(version).encode())


def _opened(cipher: AESGCM, sealed: bytes, data: bytes, what: str) -> bytes:
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], data)
    except (InvalidTag, ValueError) as cause:
        msg = f"{what} in the vault does not open: the keyring belongs to another vault, or the row was changed"
        raise BrokenSeal(msg) from cause
