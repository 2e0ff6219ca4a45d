"""Bearer secrets: 256 random bits, shown once, stored as SHA-256."""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

SECRET_BYTES = 32

Draw = Callable[[int], bytes]
"""Returns that many bytes nobody can predict."""

secure_draw: Draw = secrets.token_bytes


@dataclass(frozen=True, slots=True)
class BearerSecret:
    """What the holder shows. Printing it shows nothing; `reveal` is for the one moment it is handed over."""

    _text: str

    def reveal(self) -> str:
        """The secret itself: URL-safe text of a fixed prefix and 256 bits."""
        return self._text

    @property
    def digest(self) -> bytes:
        """What is stored."""
        return digest_of(self._text)

    def __repr__(self) -> str:
        return "BearerSecret(…)"


def draw_secret(prefix: str, draw: Draw) -> BearerSecret:
    """A new secret. The prefix lets secret scanners recognise one that leaked."""
    return BearerSecret(prefix + urlsafe_b64encode(draw(SECRET_BYTES)).rstrip(b"=").decode("ascii"))


def digest_of(unverified: str) -> bytes:
    """SHA-256 (32 bytes) of shown text.

    Plain hashing suffices: a secret has 256 bits, so there is nothing to guess.
    """
    return sha256(b"probity/bearer/v1\n" + unverified.encode("utf-8", "surrogatepass")).digest()
