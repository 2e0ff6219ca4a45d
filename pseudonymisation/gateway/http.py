"""HTTP in: NDJSON batches from known clients.

POST /v1/events and POST /v1/consents, one JSON object per line, ``Authorization: Bearer <token>``. The answer is 200
when every line was taken, 207 when some were rejected; both say which lines, and never repeat what stood there. There
is no way to ask about a subject, and a known and a new one get the same answer.
"""

import hashlib
import hmac
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from pseudonymisation.errors import LakeBusy, LakeFull, PseudonymisationError, QualityFailure
from pseudonymisation.gateway.batch import BatchSink, ConsentSink, Gateway, ingest_batch, ingest_consent_batch
from pseudonymisation.rejection import Reject

MAX_BODY_BYTES = 16 << 20
MAX_LINES = 100_000
"""A body of line feeds alone would otherwise become millions of lines to answer for."""
STATUS: tuple[tuple[type[PseudonymisationError], HTTPStatus], ...] = (
    (LakeFull, HTTPStatus.INSUFFICIENT_STORAGE),
    (LakeBusy, HTTPStatus.SERVICE_UNAVAILABLE),
    (QualityFailure, HTTPStatus.INTERNAL_SERVER_ERROR),
    (PseudonymisationError, HTTPStatus.SERVICE_UNAVAILABLE),
)
"""What each refusal of ours is called in HTTP; the first that fits. In each case the batch may be sent again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class Client:
    """A sender. ``token_sha256`` is the SHA-256 (hex) of a token of at least 128 random bits, which is not kept."""

    name: str
    token_sha256: str

    def __repr__(self) -> str:
        return f"Client({self.name!r}, …)"


class Sink(BatchSink, ConsentSink, Protocol):
    """Who records both batches and decisions."""


class _RefusalError(Exception):
    """An answer that ends the request early."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


def create_gateway(
    gateway: Gateway, sink: Sink, *, clients: Sequence[Client], max_body_bytes: int = MAX_BODY_BYTES
) -> FastAPI:
    """The application that clients post to.

    Guarantees:
      - the sink has recorded a batch before its answer is sent
      - no answer and no log line contains anything from a body
    """
    app = FastAPI(title="Probity gateway", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/v1/events")
    async def events(request: Request) -> JSONResponse:
        return await _answered(
            request, clients, max_body_bytes, lambda name, lines: _events(gateway, sink, name, lines)
        )

    @app.post("/v1/consents")
    async def consents(request: Request) -> JSONResponse:
        return await _answered(
            request, clients, max_body_bytes, lambda name, lines: _consents(gateway, sink, name, lines)
        )

    return app


def token_digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


async def _answered(
    request: Request,
    clients: Sequence[Client],
    max_body_bytes: int,
    take: Callable[[str, list[bytes]], tuple[dict[str, Any], Sequence[Reject]]],
) -> JSONResponse:
    """Authenticate, read within the limit, take the lines in, and say what became of them."""
    try:
        client = _client(request, clients)
        lines = (await _body(request, max_body_bytes)).split(b"\n")
        counts, rejects = await run_in_threadpool(take, client.name, lines)
    except _RefusalError as refusal:
        return _refusal(refusal.status)
    except PseudonymisationError as error:
        status = next(status for kind, status in STATUS if isinstance(error, kind))
        # Only the type: a message may name folders, which are no client's business, and a traceback could quote the
        # batch.
        _log.error("batch refused: %s", type(error).__name__)
        return _refusal(status)
    except Exception as error:  # noqa: BLE001 - whatever it was, its text must reach neither the log nor the client
        _log.error("batch failed: %s", type(error).__name__)
        return _refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
    answer = counts | {"rejected": [reject.as_record() for reject in rejects]}
    return JSONResponse(answer, HTTPStatus.MULTI_STATUS if rejects else HTTPStatus.OK)


def _events(gateway: Gateway, sink: Sink, client: str, lines: list[bytes]) -> tuple[dict[str, Any], Sequence[Reject]]:
    summary = ingest_batch(lines, gateway, source=client)
    sink.accepted(summary)
    counts = {
        "batch": summary.batch,
        "received": summary.received,
        # Not how many were written: that would tell a sender who is known, and who has consented (EDPB 01/2025 ¶109).
        "accepted": summary.received - len(summary.rejects),
    }
    return counts, summary.rejects


def _consents(gateway: Gateway, sink: Sink, client: str, lines: list[bytes]) -> tuple[dict[str, Any], Sequence[Reject]]:
    outcome = ingest_consent_batch(lines, gateway, sink, source=client)
    return {"received": outcome.received, "decided": outcome.received - len(outcome.rejects)}, outcome.rejects


def _client(request: Request, clients: Sequence[Client]) -> Client:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    digest = token_digest(token)
    # Every client is compared, in constant time each: the answer's timing tells nothing about how near a guess was.
    found = [client for client in clients if hmac.compare_digest(client.token_sha256, digest)]
    if scheme.lower() != "bearer" or not found:
        raise _RefusalError(HTTPStatus.UNAUTHORIZED)
    return found[0]


async def _body(request: Request, limit: int) -> bytes:
    """The body, read only as far as the limit: what a header claims about its length is not believed."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        chunks.append(chunk)
    body = b"".join(chunks)
    if body.count(b"\n") > MAX_LINES:
        raise _RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return body


def _refusal(status: HTTPStatus) -> JSONResponse:
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse({"error": status.phrase}, status, headers)
