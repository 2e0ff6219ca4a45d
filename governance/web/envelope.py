"""Around every request: its id, the security headers, and an answer even when something unforeseen fails."""

import re
from collections.abc import Callable
from uuid import UUID

from fastapi import Request, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'self'; script-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"),
    ("Cache-Control", "no-store"),
)
"""Set unless the endpoint has set its own. Pages hold no script, so none is allowed to run."""

TRANSPORT = ("Strict-Transport-Security", "max-age=31536000")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class Envelope:
    """ASGI middleware; the outermost of ours.

    Guarantees:
      - each answer carries every header of `HEADERS` and ``X-Request-ID``, the caller's where it has the form of one
      - an exception that nobody handled becomes what ``answer`` makes of it and does not reach the server's own log,
        which would write down its message
    """

    def __init__(
        self, app: ASGIApp, *, answer: Callable[[Request, Exception], Response], new_id: Callable[[], UUID]
    ) -> None:
        self.app, self.answer, self.new_id = app, answer, new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request, begun = Request(scope, receive), False
        shown = request.headers.get("x-request-id", "")
        request_id = request.state.request_id = shown if REQUEST_ID.fullmatch(shown) else str(self.new_id())

        async def send_with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                complete(MutableHeaders(scope=message), request_id, https=scope["scheme"] == "https")
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except Exception as error:
            if begun:  # too late for another answer: let the server cut the connection
                raise
            await self.answer(request, error)(scope, receive, send_with_headers)


def complete(headers: MutableHeaders, request_id: str, *, https: bool) -> None:
    """Add what the endpoint has not set itself."""
    headers["X-Request-ID"] = request_id
    for name, value in (*HEADERS, *((TRANSPORT,) if https else ())):
        headers.setdefault(name, value)
