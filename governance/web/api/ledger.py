"""The ledger over HTTP: entries, proofs, the signed checkpoint."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import StringConstraints

from governance.errors import InvalidInput
from governance.ledger.entry import Entry
from governance.ledger.search import Filter, follow, search
from governance.moments import read_bound
from governance.web.api.bodies import CheckpointOut, EntriesOut, EntryOut, EntryProofOut, ProofOut
from governance.web.bounds import LARGEST_SEQ, NO_NUL
from governance.web.dependencies import Context, ReadingOnce, Transaction, requires
from governance.web.ledger_reading import PublishedCheckpoint, get_published, read_entry

router = APIRouter(prefix="/ledger", tags=["ledger"], dependencies=[requires("ledger:read")])

Words = Annotated[str | None, Query(max_length=200, pattern=NO_NUL)]
Kind = Annotated[str, StringConstraints(max_length=100, pattern=NO_NUL)]
Cursor = Annotated[int | None, Query(ge=-1, le=LARGEST_SEQ)]


def asked(
    kind: Annotated[list[Kind] | None, Query(max_length=50)] = None,
    since: Words = None,
    until: Words = None,
    mentions: Words = None,
    actor: Words = None,
) -> Filter:
    """Which entries. A kind that ends in a dot means its family.

    A day (``2026-01-31``) as ``until`` is included, a moment (``2026-01-31T12:00:00Z``) is not.
    """
    return Filter(
        kinds=tuple(kind or ()),
        since=None if since is None else read_bound(since, "since", end=False),
        until=None if until is None else read_bound(until, "until", end=True),
        mentions=mentions,
        actor=actor,
    )


@router.get("/entries")
def show_entries(
    session: Transaction,
    wanted: Annotated[Filter, Depends(asked)],
    after: Cursor = None,
    before: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> EntriesOut:
    """Entries that fit, in their order; with ``before``, those before it, newest first."""
    if before is None:
        found = follow(session, wanted, after_seq=after, limit=limit + 1)
    elif after is None:
        found = search(session, wanted, before_seq=before, limit=limit + 1)
    else:
        msg = "expected after or before, got both"
        raise InvalidInput(msg)
    page = found[:limit]
    return EntriesOut(entries=[entry_out(each) for each in page], next=page[-1].seq if len(found) > limit else None)


@router.get("/entries/{seq}")
def show_entry(
    session: ReadingOnce, context: Context, seq: Annotated[int, Path(ge=0, le=LARGEST_SEQ)]
) -> EntryProofOut:
    """One entry with the proof that the newest signed checkpoint contains it."""
    reading = read_entry(session, context.ledger, seq)
    proof = reading.proof
    if proof is None:
        return EntryProofOut(entry=entry_out(reading.entry), proof=None)
    path = [each.hex() for each in proof.path]
    return EntryProofOut(
        entry=entry_out(reading.entry), proof=ProofOut(path=path, checkpoint=checkpoint_out(proof.published))
    )


@router.get("/checkpoint")
def show_checkpoint(context: Context) -> CheckpointOut:
    """The newest signed checkpoint."""
    return checkpoint_out(get_published(context.ledger))


def entry_out(entry: Entry) -> EntryOut:
    """An entry as JSON."""
    return EntryOut(
        seq=entry.seq,
        kind=entry.kind,
        version=entry.version,
        at=entry.at,
        actor=entry.actor,
        id=entry.id,
        body=dict(entry.body),
        leaf_hash=entry.leaf.hex(),
    )


def checkpoint_out(published: PublishedCheckpoint) -> CheckpointOut:
    """A checkpoint as JSON."""
    head = published.checkpoint
    return CheckpointOut(
        origin=head.origin, size=head.size, root=head.root.hex(), note=published.note, vkey=published.vkey
    )
