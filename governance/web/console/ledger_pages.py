"""The ledger: its timeline, and each entry with the proof against the signed checkpoint."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from governance.access.tables import Principal
from governance.errors import BrokenProof
from governance.events import EVENTS
from governance.ledger.store import get_entry, list_latest, size
from governance.web.dependencies import Context, Transaction, requires
from governance.web.ledger_reading import EntryReading, find_published, read_entry
from governance.web.pages import render

router = APIRouter(prefix="/ledger")

Reader = Annotated[Principal, requires("ledger:read")]
PAGE = 50
LARGEST_SEQ = 2**53


@router.get("")
def show_ledger(  # noqa: PLR0917 - the parts of one HTTP request
    request: Request,
    session: Transaction,
    context: Context,
    principal: Reader,
    kind: Annotated[str, Query(max_length=100)] = "",
    before: Annotated[int | None, Query(ge=0, le=LARGEST_SEQ)] = None,
) -> Response:
    """Entries, newest first, of one kind or all."""
    found = list_latest(session, kind=kind or None, before_seq=before, limit=PAGE + 1)
    values = {
        "entries": found[:PAGE],
        "older": found[PAGE - 1].seq if len(found) > PAGE else None,
        "kind": kind,
        "kinds": sorted({event.kind for event in EVENTS}),
        "size": size(session),
        "published": find_published(context.ledger),
    }
    return render(request, "ledger.html", values, principal=principal)


@router.get("/{seq}")
def show_entry(
    request: Request,
    session: Transaction,
    context: Context,
    principal: Reader,
    seq: Annotated[int, Path(ge=0, le=LARGEST_SEQ)],
) -> Response:
    """One entry. A proof that does not hold is what this page is for: it is shown, not hidden behind an error."""
    try:
        reading, broken = read_entry(session, context.ledger, seq), None
    except BrokenProof as finding:
        reading, broken = EntryReading(entry=get_entry(session, seq), proof=None), f"{finding}"
    values = {"reading": reading, "broken": broken, "size": size(session)}
    return render(request, "entry.html", values, principal=principal)
