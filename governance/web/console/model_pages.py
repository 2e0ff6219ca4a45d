"""Models: the list, one model with its lineage, the audit's own page in a frame."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from governance.access.permissions import permissions_of
from governance.access.tables import Principal
from governance.evidence.chain import chain_of
from governance.gate.records import find_latest
from governance.registry.models import get_model, latest_report, list_models
from governance.registry.reports import read_page
from governance.web.dependencies import Context, Transaction, requires
from governance.web.ledger_reading import read_standing
from governance.web.links import find_links
from governance.web.model_reading import read_attack, read_model
from governance.web.pages import render

router = APIRouter(prefix="/models")

Reader = Annotated[Principal, requires("models:read")]
PAGE = 50
REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'self'"
)
"""A stored page is shown without scripts, forms, network or our cookies. Its styles are written inside it."""


@router.get("")
def show_models(
    request: Request, session: Transaction, principal: Reader, offset: Annotated[int, Query(ge=0)] = 0
) -> Response:
    """All models, newest first."""
    found = list_models(session, offset=offset, limit=PAGE + 1)
    rows = [(model, find_latest(session, model)) for model in found[:PAGE]]
    older = offset + PAGE if len(found) > PAGE else None
    values = {"rows": rows, "older": older}
    return render(request, "models.html", values, principal=principal)


@router.get("/{model_id}")
def show_model(request: Request, session: Transaction, context: Context, principal: Reader, model_id: UUID) -> Response:
    """One model and everything that led to it."""
    model, rule = get_model(session, model_id), context.policies.access.value.review
    attack = read_attack(session, context.settings.home, model)
    values = {"reading": read_model(session, model), "rule": rule, "attack": attack}
    return render(request, "model.html", values, principal=principal)


@router.get("/{model_id}/history")
def show_history(
    request: Request, session: Transaction, context: Context, principal: Reader, model_id: UUID
) -> Response:
    """From the model back to the snapshot, the consents and the budget, each step with its entries and their proofs."""
    chain = chain_of(session, model_id)
    values = {
        "chain": chain,
        "standing": read_standing(session, context.ledger, chain.entries, context.trust),
        "links": find_links(session, chain.entries, permissions_of(principal, context.policies.access.value)),
    }
    return render(request, "chain.html", values, principal=principal)


@router.get("/{model_id}/report")
def show_report(session: Transaction, context: Context, principal: Reader, model_id: UUID) -> Response:  # noqa: ARG001 - must be allowed
    """The newest audit report as the page that was stored."""
    content = read_page(context.settings.home, latest_report(session, get_model(session, model_id)))
    headers = {"Content-Security-Policy": REPORT_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return Response(content, media_type="text/html; charset=utf-8", headers=headers)
