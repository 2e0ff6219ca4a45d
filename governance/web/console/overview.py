"""The first page: what serves, what is left, what waits for somebody."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from governance.access.permissions import permissions_of
from governance.access.tables import Principal
from governance.gate.alerts import list_alerts
from governance.ledger.search import search
from governance.registry.models import get_model, serving
from governance.review.board import list_reviews
from governance.web.budget_reading import read_budget
from governance.web.dependencies import Context, Transaction, requires
from governance.web.model_reading import read_model, read_review
from governance.web.pages import render
from governance.web.request_reading import list_alive, read_request, today_of
from governance.web.timeline import read_timeline

router = APIRouter()

LATEST = 8


@router.get("/")
def show_overview(
    request: Request, session: Transaction, context: Context, principal: Annotated[Principal, requires("ledger:read")]
) -> Response:
    """The state of the house on one page."""
    policies, deployment = context.policies, serving(session)
    permissions = permissions_of(principal, policies.access.value)
    may_read = "requests:read" in permissions
    values = {
        "now": context.clock(),
        "alerts": list_alerts(session, standing=True),
        "deployment": deployment,
        "deployed": None if deployment is None else read_model(session, get_model(session, deployment.model_id)),
        "budget": read_budget(session, policies.privacy.value),
        "reviews": [read_review(session, each) for each in list_reviews(session, state="open")],
        "needed": policies.access.value.review.approvals,
        "requests": [read_request(session, r, today_of(context)) for r in list_alive(session)] if may_read else [],
        "rights": policies.rights.value.rights,
        "timeline": read_timeline(session, context, search(session, limit=LATEST), permissions),
    }
    return render(request, "overview.html", values, principal=principal)
