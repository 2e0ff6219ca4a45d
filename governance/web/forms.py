"""Tokens that tie a form to the browser it was shown in, so that a foreign page cannot send it (CSRF).

A token is a hash of a cookie that scripts and foreign pages cannot read: of the session's, or before sign-in of one
made for the form. Nothing is stored.
"""

from hashlib import sha256
from hmac import compare_digest

from fastapi import Request

from governance.errors import Forbidden

SESSION_COOKIE = "probity_session"
FORM_COOKIE = "probity_form"
NEW_COOKIE = "form_cookie"
TOKEN_FIELD = "form_token"  # noqa: S105 - the name of a field
TOKEN_HEADER = "X-CSRF-Token"  # noqa: S105 - the name of a header
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def token_for(cookie: str) -> str:
    """The token (64 hexadecimal digits) of forms shown to the holder of this cookie."""
    return sha256(b"probity/form/v1\n" + cookie.encode("utf-8", "surrogatepass")).hexdigest()


def bound_cookie(request: Request) -> str | None:
    """The cookie that forms are tied to: the session's, else that of the sign-in form, perhaps set by this answer."""
    new: str | None = getattr(request.state, NEW_COOKIE, None)
    return request.cookies.get(SESSION_COOKIE) or request.cookies.get(FORM_COOKIE) or new


def verify_token(request: Request, unverified_token: object) -> None:
    """Raise `Forbidden` unless the form was shown to this browser."""
    cookie = bound_cookie(request)
    shown = unverified_token if isinstance(unverified_token, str) else ""
    if cookie is None or not compare_digest(token_for(cookie).encode(), shown.encode("utf-8", "surrogatepass")):
        msg = "this form was not shown to you by this console, or you have signed in again since; load the page anew"
        raise Forbidden(msg)


async def verify_form(request: Request) -> None:
    """For every page that changes something: the form must carry its token."""
    if request.method not in SAFE_METHODS:
        verify_token(request, (await request.form()).get(TOKEN_FIELD))


def verify_call(request: Request) -> None:
    """For the API: a change that rests on a cookie must carry the token; one with a bearer token need not."""
    if request.method not in SAFE_METHODS and "authorization" not in request.headers and bound_cookie(request):
        verify_token(request, request.headers.get(TOKEN_HEADER))
