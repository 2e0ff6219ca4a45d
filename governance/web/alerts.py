"""Alerts about the model that serves, over HTTP and on the console: what changed, and who answers for it."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import RedirectResponse

from governance.access.tables import Principal
from governance.gate.alerts import acknowledge, get_alert, list_alerts
from governance.web.api.bodies import AlertOut
from governance.web.dependencies import Context, Now, Transaction, requires

api_router = APIRouter(prefix="/alerts", tags=["models"])
console_router = APIRouter(prefix="/alerts")


@api_router.get("", dependencies=[requires("models:read")])
def show_alerts(
    session: Transaction,
    *,
    standing: Annotated[bool, Query(description="Only those that nobody has acknowledged.")] = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[AlertOut]:
    """Alerts, newest first."""
    return [AlertOut.model_validate(each) for each in list_alerts(session, standing=standing, limit=limit)]


@api_router.post("/{alert_id}/acknowledgement", status_code=HTTPStatus.CREATED)
def acknowledge_alert(
    alert_id: UUID, session: Transaction, now: Now, principal: Annotated[Principal, requires("reviews:vote")]
) -> AlertOut:
    """Say that it was seen. A second time is refused."""
    return AlertOut.model_validate(acknowledge(session, get_alert(session, alert_id), principal=principal, clock=now))


@console_router.post("/{alert_id}/acknowledgement")
def acknowledge_on_page(
    alert_id: UUID, session: Transaction, context: Context, principal: Annotated[Principal, requires("reviews:vote")]
) -> Response:
    """The same for the button of the first page."""
    acknowledge(session, get_alert(session, alert_id), principal=principal, clock=context.clock)
    return RedirectResponse("/", HTTPStatus.SEE_OTHER)
