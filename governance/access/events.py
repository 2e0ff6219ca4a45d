"""What access writes into the ledger: ids and roles, never a name."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalAdded:
    """Somebody may act from now on, in these roles."""

    kind: ClassVar[str] = "access.principal_added"
    version: ClassVar[int] = 1

    principal: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssued:
    """An API token was made; ``expires_on`` is a day, or None for one that lasts until revoked."""

    kind: ClassVar[str] = "access.token_issued"
    version: ClassVar[int] = 1

    token: str
    principal: str
    expires_on: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRevoked:
    """An API token stopped working."""

    kind: ClassVar[str] = "access.token_revoked"
    version: ClassVar[int] = 1

    token: str
    principal: str
