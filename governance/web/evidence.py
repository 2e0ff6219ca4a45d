"""A period's evidence over HTTP: the file is made, entered in the log, and sent; nothing of it stays behind."""

from collections.abc import Iterator
from datetime import date
from typing import IO, Annotated

from fastapi import APIRouter, Form
from fastapi.responses import StreamingResponse

from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.evidence.layout import chunks
from governance.evidence.period import Period
from governance.pipeline.evidence import take_evidence
from governance.web.api.bodies import PeriodIn
from governance.web.context import WebContext
from governance.web.dependencies import Context, requires

api_router = APIRouter(prefix="/evidence", tags=["ledger"])
console_router = APIRouter(prefix="/evidence")

Exporter = Annotated[Principal, requires("evidence:export")]
FOLDER = "evidence"


@api_router.post("", response_class=StreamingResponse)
def make_pack(body: PeriodIn, context: Context, principal: Exporter) -> StreamingResponse:
    """The evidence of a period as one zip file. Making it is an entry of the log, which names its SHA-256."""
    return _sent(context, principal, Period(body.first_day, body.last_day))


@console_router.post("")
def send_pack(
    context: Context, principal: Exporter, first_day: Annotated[date, Form()], last_day: Annotated[date, Form()]
) -> StreamingResponse:
    """The same for the button of the ledger's page."""
    return _sent(context, principal, Period(first_day, last_day))


def _sent(context: WebContext, principal: Principal, period: Period) -> StreamingResponse:
    folder, entry_id = context.settings.folder(FOLDER), context.new_id()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = folder / f"{entry_id}.zip"
    pack = take_evidence(
        context.engine,
        context.settings.home,
        context.ledger,
        period,
        made,
        actor=actor_of(principal),
        entry_id=entry_id,
        clock=context.clock,
        policy=context.trust,
    )
    file = made.open("rb")
    size = made.stat().st_size
    made.unlink()  # the open file is the only way to it: gone when it was sent, or when the sending failed
    name = f"evidence-{period.first_day}-{period.last_day}.zip"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(size),
        "X-Content-SHA256": pack.digest,
    }
    return StreamingResponse(_read(file), media_type="application/zip", headers=headers)


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        yield from chunks(file)
