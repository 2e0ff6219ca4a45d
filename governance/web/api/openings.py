"""Looking behind an entry: whom it is about, for a reviewer with a ground. Each look is an entry itself."""

from typing import Annotated

from fastapi import APIRouter, Response

from governance.access.tables import Principal
from governance.ledger.commitment import encode_opening
from governance.rights.openings import open_commitment
from governance.web.api.bodies import OpeningIn
from governance.web.dependencies import Context, Transaction, requires
from governance.web.request_reading import desk_of

router = APIRouter(prefix="/ledger/openings", tags=["ledger"])


@router.post("", response_class=Response)
def open_entry(
    body: OpeningIn, session: Transaction, context: Context, principal: Annotated[Principal, requires("evidence:open")]
) -> Response:
    """Salt and payload, byte for byte what `probity ledger check-opening` reads; the payload is personal data.

    404 where no entry carries the commitment, 410 where its opening was erased.
    """
    opening = open_commitment(
        session,
        desk_of(context),
        body.commitment,
        body.ground,
        principal,
        entry_id=context.new_id(),
        clock=context.clock,
    )
    return Response(encode_opening(opening), media_type="application/json")
