"""What privacy was spent on, and what subjects permit, by count."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from governance.access.tables import Principal
from governance.consent.counts import count_consents
from governance.web.budget_reading import read_budget
from governance.web.dependencies import Context, Transaction, requires
from governance.web.pages import render

router = APIRouter(prefix="/budget")


@router.get("")
def show_budget(
    request: Request, session: Transaction, context: Context, principal: Annotated[Principal, requires("ledger:read")]
) -> Response:
    """The budget by release, the consents by purpose."""
    counts = {(each.purpose, each.choice): each.subjects for each in count_consents(session)}
    values = {
        "budget": read_budget(session, context.policies.privacy.value),
        "purposes": context.policies.purposes.value.purposes,
        "counts": counts,
    }
    return render(request, "budget.html", values, principal=principal)
