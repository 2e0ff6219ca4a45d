"""What attestations write into the ledger."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationMade:
    """A statement was signed, by the key ``key`` (SHA-256 of it).

    ``attestation`` is the SHA-256 over the envelope's PAE, ``artefact`` that of what the statement is about, ``about``
    its name here: a model, a release or a request. The last entry of a predicate type about an artefact is the one in
    force. By day: some are about one person's erasure, and the others say the time themselves.
    """

    kind: ClassVar[str] = "attestation.made"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    attestation: str
    predicate_type: str
    artefact: str
    about: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationWithdrawn:
    """A statement no longer stands; ``reason`` is a word of a closed list."""

    kind: ClassVar[str] = "attestation.withdrawn"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    attestation: str
    predicate_type: str
    artefact: str
    about: str
    reason: str
