"""Requests of subjects over HTTP. The identifier comes in the body, never in an address, and stops at the desk."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from governance.access.calls import forget_calls_that_made
from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.database import transaction
from governance.rights.requests import get_request, list_requests
from governance.rights.tables import RightsRequest
from governance.web.api.bodies import DecisionIn, FulfilmentOut, RequestIn, RequestOut
from governance.web.dependencies import Context, IdempotencyKey, Transaction, requires, requires_any
from governance.web.idempotency import id_for
from governance.web.request_reading import (
    Asked,
    RequestReading,
    decide,
    desk_of,
    get_visible,
    hand_over,
    read_request,
    receive_once,
    today_of,
)

router = APIRouter(prefix="/requests", tags=["requests"])


@router.get("", dependencies=[requires("requests:read")])
def show_requests(
    session: Transaction,
    context: Context,
    state: Annotated[str | None, Query(max_length=40)] = None,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[RequestOut]:
    """Requests, the one due first first."""
    found, today = list_requests(session, state=state, offset=offset, limit=limit), today_of(context)
    return [request_out(read_request(session, each, today)) for each in found]


@router.post("", status_code=HTTPStatus.CREATED)
def record_request(
    body: RequestIn,
    session: Transaction,
    context: Context,
    principal: Annotated[Principal, requires("requests:create")],
    key: IdempotencyKey = None,
) -> RequestOut:
    """Record a subject's request. The same subject and right again, or the same key, finds the first one."""
    request_id = id_for(session, context, principal, RightsRequest, key)
    request = receive_once(session, context, principal, asked_of(body), request_id=request_id)
    if (
        request.id != request_id
    ):  # one that is alive was found: an erasure, which finds calls by what they made, must too
        forget_calls_that_made(session, [request_id])
    return request_out(read_request(session, request, today_of(context)))


@router.get("/{request_id}")
def show_request(
    request_id: UUID,
    session: Transaction,
    context: Context,
    principal: Annotated[Principal, requires_any("requests:read", "requests:create")],
) -> RequestOut:
    """One request: any for those who read requests, one's own for the front end that recorded it."""
    request = get_visible(session, request_id, principal, context.policies.access.value)
    return request_out(read_request(session, request, today_of(context)))


@router.post("/{request_id}/decision")
def decide_request(
    request_id: UUID,
    body: DecisionIn,
    session: Transaction,
    context: Context,
    principal: Annotated[Principal, requires("requests:decide")],
) -> RequestOut:
    """Approve, or refuse on a ground. The same decision again changes nothing."""
    request = decide(session, context, get_request(session, request_id), principal, body.ground)
    return request_out(read_request(session, request, today_of(context)))


@router.post("/{request_id}/fulfilment")
def fulfil_request(
    request_id: UUID, context: Context, principal: Annotated[Principal, requires("requests:decide")]
) -> FulfilmentOut:
    """Carry out an approved request. Twice is as once, but a package's key is shown only the first time."""
    handed = hand_over(desk_of(context).fulfil(request_id, actor=actor_of(principal)))
    with transaction(context.engine) as session:
        request = request_out(read_request(session, get_request(session, request_id), today_of(context)))
    return FulfilmentOut(**request.model_dump(), package=handed.package, key=handed.key)


def asked_of(body: RequestIn) -> Asked:
    """What the body asks for."""
    return Asked(
        right=body.right,
        regime=body.regime,
        manner=body.manner,
        identifier_kind=body.identifier.kind,
        unverified_identifier=body.identifier.value,
    )


def request_out(reading: RequestReading) -> RequestOut:
    """A request as JSON."""
    request = reading.request
    return RequestOut(
        id=request.id,
        right=request.right,
        regime=request.regime,
        manner=request.manner,
        state=request.state,
        received_at=request.received_at,
        acknowledge_by=request.acknowledge_by,
        due_at=request.due_on,
        days_left=reading.days_left,
        refusal=request.refusal,
        closed_at=request.closed_at,
        certificate=None if reading.certificate is None else reading.certificate.digest,
    )
