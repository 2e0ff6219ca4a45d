"""A model as the web shows it: where it comes from, what was decided, who voted, whether it serves."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.access.principals import get_principal
from governance.access.tables import Principal
from governance.clock import Clock
from governance.errors import BrokenProof, ConfigurationError
from governance.gate.records import find_latest
from governance.gate.tables import GateRecord
from governance.gate.withdrawing import withdrawn_under
from governance.registry.attacks import Finding, find_finding, find_latest_attack
from governance.registry.lineage import get_release, get_snapshot
from governance.registry.models import get_model, list_reports
from governance.registry.tables import AttackRecord, AuditRecord, Deployment, Model, ReleaseRecord, Snapshot
from governance.review.board import list_votes, propose
from governance.review.tables import Review, Vote
from governance.rights.memory import Memory, memory_of
from governance.web.idempotency import require_same
from recommender.paid_models import is_paid


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewReading:
    """A review with its votes, each beside who cast it."""

    review: Review
    model: Model
    author: Principal
    votes: tuple[tuple[Vote, Principal], ...]

    @property
    def approvals(self) -> int:
        """How many approved."""
        return sum(vote.choice == "approve" for vote, _ in self.votes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReading:
    """A model with everything that led to it and everything that was decided about it, newest first."""

    model: Model
    author: Principal
    release: ReleaseRecord
    snapshot: Snapshot
    parent: Model | None
    decision: GateRecord | None
    withdrawn: frozenset[str]
    """Ids of the waivers that the decision rests on and that were withdrawn since."""
    report: AuditRecord | None
    reviews: tuple[ReviewReading, ...]
    deployments: tuple[Deployment, ...]
    memory: Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackReading:
    """The latest attack on a model's release; ``found`` is None where the stored report is not what was registered."""

    record: AttackRecord
    found: Finding | None
    only_release: bool
    """Whether the model took private steps after its release, which no attack is made on."""

    @property
    def verdict(self) -> str:
        """What came of it."""
        return "unreadable" if self.found is None else self.found.verdict


def read_model(session: Session, model: Model) -> ModelReading:
    """Everything about one model."""
    release, decision = get_release(session, model.release), find_latest(session, model)
    statement = select(Review).where(Review.model_id == model.id).order_by(Review.opened_at.desc(), Review.id)
    served = select(Deployment).where(Deployment.model_id == model.id).order_by(Deployment.number.desc())
    return ModelReading(
        model=model,
        author=get_principal(session, model.author_id),
        release=release,
        snapshot=get_snapshot(session, release.snapshot_id),
        parent=None if model.parent_id is None else get_model(session, model.parent_id),
        decision=decision,
        withdrawn=frozenset(str(each.id) for each in (withdrawn_under(session, decision) if decision else ())),
        report=next(iter(list_reports(session, model, limit=1)), None),
        reviews=tuple(read_review(session, each) for each in session.scalars(statement)),
        deployments=tuple(session.scalars(served)),
        memory=memory_of(session, model),
    )


def read_attack(session: Session, home: Path, model: Model) -> AttackReading | None:
    """The latest attack on the model's release, or None where there was none."""
    record = find_latest_attack(session, model.release)
    if record is None:
        return None
    try:
        found = find_finding(session, home, model)
    except (BrokenProof, ConfigurationError):
        found = None
    return AttackReading(record=record, found=found, only_release=is_paid(model.kind))


def read_review(session: Session, review: Review) -> ReviewReading:
    """One review with its votes."""
    votes = [(vote, get_principal(session, vote.principal_id)) for vote in list_votes(session, review)]
    return ReviewReading(
        review=review,
        model=get_model(session, review.model_id),
        author=get_principal(session, review.author_id),
        votes=tuple(votes),
    )


def propose_once(session: Session, model: Model, *, review_id: UUID, author: Principal, clock: Clock) -> Review:
    """Open a review; a retry with the same id finds it.

    Raises:
        InvalidInput: the id belongs to a review of another model.
        Conflict: as `propose` says.
    """
    known = session.get(Review, review_id)
    if known is None:
        return propose(session, model, review_id=review_id, author=author, clock=clock)
    require_same(same=known.model_id == model.id)
    return known
