"""The application: routers, answers to errors, static files. Composed once, by the command line or a test."""

from http import HTTPStatus

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from governance.errors import GovernanceError, Unauthenticated
from governance.web.alerts import api_router as alerts_api
from governance.web.alerts import console_router as alerts_console
from governance.web.api import accounts, health, ledger, models, openings, requests, reviews
from governance.web.console import (
    budget_page,
    ledger_pages,
    model_pages,
    overview,
    policies_page,
    request_pages,
    review_pages,
    session,
)
from governance.web.context import WebContext
from governance.web.envelope import Envelope
from governance.web.errors import log_fault, problem, refusal_of
from governance.web.evidence import api_router as evidence_api
from governance.web.evidence import console_router as evidence_console
from governance.web.forms import verify_call, verify_form
from governance.web.pages import HERE, render
from governance.web.served_log import router as served_log
from governance.web.telemetry import NO_TELEMETRY
from governance.web.waivers import api_router as waivers_api
from governance.web.waivers import console_router as waivers_console

LARGEST_BODY_BYTES = 64 * 1024
API = "/api/v1"
FOR_PROGRAMS = ("/api/", "/ledger/checkpoint", "/ledger/tile/", "/ledger/entries/")
"""Where an error is answered as a problem; elsewhere it is a page."""

API_ROUTERS = (
    health.router,
    ledger.router,
    openings.router,
    models.router,
    reviews.router,
    alerts_api,
    waivers_api,
    requests.router,
    accounts.router,
    evidence_api,
)
CONSOLE_ROUTERS = (
    session.router,
    overview.router,
    model_pages.router,
    review_pages.router,
    waivers_console,
    alerts_console,
    request_pages.router,
    ledger_pages.router,
    evidence_console,
    budget_page.router,
    policies_page.router,
)


def create_app(context: WebContext) -> FastAPI:
    """The API and the console over one context.

    Guarantees:
      - each answer to a change comes after its commit: what failed to be stored is answered 500, never 2xx
      - a page that changes something needs a form shown to the same browser, an API call by cookie the token too
      - bodies of more than 64 KiB are refused
    """
    app = FastAPI(
        title="Probity", openapi_url=f"{API}/openapi.json", docs_url=None, redoc_url=None, telemetry=NO_TELEMETRY
    )
    app.state.context = context
    for router in API_ROUTERS:
        app.include_router(router, prefix=API, dependencies=[Depends(verify_call)], max_body_size=LARGEST_BODY_BYTES)
    app.include_router(served_log)  # before the console: /ledger/checkpoint is no /ledger/{seq}
    for router in CONSOLE_ROUTERS:
        guarded = [Depends(verify_form)]
        app.include_router(router, dependencies=guarded, include_in_schema=False, max_body_size=LARGEST_BODY_BYTES)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    for kind in (GovernanceError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _answer_expected)
    app.add_middleware(Envelope, answer=answer, new_id=context.new_id)
    return app


def answer(request: Request, error: Exception) -> Response:
    """The answer to an error: a problem for programs, a page for people. The operator's log gets what is behind."""
    refusal = refusal_of(error)
    if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log_fault(request.state.request_id, error)
    if request.url.path.startswith(FOR_PROGRAMS):
        return problem(request, refusal)
    if isinstance(error, Unauthenticated) and request.method == "GET":
        response = session.sign_in_page(request, request.app.state.context, destination=_asked(request))
        response.status_code = refusal.status.value
    else:
        values = {"refusal": refusal, "request_id": request.state.request_id}
        principal = getattr(request.state, "principal", None)
        response = render(request, "refusal.html", values, principal=principal, status=refusal.status)
    response.headers.update(dict(refusal.headers))
    return response


async def _answer_expected(request: Request, error: Exception) -> Response:
    return answer(request, error)


def _asked(request: Request) -> str:
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path
