"""Waivers, over HTTP and on the console: what may be missed, until when and why; asked for, approved, taken back."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from governance.access.tables import Principal
from governance.clock import Clock
from governance.gate.granting import LONGEST_REASON, approve, ask, get_waiver, list_waivers, standing_of
from governance.gate.tables import AskedWaiver
from governance.gate.withdrawing import may_withdraw, withdraw
from governance.policy.rules import FairnessPolicy
from governance.web.api.waiver_bodies import WaiverIn, WaiverOut, WaiversOut, WithdrawalIn
from governance.web.dependencies import Context, IdempotencyKey, Now, Transaction, requires, requires_any
from governance.web.idempotency import id_for, require_same
from governance.web.pages import render

api_router = APIRouter(prefix="/waivers", tags=["waivers"])
console_router = APIRouter(prefix="/waivers")

Withdrawer = Annotated[Principal, requires_any("reviews:vote", "models:propose")]
"""The board, and owners: whose waiver it is, the service looks at."""


@api_router.get("", dependencies=[requires("models:read")])
def list_all(
    session: Transaction,
    now: Now,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> WaiversOut:
    """Waivers that people ask for and approve, newest first. Those of the policy file are in the file."""
    found = list_waivers(session, offset=offset, limit=limit + 1)
    rows = [_out(each, now) for each in found[:limit]]
    return WaiversOut(waivers=rows, next=offset + limit if len(found) > limit else None)


@api_router.post("", status_code=HTTPStatus.CREATED)
def ask_for(  # noqa: PLR0917 - the parts of one HTTP request
    body: WaiverIn,
    session: Transaction,
    context: Context,
    now: Now,
    owner: Annotated[Principal, requires("models:propose")],
    key: IdempotencyKey = None,
) -> WaiverOut:
    """Ask that a rule may be missed by so much until a day. It excepts from nothing until somebody else approves it."""
    waiver_id = id_for(session, context, owner, AskedWaiver, key)
    policy = context.policies.fairness.value
    return _out(_ask_once(session, policy, owner, body, waiver_id=waiver_id, clock=now), now)


@api_router.get("/{waiver_id}", dependencies=[requires("models:read")])
def show_one(waiver_id: UUID, session: Transaction, now: Now) -> WaiverOut:
    """One waiver."""
    return _out(get_waiver(session, waiver_id), now)


@api_router.post("/{waiver_id}/approval", status_code=HTTPStatus.CREATED)
def approve_one(
    waiver_id: UUID, session: Transaction, now: Now, approver: Annotated[Principal, requires("reviews:vote")]
) -> WaiverOut:
    """Let somebody else's hold until its day. Nobody approves their own."""
    return _out(approve(session, get_waiver(session, waiver_id), approver, clock=now), now)


@api_router.post("/{waiver_id}/withdrawal", status_code=HTTPStatus.CREATED)
def withdraw_one(  # noqa: PLR0917 - the parts of one HTTP request
    waiver_id: UUID, body: WithdrawalIn, session: Transaction, context: Context, now: Now, principal: Withdrawer
) -> WaiverOut:
    """Take it back: one's own, or as a member of the board. A pass that rests on it lets no model be deployed."""
    asked, policy = get_waiver(session, waiver_id), context.policies.access.value
    return _out(withdraw(session, asked, principal, reason=body.reason, policy=policy, clock=now), now)


@console_router.get("")
def show_waivers(
    request: Request, session: Transaction, context: Context, principal: Annotated[Principal, requires("models:read")]
) -> Response:
    """The policy file's, and those that two people make."""
    today, access = context.clock().date(), context.policies.access.value
    rows = [
        {
            "waiver": each,
            "standing": standing_of(each, today),
            "owner": session.get_one(Principal, each.owner_id),
            "approver": _named(session, each.approver_id),
            "withdrawer": _named(session, each.withdrawn_by_id),
            "own": each.owner_id == principal.id,
            "may_withdraw": may_withdraw(each, principal, access),
        }
        for each in list_waivers(session)
    ]
    values = {
        "rows": rows,
        "written": context.policies.fairness.value.waivers,
        "today": today,
        "longest": LONGEST_REASON,
    }
    return render(request, "waivers.html", values, principal=principal)


@console_router.post("/{waiver_id}/approval")
def approve_on_page(
    waiver_id: UUID, session: Transaction, context: Context, principal: Annotated[Principal, requires("reviews:vote")]
) -> Response:
    """Let it hold until its day."""
    approve(session, get_waiver(session, waiver_id), principal, clock=context.clock)
    return RedirectResponse("/waivers", HTTPStatus.SEE_OTHER)


@console_router.post("/{waiver_id}/withdrawal")
def withdraw_on_page(
    waiver_id: UUID,
    session: Transaction,
    context: Context,
    principal: Withdrawer,
    reason: Annotated[str, Form(max_length=LONGEST_REASON)],
) -> Response:
    """Take it back."""
    asked, policy = get_waiver(session, waiver_id), context.policies.access.value
    withdraw(session, asked, principal, reason=reason, policy=policy, clock=context.clock)
    return RedirectResponse("/waivers", HTTPStatus.SEE_OTHER)


def _ask_once(
    session: Session, policy: FairnessPolicy, owner: Principal, body: WaiverIn, *, waiver_id: UUID, clock: Clock
) -> AskedWaiver:
    """Ask for a waiver; a retry with the same id finds it.

    Raises:
        InvalidInput: the id belongs to another waiver, or as `ask` says.
    """
    known = session.get(AskedWaiver, waiver_id)
    if known is None:
        return ask(session, policy, owner, waiver_id=waiver_id, clock=clock, **body.model_dump())
    said = body.model_dump() | {"reason": body.reason.strip()}
    require_same(same=said == WaiverOut.of(known, "asked").model_dump(include=set(said)))
    return known


def _named(session: Session, principal_id: UUID | None) -> Principal | None:
    return None if principal_id is None else session.get_one(Principal, principal_id)


def _out(waiver: AskedWaiver, now: Clock) -> WaiverOut:
    return WaiverOut.of(waiver, standing_of(waiver, now().date()))
