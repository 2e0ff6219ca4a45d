"""The ledger over HTTP: entries, proofs, the signed checkpoint."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from governance.ledger.entry import Entry
from governance.ledger.store import list_entries
from governance.web.api.bodies import CheckpointOut, EntriesOut, EntryOut, EntryProofOut, ProofOut
from governance.web.dependencies import Context, Transaction, requires
from governance.web.ledger_reading import PublishedCheckpoint, get_published, read_entry

router = APIRouter(prefix="/ledger", tags=["ledger"], dependencies=[requires("ledger:read")])

LARGEST_SEQ = 2**53


@router.get("/entries")
def show_entries(
    session: Transaction,
    kind: Annotated[str | None, Query(max_length=100)] = None,
    after: Annotated[int | None, Query(ge=-1, le=LARGEST_SEQ)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> EntriesOut:
    """Entries in their order, of one kind or all."""
    found = list_entries(session, kind=kind, after_seq=after, limit=limit + 1)
    page = found[:limit]
    return EntriesOut(entries=[entry_out(each) for each in page], next=page[-1].seq if len(found) > limit else None)


@router.get("/entries/{seq}")
def show_entry(
    session: Transaction, context: Context, seq: Annotated[int, Path(ge=0, le=LARGEST_SEQ)]
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
