"""What requests write into the ledger.

A lone request on a day is a person: no subject, no time of day, no free text. ``commitment`` (64 hex digits) is to
whose request it is, and can be opened for a reviewer until the subject is erased or the record's time is over (see
`openings`); None where there is nobody to commit to any more.

Received and fulfilled or refused together hold what 11 CCR §7101(b) asks of a log: date, nature and manner of the
request, date and nature of the response, basis of a denial.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReceived:
    """A request arrived; the dates are days (ISO 8601).

    Since version 2 with the ``manner`` in which it was made, a word of the registry of manners, and a commitment.
    """

    kind: ClassVar[str] = "rights.request_received"
    version: ClassVar[int] = 2
    by_day: ClassVar[bool] = True

    request: str
    right: str
    regime: str
    received_on: str
    due_on: str
    manner: str | None = None
    commitment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMoved:
    """A request reached another state on its way: acknowledged, approved, processing.

    Extensions are `RequestExtended`; before there was version 2 they were the state ``extended`` here.
    """

    kind: ClassVar[str] = "rights.request_moved"
    version: ClassVar[int] = 2
    by_day: ClassVar[bool] = True

    request: str
    state: str
    due_on: str
    commitment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestExtended:
    """The deadline of a request was moved, once; ``reason`` is one of the law's two (GDPR Art. 12(3)).

    ``extended_on`` is the day on which the subject is told.
    """

    kind: ClassVar[str] = "rights.request_extended"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    request: str
    right: str
    regime: str
    reason: str
    extended_on: str
    due_on: str
    commitment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFulfilled:
    """A request was answered; ``response`` is the nature of the answer, since version 2.

    After an erasure there is nobody to commit to.
    """

    kind: ClassVar[str] = "rights.request_fulfilled"
    version: ClassVar[int] = 2
    by_day: ClassVar[bool] = True

    request: str
    right: str
    regime: str
    received_on: str
    fulfilled_on: str
    manner: str | None = None
    response: str | None = None
    commitment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefused:
    """A request was refused, on the ground named by a word of the registry of grounds: the basis of the denial."""

    kind: ClassVar[str] = "rights.request_refused"
    version: ClassVar[int] = 2
    by_day: ClassVar[bool] = True

    request: str
    right: str
    regime: str
    received_on: str
    refused_on: str
    ground: str
    manner: str | None = None
    response: str | None = None
    commitment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureStarted:
    """Written before anything is destroyed, so that a restored backup can be told to destroy it again.

    Names the stores but not how many rows they hold: a count of somebody's ratings can be who they are. Its commitment
    can be opened until the subject's secret is destroyed, one stage later.
    """

    kind: ClassVar[str] = "rights.erasure_started"
    version: ClassVar[int] = 2
    by_day: ClassVar[bool] = True

    request: str
    stores: tuple[str, ...]
    commitment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureCertified:
    """An erasure was verified by a second read; ``certificate`` is the SHA-256 (hex) of the signed envelope.

    There is nobody left to commit to: who can show the certificate shows that it was about them.
    """

    kind: ClassVar[str] = "rights.erasure_certified"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    request: str
    certificate: str
    models: int
    retrain_by: str | None
