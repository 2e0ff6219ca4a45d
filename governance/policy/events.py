"""What policies write into the ledger."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyInForce:
    """A policy file took effect; ``digest`` is the SHA-256 (hex) of its bytes."""

    kind: ClassVar[str] = "policy.in_force"
    version: ClassVar[int] = 1

    name: str
    digest: str
