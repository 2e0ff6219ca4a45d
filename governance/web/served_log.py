"""The log as C2SP tlog-tiles lays it out, for monitors and witnesses; and one entry with its proof, to take home."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response

from governance.access.permissions import require
from governance.errors import InvalidInput, NotFound
from governance.ledger.proof import InclusionProof, encode_proof
from governance.ledger.published import CHECKPOINT
from governance.ledger.serving import read_served
from governance.ledger.tiles import parse_path
from governance.web.api.bodies import EntryProofOut
from governance.web.api.ledger import show_entry
from governance.web.bounds import LARGEST_SEQ
from governance.web.context import WebContext
from governance.web.dependencies import Context, ReadingOnce, context_of, requires, reviewer_of
from governance.web.ledger_reading import get_published, read_entry

router = APIRouter(prefix="/ledger", tags=["ledger"])

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
FOR_EVER = "max-age=31536000, immutable"
Seq = Annotated[int, Path(ge=0, le=LARGEST_SEQ)]


def monitors(permission: str) -> Any:  # noqa: ANN401 - FastAPI's own type for a dependency
    """Like `requires`, unless ``ledger.public`` opens the log to whoever asks."""

    def permitted(request: Request, context: WebContext = Depends(context_of)) -> None:
        if not context.settings.ledger.public:
            require(reviewer_of(request, context), permission, context.policies.access.value)

    permitted.permissions = (permission,)  # type: ignore[attr-defined] # the contract test reads it
    permitted.unless_public = True  # type: ignore[attr-defined] # the same
    return Depends(permitted, max_concurrency=12)


@router.get(f"/{CHECKPOINT}", dependencies=[monitors("ledger:read")])
def show_checkpoint(context: Context) -> Response:
    """The newest signed checkpoint, as the note it is."""
    note = get_published(context.ledger).note
    return Response(note.encode(), media_type=TEXT, headers={"Cache-Control": "no-cache"})


@router.get("/tile/{tile:path}", dependencies=[monitors("ledger:read")])
def show_tile(context: Context, tile: str) -> Response:
    """A tile of hashes or a bundle of entries, under its one spelling."""
    try:
        name = parse_path(f"tile/{tile}")
    except InvalidInput as cause:
        msg = "no such tile: its path is not in the one accepted spelling"
        raise NotFound(msg) from cause
    content = read_served(context.ledger, name, get_published(context.ledger).checkpoint.size)
    kept = "public" if context.settings.ledger.public else "private"
    return Response(content, media_type=BYTES, headers={"Cache-Control": f"{kept}, {FOR_EVER}"})


@router.get("/entries/{seq}.json", dependencies=[requires("ledger:read")])
def take_entry(session: ReadingOnce, context: Context, seq: Seq) -> Response:
    """The canonical bytes of an entry: what the tree hashes."""
    return _download(read_entry(session, context.ledger, seq).entry.encoded, f"{seq}.json", "application/json")


@router.get("/entries/{seq}.tlog-proof", dependencies=[requires("ledger:read")])
def take_proof(session: ReadingOnce, context: Context, seq: Seq) -> Response:
    """The C2SP tlog-proof of an entry, once a checkpoint covers it."""
    proof = read_entry(session, context.ledger, seq).proof
    if proof is None:
        msg = f"entry {seq}: it has no proof before the next checkpoint is published"
        raise NotFound(msg)
    file = encode_proof(InclusionProof(index=seq, path=proof.path, note=proof.published.note.encode()))
    return _download(file, f"{seq}.tlog-proof", TEXT)


@router.get("/entries/{seq}", dependencies=[requires("ledger:read")])
def show_entry_with_proof(session: ReadingOnce, context: Context, seq: Seq) -> EntryProofOut:
    """One entry with its proof, as `/api/v1/ledger/entries/{seq}` has it."""
    return show_entry(session, context, seq)


def _download(content: bytes, name: str, media_type: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="entry-{name}"'}
    return Response(content, HTTPStatus.OK, headers=headers, media_type=media_type)
