"""Signing in with a token, for a cookie that only the browser holds; signing out."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from governance.access.sessions import close_session, open_session
from governance.access.tokens import authenticate
from governance.errors import Unauthenticated
from governance.web.context import WebContext
from governance.web.dependencies import Context, Reviewer, Transaction
from governance.web.forms import FORM_COOKIE, NEW_COOKIE, SESSION_COOKIE, bound_cookie
from governance.web.pages import render

router = APIRouter()

FORM_COOKIE_BYTES = 16
HOME = "/"


@router.get("/sign-in")
def show_sign_in(request: Request, context: Context, next: str = HOME) -> Response:  # noqa: A002 - the name in the address
    """The form."""
    return sign_in_page(request, context, destination=next)


@router.post("/sign-in")
def sign_in(
    request: Request,
    context: Context,
    session: Transaction,
    token: Annotated[str, Form(max_length=512)],
    next: Annotated[str, Form()] = HOME,  # noqa: A002 - the name of the field
) -> Response:
    """Open a session and go on to where one wanted to be."""
    try:
        principal = authenticate(session, token.strip(), clock=context.clock)
    except Unauthenticated as refusal:
        return sign_in_page(request, context, destination=next, refusal=f"{refusal}")
    secret = open_session(
        session, principal, policy=context.policies.access.value, clock=context.clock, draw=context.draw
    )
    response = RedirectResponse(local(next), HTTPStatus.SEE_OTHER)
    lifetime_s = context.policies.access.value.session_minutes * 60
    _set_cookie(request, response, SESSION_COOKIE, secret.reveal(), lifetime_s)
    response.delete_cookie(FORM_COOKIE)
    return response


@router.post("/sign-out")
def sign_out(request: Request, session: Transaction, principal: Reviewer) -> Response:  # noqa: ARG001 - must be signed in
    """Close the session."""
    close_session(session, request.cookies.get(SESSION_COOKIE, ""))
    response = RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)
    response.delete_cookie(SESSION_COOKIE)
    return response


def sign_in_page(request: Request, context: WebContext, *, destination: str, refusal: str | None = None) -> Response:
    """The form, tied to this browser by a cookie of its own; 401 when somebody was refused."""
    fresh = None if bound_cookie(request) else context.draw(FORM_COOKIE_BYTES).hex()
    setattr(request.state, NEW_COOKIE, fresh)
    status = HTTPStatus.OK if refusal is None else HTTPStatus.UNAUTHORIZED
    values = {"next": local(destination), "refusal": refusal}
    response = render(request, "sign_in.html", values, principal=None, status=status)
    if fresh is not None:
        _set_cookie(request, response, FORM_COOKIE, fresh, None)
    return response


def local(destination: str) -> str:
    """The path to go to, if it is one of this site; else the overview. What looks like a host is none of ours."""
    plain = destination.isascii() and destination.isprintable() and "\\" not in destination
    return destination if plain and destination.startswith("/") and not destination.startswith("//") else HOME


def _set_cookie(request: Request, response: Response, name: str, value: str, lifetime_s: int | None) -> None:
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, max_age=lifetime_s, httponly=True, samesite="strict", secure=secure)
