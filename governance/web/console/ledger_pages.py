"""The ledger: its timeline, and each entry with the proof against the signed checkpoint."""

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from governance.access.permissions import permissions_of
from governance.access.tables import Principal
from governance.errors import BrokenProof
from governance.events import EVENTS
from governance.ledger.search import search
from governance.ledger.store import get_entry, size
from governance.web.bounds import LARGEST_SEQ, NO_NUL
from governance.web.dependencies import Context, Transaction, requires
from governance.web.entry_reading import read_related, read_values
from governance.web.ledger_reading import EntryReading, read_entry
from governance.web.links import find_links
from governance.web.pages import render
from governance.web.policy_reading import read_change
from governance.web.timeline import Asked, read_timeline

router = APIRouter(prefix="/ledger")

Reader = Annotated[Principal, requires("ledger:read")]
PAGE = 50
LONGEST = 200


def asked(
    kind: Annotated[str, Query(max_length=LONGEST, pattern=NO_NUL)] = "",
    since: Annotated[str, Query(max_length=LONGEST, pattern=NO_NUL)] = "",
    until: Annotated[str, Query(max_length=LONGEST, pattern=NO_NUL)] = "",
    mentions: Annotated[str, Query(max_length=LONGEST, pattern=NO_NUL)] = "",
    actor: Annotated[str, Query(max_length=LONGEST, pattern=NO_NUL)] = "",
) -> Asked:
    """The filter in the address. A form sends what was left empty as an empty text."""
    return Asked(kind=kind, since=since, until=until, mentions=mentions, actor=actor)


@router.get("")
def show_ledger(  # noqa: PLR0917 - the parts of one HTTP request
    request: Request,
    session: Transaction,
    context: Context,
    principal: Reader,
    wanted: Annotated[Asked, Depends(asked)],
    before: Annotated[int | None, Query(ge=0, le=LARGEST_SEQ)] = None,
) -> Response:
    """Entries, newest first, that fit the filter."""
    found = search(session, wanted.filter(), before_seq=before, limit=PAGE + 1)
    permissions = permissions_of(principal, context.policies.access.value)
    older = {**wanted.query(), "before": str(found[PAGE - 1].seq)} if len(found) > PAGE else None
    values = {
        "timeline": read_timeline(session, context, found[:PAGE], permissions),
        "older": None if older is None else urlencode(older),
        "newest": before is None,
        "asked": wanted,
        "families": families(),
        "size": size(session),
        "yesterday": context.clock().date() - timedelta(days=1),
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
    permissions = permissions_of(principal, context.policies.access.value)
    related = read_related(session, reading.entry)
    links = find_links(session, [reading.entry, *(each for group in related for each in group.entries)], permissions)
    values = {
        "reading": reading,
        "broken": broken,
        "size": size(session),
        "links": links,
        "fields": read_values(reading.entry),
        "related": related,
        "change": read_change(session, reading.entry),
    }
    return render(request, "entry.html", values, principal=principal)


def families() -> dict[str, list[str]]:
    """Every kind of entry, by the word before its first dot."""
    found: dict[str, list[str]] = {}
    for kind in sorted({event.kind for event in EVENTS}):
        found.setdefault(kind.partition(".")[0], []).append(kind)
    return found
