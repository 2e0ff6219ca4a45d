"""Requests as the web takes and shows them: a retried call finds what the first one made; nobody sees another's."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.access.permissions import permissions_of
from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.errors import ConfigurationError, NotFound
from governance.ledger.canonical import decode_base64, decode_json
from governance.policy.rules import AccessPolicy
from governance.rights.requests import (
    Ground,
    Manner,
    acknowledge,
    approve,
    day_of,
    days_left,
    get_request,
    receive,
    refuse,
)
from governance.rights.tables import CertificateRecord, RightsRequest
from governance.web.context import Delivery, RightsDesk, WebContext
from governance.web.idempotency import require_same
from pseudonymisation.pseudonym import Pseudonym

READ = "requests:read"
SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReading:
    """A request, the days until its answer is due (negative: late; None: closed), its certificate if there is one."""

    request: RightsRequest
    days_left: int | None
    certificate: CertificateRecord | None

    @property
    def statement(self) -> Any:  # noqa: ANN401 - JSON
        """What the certificate says, or None."""
        if self.certificate is None:
            return None
        envelope: Any = decode_json(self.certificate.envelope)
        return decode_json(decode_base64(envelope["payload"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a subject asks for, by which right and regime, in which manner, and what names them (never printed)."""

    right: str
    regime: str
    manner: Manner
    identifier_kind: str
    unverified_identifier: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """What the one who carried a request out passes on: a package's name in the outbox, and its key as text to copy."""

    package: str | None
    key: str | None = field(repr=False)


def hand_over(delivery: Delivery) -> HandedOver:
    """A delivery as it is shown, once; the key in the form that `probity rights open` takes."""
    key = None if delivery.key is None else urlsafe_b64encode(delivery.key).decode("ascii")
    return HandedOver(package=None if delivery.package is None else delivery.package.name, key=key)


def desk_of(context: WebContext) -> RightsDesk:
    """The way to the identity plane.

    Raises:
        ConfigurationError: this process was started without one.
    """
    if context.desk is None:
        msg = "the identity plane cannot be reached from this process: run `probity serve` on the home that has it"
        raise ConfigurationError(msg)
    return context.desk


def read_request(session: Session, request: RightsRequest, today: date) -> RequestReading:
    """A request with what the page and the API add to it."""
    statement = select(CertificateRecord).where(CertificateRecord.request_id == request.id)
    return RequestReading(request=request, days_left=days_left(request, today), certificate=session.scalar(statement))


def get_visible(session: Session, request_id: UUID, principal: Principal, policy: AccessPolicy) -> RightsRequest:
    """The request, for those who may read all of them or who recorded this one.

    Raises:
        NotFound: there is none, or it is someone else's; the two cannot be told apart.
    """
    request = get_request(session, request_id)
    if READ not in permissions_of(principal, policy) and request.received_by != principal.id:
        msg = f"no request {request_id}"
        raise NotFound(msg)
    return request


def receive_once(
    session: Session,
    context: WebContext,
    principal: Principal,
    asked: Asked,
    *,
    request_id: UUID,
) -> RightsRequest:
    """Record what a subject asks for; a retry with the same id finds it.

    Raises:
        InvalidInput: the id belongs to a request for something else, or right, regime or identifier cannot be right.
        NotFound: nobody has this identifier.
    """
    known = session.get(RightsRequest, request_id)
    if known is not None and known.subject is None:  # erased since: its subject can no longer be compared
        require_same(same=(known.right, known.regime) == (asked.right, asked.regime))
        return known
    desk = desk_of(context)
    subject = desk.resolve(asked.identifier_kind, asked.unverified_identifier)
    if subject is None:
        msg = "no subject is known by this identifier"
        raise NotFound(msg)
    if known is not None:
        require_same(same=(known.right, known.regime, known.subject) == (asked.right, asked.regime, subject))
        return known
    return receive(
        session,
        asked.right,
        asked.regime,
        Pseudonym(subject),
        request_id=request_id,
        principal=principal,
        policy=context.policies.rights.value,
        clock=context.clock,
        manner=asked.manner,
        box_key=desk.box_key(Pseudonym(subject), request_id),
    )


def decide(
    session: Session, context: WebContext, request: RightsRequest, principal: Principal, ground: Ground | None
) -> RightsRequest:
    """Refuse on a ground, or with None approve; one that nobody acknowledged yet is acknowledged on the way.

    Raises:
        Forbidden, Conflict, InvalidInput: as `approve` and `refuse` say.
    """
    if ground is not None:
        return refuse(session, request, principal, ground, clock=context.clock)
    if request.state == "received":
        acknowledge(session, request, actor=actor_of(principal), clock=context.clock)
    return approve(session, request, principal, policy=context.policies.rights.value, clock=context.clock)


def today_of(context: WebContext) -> date:
    """The day it is, in UTC."""
    return day_of(context.clock())


def list_alive(session: Session) -> list[RightsRequest]:
    """Requests that wait for an answer, the one due first first."""
    statement = select(RightsRequest).where(RightsRequest.closed_at.is_(None))
    return list(session.scalars(statement.order_by(RightsRequest.due_on, RightsRequest.id).limit(SHOWN)))
