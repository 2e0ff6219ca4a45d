"""Waivers on the console: what may be missed, until when and why, and the button of whoever may approve it."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from governance.access.tables import Principal
from governance.gate.granting import approve, get_waiver, list_waivers, standing_of
from governance.web.dependencies import Context, Transaction, requires
from governance.web.pages import render

router = APIRouter(prefix="/waivers")


@router.get("")
def show_waivers(
    request: Request, session: Transaction, context: Context, principal: Annotated[Principal, requires("models:read")]
) -> Response:
    """The policy file's, and those that two people make."""
    today = context.clock().date()
    rows = [
        {
            "waiver": each,
            "standing": standing_of(each, today),
            "owner": session.get_one(Principal, each.owner_id),
            "approver": None if each.approver_id is None else session.get_one(Principal, each.approver_id),
            "own": each.owner_id == principal.id,
        }
        for each in list_waivers(session)
    ]
    values = {"rows": rows, "written": context.policies.fairness.value.waivers, "today": today}
    return render(request, "waivers.html", values, principal=principal)


@router.post("/{waiver_id}/approval")
def approve_on_page(
    waiver_id: UUID, session: Transaction, context: Context, principal: Annotated[Principal, requires("reviews:vote")]
) -> Response:
    """Let it hold until its day."""
    approve(session, get_waiver(session, waiver_id), principal, clock=context.clock)
    return RedirectResponse("/waivers", HTTPStatus.SEE_OTHER)
