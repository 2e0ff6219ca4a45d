"""The policies in force: the text that the process was started with, and its digest."""

from dataclasses import fields
from typing import Annotated

from fastapi import APIRouter, Request, Response

from governance.access.tables import Principal
from governance.web.dependencies import Context, requires
from governance.web.pages import render

router = APIRouter(prefix="/policies")


@router.get("")
def show_policies(
    request: Request, context: Context, principal: Annotated[Principal, requires("ledger:read")]
) -> Response:
    """Each file with its text."""
    loaded = [getattr(context.policies, each.name) for each in fields(context.policies)]
    values = {"loaded": loaded, "digest": context.policies.digest}
    return render(request, "policies.html", values, principal=principal)
