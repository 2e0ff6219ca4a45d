"""Looking behind an entry: whom it is about, for a reviewer with a ground. Each look is an entry itself."""

from typing import Annotated

from fastapi import APIRouter

from governance.access.tables import Principal
from governance.ledger.canonical import encode_base64
from governance.rights.openings import open_commitment
from governance.web.api.bodies import OpeningIn, OpeningOut
from governance.web.dependencies import Context, Transaction, requires
from governance.web.request_reading import desk_of

router = APIRouter(prefix="/ledger/openings", tags=["ledger"])


@router.post("")
def open_entry(
    body: OpeningIn, session: Transaction, context: Context, principal: Annotated[Principal, requires("evidence:open")]
) -> OpeningOut:
    """What opens a commitment. 404 where no entry carries it, 410 where it was erased."""
    opening = open_commitment(
        session,
        desk_of(context),
        body.commitment,
        body.ground,
        principal,
        entry_id=context.new_id(),
        clock=context.clock,
    )
    return OpeningOut(commitment=body.commitment, salt=encode_base64(opening.salt), payload=dict(opening.payload))
