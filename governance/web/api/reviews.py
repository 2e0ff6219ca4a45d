"""Reviews over HTTP: propose a model, see the questions, vote."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from governance.access.tables import Principal
from governance.registry.models import get_model
from governance.review.board import get_review, list_reviews, vote
from governance.review.tables import Review
from governance.web.api.bodies import ProposalIn, ReviewOut, VoteIn, VoteOut
from governance.web.dependencies import Context, IdempotencyKey, Now, Transaction, requires
from governance.web.idempotency import id_for
from governance.web.model_reading import ReviewReading, propose_once, read_review

router = APIRouter(prefix="/reviews", tags=["reviews"])


@router.get("", dependencies=[requires("models:read")])
def show_reviews(
    session: Transaction, offset: Annotated[int, Query(ge=0)] = 0, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> list[ReviewOut]:
    """Reviews, newest first, with their votes."""
    return [review_out(read_review(session, each)) for each in list_reviews(session, offset=offset, limit=limit)]


@router.post("", status_code=HTTPStatus.CREATED)
def open_review(  # noqa: PLR0917 - the parts of one HTTP request
    body: ProposalIn,
    session: Transaction,
    context: Context,
    now: Now,
    author: Annotated[Principal, requires("models:propose")],
    key: IdempotencyKey = None,
) -> ReviewOut:
    """Ask the board whether a model may ship. While a review of it is open, another is refused."""
    review_id = id_for(session, context, author, Review, key)
    review = propose_once(session, get_model(session, body.model), review_id=review_id, author=author, clock=now)
    return review_out(read_review(session, review))


@router.post("/{review_id}/votes", status_code=HTTPStatus.CREATED)
def cast_vote(  # noqa: PLR0917 - the parts of one HTTP request
    review_id: UUID,
    body: VoteIn,
    session: Transaction,
    context: Context,
    now: Now,
    voter: Annotated[Principal, requires("reviews:vote")],
) -> ReviewOut:
    """Vote, or change one's vote while the review is open. The same vote again changes nothing."""
    policy, review = context.policies.access.value.review, get_review(session, review_id)
    cast = vote(session, review, voter, body.choice, policy=policy, clock=now, comment=body.comment)
    return review_out(read_review(session, cast))


def review_out(reading: ReviewReading) -> ReviewOut:
    """A review as JSON."""
    review = reading.review
    return ReviewOut(
        id=review.id,
        model_id=review.model_id,
        author_id=review.author_id,
        decision_id=review.decision_id,
        state=review.state,
        opened_at=review.opened_at,
        closed_at=review.closed_at,
        votes=[VoteOut.model_validate(each) for each, _ in reading.votes],
    )
