"""Requests of subjects: what is due when, the decision, the work, the certificate."""

from http import HTTPStatus
from typing import Annotated, Literal, get_args
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from governance.access.principals import actor_of, get_principal
from governance.access.tables import Principal
from governance.errors import InvalidInput, NotFound
from governance.rights.requests import Ground, get_request, list_requests
from governance.web.dependencies import Context, Transaction, requires
from governance.web.pages import render
from governance.web.request_reading import decide, desk_of, hand_over, read_request, today_of

router = APIRouter(prefix="/requests")

Reader = Annotated[Principal, requires("requests:read")]
Decider = Annotated[Principal, requires("requests:decide")]
PAGE = 50


@router.get("")
def show_requests(
    request: Request,
    session: Transaction,
    context: Context,
    principal: Reader,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Requests that wait, then those that are closed."""
    found, today = list_requests(session, offset=offset, limit=PAGE + 1), today_of(context)
    rows = [read_request(session, each, today) for each in found[:PAGE]]
    values = {
        "alive": [each for each in rows if each.days_left is not None],
        "closed": [each for each in rows if each.days_left is None],
        "older": offset + PAGE if len(found) > PAGE else None,
        "rights": context.policies.rights.value.rights,
    }
    return render(request, "requests.html", values, principal=principal)


@router.get("/{request_id}")
def show_request(
    request: Request, session: Transaction, context: Context, principal: Reader, request_id: UUID
) -> Response:
    """One request."""
    found = get_request(session, request_id)
    values = {
        "reading": read_request(session, found, today_of(context)),
        "right": context.policies.rights.value.rights.get(found.right),
        "regime": context.policies.rights.value.regimes.get(found.regime),
        "received_by": get_principal(session, found.received_by),
        "approved_by": None if found.approved_by is None else get_principal(session, found.approved_by),
        "grounds": get_args(Ground),
        "desk": context.desk is not None,
    }
    return render(request, "request.html", values, principal=principal)


@router.post("/{request_id}/decision")
def decide_request(  # noqa: PLR0917 - the parts of one HTTP request
    request_id: UUID,
    session: Transaction,
    context: Context,
    principal: Decider,
    choice: Annotated[Literal["approve", "refuse"], Form()],
    ground: Annotated[Ground | Literal[""], Form()] = "",
) -> Response:
    """Approve, or refuse on a ground."""
    if choice == "refuse" and not ground:
        msg = "a refusal needs a ground"
        raise InvalidInput(msg)
    decide(
        session, context, get_request(session, request_id), principal, ground or None if choice == "refuse" else None
    )
    return RedirectResponse(f"/requests/{request_id}", HTTPStatus.SEE_OTHER)


@router.post("/{request_id}/fulfilment")
def fulfil_request(request: Request, request_id: UUID, context: Context, principal: Decider) -> Response:
    """Carry out an approved request; a package's key is shown this once."""
    handed = hand_over(desk_of(context).fulfil(request_id, actor=actor_of(principal)))
    if handed.key is None:
        return RedirectResponse(f"/requests/{request_id}", HTTPStatus.SEE_OTHER)
    values = {"handed": handed, "request_id": request_id}
    return render(request, "handover.html", values, principal=principal)


@router.get("/{request_id}/certificate")
def download_certificate(session: Transaction, context: Context, principal: Reader, request_id: UUID) -> Response:  # noqa: ARG001 - must be allowed
    """The signed envelope, byte for byte as it was handed out."""
    reading = read_request(session, get_request(session, request_id), today_of(context))
    if reading.certificate is None:
        msg = f"no certificate for request {request_id}"
        raise NotFound(msg)
    name = f'attachment; filename="erasure-{request_id}.json"'
    return Response(reading.certificate.envelope, media_type="application/json", headers={"Content-Disposition": name})
