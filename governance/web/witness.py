"""The witness over HTTP (C2SP tlog-witness): its own application, apart from the console.

``POST /add-checkpoint`` and ``GET /<hex SHA-256(origin)>/checkpoint``; submission and monitoring prefix are the same.
"""

import logging
from http import HTTPStatus

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from starlette.concurrency import run_in_threadpool

from governance.clock import Clock
from governance.errors import BrokenProof, Forbidden, GovernanceError, InvalidInput, NotFound
from governance.ledger.note import encode_signature_lines
from governance.ledger.witness_protocol import ADD_CHECKPOINT, LARGEST_REQUEST_BYTES, SIZE_MEDIA_TYPE, encode_size
from governance.web.telemetry import NO_TELEMETRY
from governance.witness.cosigning import OtherSize, add_checkpoint, latest
from governance.witness.folder import CHECKPOINT, WitnessFolder

STATUS: tuple[tuple[type[GovernanceError], HTTPStatus], ...] = (
    (InvalidInput, HTTPStatus.BAD_REQUEST),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (NotFound, HTTPStatus.NOT_FOUND),
    (BrokenProof, HTTPStatus.UNPROCESSABLE_ENTITY),
    (GovernanceError, HTTPStatus.INTERNAL_SERVER_ERROR),
)
"""What each refusal is called by the protocol; the first that fits."""

BROKEN = "the witness cannot cosign; its operator finds the reason in its log\n"

logger = logging.getLogger(__name__)


def create_witness_app(witness: WitnessFolder, *, clock: Clock) -> FastAPI:
    """The application of one witness.

    Guarantees:
      - a cosignature leaves only after its checkpoint is stored
      - bodies too large for a checkpoint with its proof are refused before they are read
    """
    router = APIRouter()

    @router.post(f"/{ADD_CHECKPOINT}")
    async def add(request: Request) -> Response:
        body = await request.body()
        line = await run_in_threadpool(add_checkpoint, witness, body, clock=clock)
        return PlainTextResponse(encode_signature_lines([line]))

    @router.get(f"/{{digest}}/{CHECKPOINT}")
    def last(digest: str) -> Response:
        return PlainTextResponse(latest(witness, digest), headers={"Cache-Control": "no-cache"})

    app = FastAPI(title="Probity witness", docs_url=None, redoc_url=None, openapi_url=None, telemetry=NO_TELEMETRY)
    app.include_router(router, max_body_size=LARGEST_REQUEST_BYTES)
    app.add_exception_handler(GovernanceError, _refusal)
    return app


async def _refusal(_: Request, error: Exception) -> Response:
    if isinstance(error, OtherSize):
        # As a header, since a media type would be given a charset, and clients compare the whole value.
        return Response(encode_size(error.size), HTTPStatus.CONFLICT, headers={"Content-Type": SIZE_MEDIA_TYPE})
    status = next(status for kind, status in STATUS if isinstance(error, kind))
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        # Anybody may ask, and what is wrong here can name a file.
        logger.error("the witness refuses to cosign: %s", error)
        return PlainTextResponse(BROKEN, status)
    return PlainTextResponse(f"{error}\n", status)
