"""Pseudonyms: what names a subject inside one domain.

    P(domain, epoch) = first 16 bytes of HMAC-SHA-256(subject_secret, framed("probity/pseudonym/v1", domain, epoch))

One-way and keyed per subject (EDPB Guidelines 01/2025, paragraph 89): there is no key whose holder could test guesses
against the lake, two domains are unlinkable without the vault, and with the secret every pseudonym of the subject is
gone for good.
"""

import hmac
from functools import lru_cache
from typing import NewType

from pseudonymisation.errors import UnknownDomain
from pseudonymisation.framing import framed

Pseudonym = NewType("Pseudonym", str)
"""32 lower-case hexadecimal digits (16 bytes)."""

DOMAINS = ("events", "consent", "rights")
"""Where pseudonyms live. A subject has another one in each."""

FIRST_EPOCH = 1
PSEUDONYM_BYTES = 16
SECRET_BYTES = 32
LABEL = "probity/pseudonym/v1"


class SubjectSecret:
    """256 random bits of one subject. Cannot be printed."""

    __slots__ = ("material",)

    def __init__(self, material: bytes) -> None:
        if len(material) != SECRET_BYTES:
            msg = f"subject secret: expected {SECRET_BYTES} bytes, got {len(material)}"
            raise ValueError(msg)
        self.material = material

    def __repr__(self) -> str:
        return "SubjectSecret(…)"


def derive(secret: SubjectSecret, *, domain: str, epoch: int = FIRST_EPOCH) -> Pseudonym:
    """The subject's pseudonym in one domain and epoch.

    Guarantees:
      - the same for the same (secret, domain, epoch), frozen in ``tests/vectors/pseudonyms``
      - for different domains or epochs computationally unlinkable without ``secret``
    """
    return Pseudonym(hmac.digest(secret.material, _message(domain, epoch), "sha256")[:PSEUDONYM_BYTES].hex())


@lru_cache(maxsize=64)
def _message(domain: str, epoch: int) -> bytes:
    return framed(LABEL, domain.encode(), str(epoch).encode())


def verify_domain(domain: str) -> str:
    """Give ``domain`` back if it is registered.

    Raises:
        UnknownDomain: says which domains there are.
    """
    if domain not in DOMAINS:
        msg = f"domain of pseudonyms: expected one of {', '.join(DOMAINS)}, got another"
        raise UnknownDomain(msg)
    return domain


def is_pseudonym(text: str) -> bool:
    """Whether ``text`` has the one form that a pseudonym has."""
    return len(text) == 2 * PSEUDONYM_BYTES and set(text) <= set("0123456789abcdef")
