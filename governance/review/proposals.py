"""Proposals: one walk of a model to service, and the ids of everything that its steps make.

The ids follow from the proposal's own, so whoever takes it up again finds what was made, and makes nothing twice.
"""

from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.clock import Clock
from governance.errors import Conflict, NotFound
from governance.ledger.store import append
from governance.registry.tables import Model
from governance.review.events import ReleaseProposed
from governance.review.tables import Proposal


def snapshot_id_of(proposal: Proposal) -> UUID:
    """The snapshot of the present attempt."""
    return uuid5(proposal.id, f"snapshot/{proposal.attempt}")


def training_id_of(proposal: Proposal) -> UUID:
    """The training of the present attempt, and its reservation."""
    return uuid5(proposal.id, f"training/{proposal.attempt}")


def mitigated_id_of(proposal: Proposal, model: Model, policy: str) -> UUID:
    """The copy of a model with exposure prices that meet a policy (digest)."""
    return uuid5(proposal.id, f"mitigated/{model.id}/{policy}")


def review_id_of(proposal: Proposal, decision_id: UUID) -> UUID:
    """The question to the board on the strength of one decision."""
    return uuid5(proposal.id, f"review/{decision_id}")


def begin(
    session: Session, *, proposal_id: UUID, kind: str, model: Model | None, author: Principal, clock: Clock
) -> Proposal:
    """Set out with a model that is there, or with one of a ``kind`` that will be trained.

    Raises:
        Conflict: the id is taken.
    """
    if session.get(Proposal, proposal_id) is not None:
        msg = f"proposal {proposal_id} exists"
        raise Conflict(msg)
    proposal = Proposal(
        id=proposal_id,
        kind=kind if model is None else model.kind,
        model_id=None if model is None else model.id,
        author_id=author.id,
        attempt=1,
        begun_at=clock(),
    )
    session.add(proposal)
    session.flush()
    _log(session, proposal, author, clock)
    return proposal


def begin_again(session: Session, proposal: Proposal, *, author: Principal, clock: Clock) -> Proposal:
    """Count another training, with ids of its own.

    Raises:
        Conflict: the proposal trains nothing, or is over.
    """
    session.refresh(proposal, with_for_update=True)
    if proposal.model_id is not None or proposal.ended_at is not None:
        found = "is over" if proposal.ended_at else "trains nothing"
        msg = f"proposal {proposal.id} {found}: there is nothing to pay for"
        raise Conflict(msg)
    proposal.attempt += 1
    session.flush()
    _log(session, proposal, author, clock)
    return proposal


def end(session: Session, proposal: Proposal, *, clock: Clock) -> None:
    """The walk is over: the model serves, or never will by this proposal."""
    if proposal.ended_at is None:
        proposal.ended_at = clock()
        session.flush()


def get_proposal(session: Session, proposal_id: UUID) -> Proposal:
    """The proposal with this id.

    Raises:
        NotFound: there is none.
    """
    proposal = session.get(Proposal, proposal_id)
    if proposal is None:
        msg = f"no proposal {proposal_id}"
        raise NotFound(msg)
    return proposal


def list_proposals(session: Session, *, limit: int = 100) -> list[Proposal]:
    """Proposals, newest first."""
    return list(session.scalars(select(Proposal).order_by(Proposal.begun_at.desc(), Proposal.id).limit(limit)))


def _log(session: Session, proposal: Proposal, author: Principal, clock: Clock) -> None:
    trains = proposal.model_id is None
    event = ReleaseProposed(
        proposal=str(proposal.id),
        model_kind=proposal.kind,
        model="" if trains else str(proposal.model_id),
        snapshot=str(snapshot_id_of(proposal)) if trains else "",
        training=str(training_id_of(proposal)) if trains else "",
        attempt=proposal.attempt,
    )
    entry_id = uuid5(proposal.id, f"{event.kind}/{proposal.attempt}")
    append(session, event, actor=actor_of(author), entry_id=entry_id, clock=clock)
