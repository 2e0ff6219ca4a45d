"""Reviews: what waits for the board, what it decided, and the vote."""

from http import HTTPStatus
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from governance.access.tables import Principal
from governance.registry.models import get_model
from governance.review.board import get_review, list_reviews, propose, vote
from governance.web.dependencies import Context, Transaction, requires
from governance.web.model_reading import read_review
from governance.web.pages import render

router = APIRouter(prefix="/reviews")

PAGE = 50


@router.get("")
def show_reviews(
    request: Request,
    session: Transaction,
    context: Context,
    principal: Annotated[Principal, requires("models:read")],
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Reviews, the open ones first."""
    found = list_reviews(session, offset=offset, limit=PAGE + 1)
    rows = sorted((read_review(session, each) for each in found[:PAGE]), key=lambda each: each.review.state != "open")
    older = offset + PAGE if len(found) > PAGE else None
    rule = context.policies.access.value.review
    values = {"rows": rows, "older": older, "rule": rule}
    return render(request, "reviews.html", values, principal=principal)


@router.post("")
def open_review(
    session: Transaction,
    context: Context,
    author: Annotated[Principal, requires("models:propose")],
    model: Annotated[UUID, Form()],
) -> Response:
    """Ask the board about a model."""
    propose(session, get_model(session, model), review_id=context.new_id(), author=author, clock=context.clock)
    return RedirectResponse(f"/models/{model}", HTTPStatus.SEE_OTHER)


@router.post("/{review_id}/votes")
def cast_vote(  # noqa: PLR0917 - the parts of one HTTP request
    review_id: UUID,
    session: Transaction,
    context: Context,
    voter: Annotated[Principal, requires("reviews:vote")],
    choice: Annotated[Literal["approve", "refuse"], Form()],
    comment: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Vote, and see the model's page again."""
    policy, review = context.policies.access.value.review, get_review(session, review_id)
    words = comment.strip() or None
    vote(session, review, voter, choice, policy=policy, clock=context.clock, comment=words)
    return RedirectResponse(f"/models/{review.model_id}#review", HTTPStatus.SEE_OTHER)
