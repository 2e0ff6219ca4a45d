"""Errors as answers: RFC 9457 problem+json for programs. HTTP words live here only.

What a refused request is told: the sentence of our own error, which never holds an identifier (`governance.errors`).
What is not said: the text of anybody else's exception, the input that was refused, and why the server itself failed;
where it failed is found by the request's id in the operator's log.
"""

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from governance import errors

logger = logging.getLogger(__name__)

STATUS: dict[type[errors.GovernanceError], HTTPStatus] = {
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Unaudited: HTTPStatus.NOT_FOUND,
    errors.Gone: HTTPStatus.GONE,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ConfigurationError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.MissingExtra: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.PolicyError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StaleDatabase: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.BudgetExceeded: HTTPStatus.CONFLICT,
    errors.EmptySnapshot: HTTPStatus.CONFLICT,
    errors.Unreachable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.LedgerError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.BrokenProof: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.UnreadableEntry: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.QuorumMissed: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.Rollback: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""Total over the tree of `governance.errors`: a new error without a line here turns a test red."""

MEDIA_TYPE = "application/problem+json"
SERVER_FAULT = "The server could not do this. Its operator finds the reason under the request id."
WRONG_FORM = "The request does not have the form that is asked for."


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What the one who asked is told.

    Attributes:
        status: of the answer.
        slug: the kind of problem, for programs.
        detail: one sentence, or None where the status says it all.
        faults: place and reason of each refused field; never what was given.
        headers: that the status asks for.
    """

    status: HTTPStatus
    slug: str
    detail: str | None = None
    faults: tuple[dict[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


def status_of(error: errors.GovernanceError) -> HTTPStatus:
    """The status of an error, by its nearest ancestor in the map."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def refusal_of(error: Exception) -> Refusal:
    """The answer to any exception: ours, the framework's, or anybody's."""
    if isinstance(error, errors.GovernanceError):
        status = status_of(error)
        told = (
            isinstance(error, errors.LedgerError) or status < HTTPStatus.INTERNAL_SERVER_ERROR
        )  # what is wrong with the log is for everybody
        detail = str(error) if told else SERVER_FAULT
        headers = (("WWW-Authenticate", "Bearer"),) if status is HTTPStatus.UNAUTHORIZED else ()
        return Refusal(status=status, slug=_slug(type(error).__name__), detail=detail, headers=headers)
    if isinstance(error, RequestValidationError):
        faults = tuple({"field": ".".join(map(str, one["loc"])), "reason": one["msg"]} for one in error.errors())
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return Refusal(status=status, slug="invalid-request", detail=WRONG_FORM, faults=faults)
    if isinstance(error, HTTPException):  # what the router refuses by itself: no such path, no such method, too large
        status = HTTPStatus(error.status_code)
        slug = _slug(status.phrase.title().replace(" ", ""))
        return Refusal(status=status, slug=slug, headers=tuple((error.headers or {}).items()))
    return Refusal(status=HTTPStatus.INTERNAL_SERVER_ERROR, slug="internal", detail=SERVER_FAULT)


def log_fault(request_id: str, error: BaseException) -> None:
    """Write type and places of an error to the operator's log."""
    logger.error("request %s failed: %s", request_id, errors.fault_of(error))


def problem(request: Request, refusal: Refusal) -> JSONResponse:
    """The answer as RFC 9457 asks for it."""
    body: dict[str, Any] = {
        "type": f"urn:probity:problem:{refusal.slug}",
        "title": refusal.status.phrase,
        "status": refusal.status.value,
        "detail": refusal.detail,
        "instance": f"urn:probity:request:{request.state.request_id}",
        "errors": list(refusal.faults) or None,
    }
    given = {key: value for key, value in body.items() if value is not None}
    return JSONResponse(given, refusal.status.value, headers=dict(refusal.headers), media_type=MEDIA_TYPE)


def _slug(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")
