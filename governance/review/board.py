"""The board: a model is proposed, members vote, the review closes. The author never approves."""

from typing import Literal
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.clock import Clock
from governance.errors import Conflict, Forbidden, InvalidInput, NotFound
from governance.gate.tables import GateRecord
from governance.gate.withdrawing import require_shippable
from governance.ledger.store import append
from governance.policy.rules import ReviewRule
from governance.registry.models import get_model, set_state
from governance.registry.tables import Model
from governance.review.events import ReviewClosed, ReviewOpened, ReviewSuperseded, VoteCast
from governance.review.tables import Review, Vote

Choice = Literal["approve", "refuse"]
LONGEST_COMMENT = 4_000


def propose(session: Session, model: Model, *, review_id: UUID, author: Principal, clock: Clock) -> Review:
    """Ask the board whether a model may ship.

    Where the gate has decided again since, an open review ends as superseded, and an approval has to be given anew.

    Raises:
        Conflict: the gate has not passed the model, too long ago, or by a waiver since withdrawn; it is not in a state
            to be proposed; a review of it on the same decision is open.
    """
    decision = require_shippable(session, model, clock=clock)
    outdated = model.state == "approved" and find_approval(session, decision) is None
    if model.state not in {"registered", "rejected"} and not outdated:
        msg = f"model {model.id} is {model.state}: only a registered or rejected one is proposed"
        raise Conflict(msg)
    present = find_open(session, model)
    if (present is not None and present.decision_id == decision.id) or session.get(Review, review_id) is not None:
        msg = f"a review of model {model.id} is open, or review {review_id} exists"
        raise Conflict(msg)
    if present is not None:
        _supersede(session, present, by=decision, author=author, clock=clock)
    review = Review(
        id=review_id,
        model_id=model.id,
        author_id=author.id,
        decision_id=decision.id,
        state="open",
        opened_at=clock(),
    )
    session.add(review)
    session.flush()
    event = ReviewOpened(review=str(review_id), model=str(model.id), author=str(author.id), decision=str(decision.id))
    append(session, event, actor=actor_of(author), entry_id=uuid5(review_id, event.kind), clock=clock)
    return review


def _supersede(session: Session, review: Review, *, by: GateRecord, author: Principal, clock: Clock) -> None:
    review.state, review.closed_at = "superseded", clock()
    session.flush()
    event = ReviewSuperseded(review=str(review.id), model=str(review.model_id), decision=str(by.id))
    append(session, event, actor=actor_of(author), entry_id=uuid5(review.id, event.kind), clock=clock)


def vote(
    session: Session,
    review: Review,
    principal: Principal,
    choice: Choice,
    *,
    policy: ReviewRule,
    clock: Clock,
    comment: str | None = None,
) -> Review:
    """Cast a vote, or change one's own while the review is open.

    Guarantees:
      - a refusal closes the review as refused; the policy's number of approvals closes it as approved
      - whoever proposed or made the model has no vote

    Raises:
        Forbidden: not of the board's role, or the author.
        Conflict: the review is closed, the gate has since decided anew, or a waiver that it counted was withdrawn.
        InvalidInput: another word than approve or refuse, or a comment beyond 4,000 characters.
    """
    session.refresh(review, with_for_update=True)
    model = get_model(session, review.model_id)
    _require_voter(review, model, principal, policy)
    if choice not in {"approve", "refuse"} or len(comment or "") > LONGEST_COMMENT:
        msg = f"vote: expected approve or refuse and a comment of at most {LONGEST_COMMENT} characters"
        raise InvalidInput(msg)
    if review.state != "open":
        msg = f"review {review.id} is closed ({review.state})"
        raise Conflict(msg)
    if choice == "approve":
        _require_same_decision(session, review, model, clock)
    row = _cast(session, review, principal, choice, comment=comment, clock=clock)
    if row is not None:
        event = VoteCast(
            review=str(review.id), voter=str(principal.id), choice=choice, revision=row.revision, model=str(model.id)
        )
        entry_id = uuid5(review.id, f"{event.kind}/{principal.id}/{row.revision}")
        append(session, event, actor=actor_of(principal), entry_id=entry_id, clock=clock)
        _close_if_decided(session, review, model, principal, policy=policy, clock=clock)
    return review


def get_review(session: Session, review_id: UUID) -> Review:
    """The review with this id.

    Raises:
        NotFound: there is none.
    """
    review = session.get(Review, review_id)
    if review is None:
        msg = f"no review {review_id}"
        raise NotFound(msg)
    return review


def list_reviews(session: Session, *, state: str | None = None, offset: int = 0, limit: int = 100) -> list[Review]:
    """Reviews, newest first, in one state (open, approved, refused) or all."""
    statement = select(Review).order_by(Review.opened_at.desc(), Review.id).offset(offset).limit(limit)
    return list(session.scalars(statement if state is None else statement.where(Review.state == state)))


def list_votes(session: Session, review: Review) -> list[Vote]:
    """The votes of a review, oldest first."""
    return list(session.scalars(select(Vote).where(Vote.review_id == review.id).order_by(Vote.cast_at, Vote.id)))


def find_open(session: Session, model: Model) -> Review | None:
    """The open review of a model, if any."""
    return session.scalar(select(Review).where(Review.model_id == model.id, Review.state == "open"))


def find_review(session: Session, decision: GateRecord) -> Review | None:
    """The latest review on the strength of this gate decision, if any."""
    statement = select(Review).where(Review.decision_id == decision.id).order_by(Review.opened_at.desc())
    return session.scalars(statement).first()


def find_approval(session: Session, decision: GateRecord) -> Review | None:
    """The review in which the board approved a model on the strength of this gate decision, if any."""
    return session.scalar(select(Review).where(Review.decision_id == decision.id, Review.state == "approved"))


def _require_voter(review: Review, model: Model, principal: Principal, policy: ReviewRule) -> None:
    if policy.role not in principal.roles:
        msg = f"votes are cast by the role {policy.role}; yours: {', '.join(principal.roles)}"
        raise Forbidden(msg)
    if principal.id in {review.author_id, model.author_id}:
        msg = "nobody votes on a model that they made or proposed"
        raise Forbidden(msg)


def _require_same_decision(session: Session, review: Review, model: Model, clock: Clock) -> None:
    if require_shippable(session, model, clock=clock).id != review.decision_id:
        msg = f"the gate has decided on model {model.id} again since review {review.id} was opened: propose it anew"
        raise Conflict(msg)


def _cast(
    session: Session, review: Review, principal: Principal, choice: Choice, *, comment: str | None, clock: Clock
) -> Vote | None:
    """The vote as stored; None when it repeats the one that stands."""
    statement = select(Vote).where(Vote.review_id == review.id, Vote.principal_id == principal.id)
    row = session.scalar(statement)
    if row is not None and (row.choice, row.comment) == (choice, comment):
        return None
    if row is None:
        row = Vote(review_id=review.id, principal_id=principal.id, revision=-1)
        session.add(row)
    row.choice, row.comment, row.revision, row.cast_at = choice, comment, row.revision + 1, clock()
    session.flush()
    return row


def _close_if_decided(
    session: Session, review: Review, model: Model, principal: Principal, *, policy: ReviewRule, clock: Clock
) -> None:
    votes = list_votes(session, review)
    approvals = sum(each.choice == "approve" for each in votes)
    refused = len(votes) > approvals
    if not refused and approvals < policy.approvals:
        return
    review.state, review.closed_at = ("refused" if refused else "approved"), clock()
    set_state(session, model, "rejected" if refused else "approved")
    event = ReviewClosed(review=str(review.id), model=str(model.id), outcome=review.state, approvals=approvals)
    append(session, event, actor=actor_of(principal), entry_id=uuid5(review.id, event.kind), clock=clock)
