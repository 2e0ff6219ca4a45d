"""What the signing keys write into the ledger."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotated:
    """A signing key was replaced by a fresh one.

    ``key`` says what it signs, ``old`` and ``new`` are key ids (hex), ``public`` is the new public key as those who
    verify take it, and ``retired`` what became of the old private key: ``kept`` signs beside the new one until the
    next rotation, ``destroyed`` signs nothing any more. ``ground`` is a word of the registry of grounds.
    """

    kind: ClassVar[str] = "key.rotated"
    version: ClassVar[int] = 1

    key: str
    old: str
    new: str
    public: str
    retired: str
    ground: str
