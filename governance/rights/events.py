"""What requests write into the ledger.

A lone request on a day is a person: no subject, no time of day, no free text.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReceived:
    """A request arrived; the dates are days (ISO 8601)."""

    kind: ClassVar[str] = "rights.request_received"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    request: str
    right: str
    regime: str
    received_on: str
    due_on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMoved:
    """A request reached another state on its way: acknowledged, approved, processing, extended."""

    kind: ClassVar[str] = "rights.request_moved"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    request: str
    state: str
    due_on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFulfilled:
    """A request was answered."""

    kind: ClassVar[str] = "rights.request_fulfilled"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    request: str
    right: str
    regime: str
    received_on: str
    fulfilled_on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefused:
    """A request was refused, on the ground named by a word of the registry of grounds."""

    kind: ClassVar[str] = "rights.request_refused"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    request: str
    right: str
    regime: str
    received_on: str
    refused_on: str
    ground: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureStarted:
    """Written before anything is destroyed, so that a restored backup can be told to destroy it again.

    Names the stores but not how many rows they hold: a count of somebody's ratings can be who they are.
    """

    kind: ClassVar[str] = "rights.erasure_started"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    request: str
    stores: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureCertified:
    """An erasure was verified by a second read; ``certificate`` is the SHA-256 (hex) of the signed envelope."""

    kind: ClassVar[str] = "rights.erasure_certified"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    request: str
    certificate: str
    models: int
    retrain_by: str | None
