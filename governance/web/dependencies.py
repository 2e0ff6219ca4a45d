"""What endpoints ask for by type: the context, a transaction, the time, and who is asking.

Waiting for the database must not use up the worker threads, because the request that holds it needs one to go on: a
store that takes one writer at a time would otherwise stand still under load. ``max_concurrency`` keeps the sum below
the pool of 40.
"""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from sqlalchemy.orm import Session

from governance.access.permissions import permissions_of, require
from governance.access.sessions import principal_of_session
from governance.access.tables import Principal
from governance.access.tokens import authenticate
from governance.clock import Clock
from governance.database import reading_once, transaction
from governance.errors import Unauthenticated
from governance.web.context import WebContext
from governance.web.forms import SESSION_COOKIE

BEARER = "bearer "


def context_of(request: Request) -> WebContext:
    """What the application was composed with."""
    context: WebContext = request.app.state.context
    return context


Context = Annotated[WebContext, Depends(context_of)]


def clock_of(context: Context) -> Clock:
    """The application's clock."""
    return context.clock


Now = Annotated[Clock, Depends(clock_of)]


def _transaction(context: Context) -> Iterator[Session]:
    with transaction(context.engine) as session:
        yield session


# "function": the commit comes before the answer is sent. With any other scope a failed commit would still answer 201.
Transaction = Annotated[Session, Depends(_transaction, scope="function", max_concurrency=12)]


def _reading_once(context: Context) -> Iterator[Session]:
    with reading_once(context.engine) as session:
        yield session


ReadingOnce = Annotated[Session, Depends(_reading_once, scope="function", max_concurrency=12)]
"""For endpoints that execute a single statement, which reads."""


def reviewer_of(request: Request, context: Context) -> Principal:
    """Who is asking, by bearer token or else by the console's cookie.

    In a transaction of its own, closed before the work begins: some work opens its own, and would wait for this one.

    Raises:
        Unauthenticated: neither shows who it is.
    """
    with transaction(context.engine) as session:
        principal = _identify(request, session, context.clock)
    request.state.principal = principal  # so that a page of refusal can keep the navigation
    return principal


def _identify(request: Request, session: Session, clock: Clock) -> Principal:
    shown, cookie = request.headers.get("authorization"), request.cookies.get(SESSION_COOKIE)
    if shown is not None and shown.lower().startswith(BEARER):
        return authenticate(session, shown[len(BEARER) :].strip(), clock=clock)
    if shown is None and cookie is not None:
        return principal_of_session(session, cookie, clock=clock)
    msg = "show a token: Authorization: Bearer …, or sign in to the console"
    raise Unauthenticated(msg)


Reviewer = Annotated[Principal, Depends(reviewer_of, max_concurrency=12)]


def requires(permission: str) -> Any:  # noqa: ANN401 - FastAPI's own type for a dependency
    """A dependency that gives the principal if one of its roles has ``permission``, and raises `Forbidden` if not."""

    def permitted(principal: Reviewer, context: Context) -> Principal:
        require(principal, permission, context.policies.access.value)
        return principal

    permitted.permissions = (permission,)  # type: ignore[attr-defined] # the contract test reads it
    return Depends(permitted)


def requires_any(*permissions: str) -> Any:  # noqa: ANN401 - FastAPI's own type for a dependency
    """Like `requires`, where any of several permissions will do and the endpoint narrows what is seen by which."""

    def permitted(principal: Reviewer, context: Context) -> Principal:
        if permissions_of(principal, context.policies.access.value).isdisjoint(permissions):
            require(principal, permissions[0], context.policies.access.value)
        return principal

    permitted.permissions = permissions  # type: ignore[attr-defined] # the contract test reads it
    return Depends(permitted)


IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]
"""What a caller repeats when it repeats a call."""
