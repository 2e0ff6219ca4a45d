"""`probity review`, `probity deploy`, `probity rollback`: the board's step, and what serves."""

from typing import Annotated, Literal, get_args
from uuid import UUID, uuid4

import typer

from governance.access.principals import actor_of
from governance.cli.context import HomeOption, JsonOption, acting, opened
from governance.cli.display import listing, say, stdout
from governance.errors import InvalidInput
from governance.registry.models import get_model
from governance.review.board import get_review, list_reviews
from governance.review.board import propose as open_review
from governance.review.board import vote as cast_vote
from governance.review.deployment import Reason, roll_back
from governance.review.deployment import deploy as begin_serving
from governance.settings import DEFAULT_HOME

review = typer.Typer(help="Propose a model to the board, vote, look.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(review, name="review")
    app.command("deploy")(deploy)
    app.command("rollback")(rollback)


@review.command("propose")
def propose(model: Annotated[UUID, typer.Argument()], home: HomeOption = DEFAULT_HOME) -> None:
    """Ask the board whether a model that passed the gate may ship."""
    here = opened(home)
    with here.transaction() as session:
        author = acting(here, session, "models:propose")
        opened_review = open_review(
            session, get_model(session, model), review_id=uuid4(), author=author, clock=here.clock
        )
    say("open for votes:")
    stdout.print(str(opened_review.id), markup=False)


@review.command("vote")
def vote(
    review_id: Annotated[UUID, typer.Argument(metavar="REVIEW")],
    choice: Annotated[str, typer.Argument(help="approve or refuse")],
    comment: Annotated[str | None, typer.Option(help="Read by the others; no personal data.")] = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Cast or change your vote. Whoever made or proposed the model has none."""
    here = opened(home)
    chosen: Literal["approve", "refuse"]
    if choice == "approve":
        chosen = "approve"
    elif choice == "refuse":
        chosen = "refuse"
    else:
        msg = "choice: expected approve or refuse, got another word"
        raise InvalidInput(msg)
    with here.transaction() as session:
        voter = acting(here, session, "reviews:vote")
        found = cast_vote(
            session,
            get_review(session, review_id),
            voter,
            chosen,
            policy=here.policies.access.value.review,
            clock=here.clock,
            comment=comment,
        )
    say(f"review {found.id} is {found.state}")


@review.command("list")
def list_all(home: HomeOption = DEFAULT_HOME, *, as_json: JsonOption = False) -> None:
    """Reviews, newest first."""
    with opened(home).transaction() as session:
        rows = [
            (str(each.id), str(each.model_id), each.state, each.opened_at.isoformat()) for each in list_reviews(session)
        ]
    listing("Reviews", ("review", "model", "state", "opened at"), rows, as_json=as_json)


def deploy(model: Annotated[UUID, typer.Argument()], home: HomeOption = DEFAULT_HOME) -> None:
    """Let an approved model serve; the one before retires."""
    here = opened(home)
    with here.transaction() as session:
        actor = actor_of(acting(here, session, "models:deploy"))
        deployment = begin_serving(session, get_model(session, model), actor=actor, clock=here.clock)
    say(f"deployment {deployment.number} serves model {deployment.model_id}")


def rollback(
    reason: Annotated[str, typer.Option(help=", ".join(get_args(Reason)))], home: HomeOption = DEFAULT_HOME
) -> None:
    """Put back the generation that served before."""
    if reason not in get_args(Reason):
        msg = f"reason: expected one of {', '.join(get_args(Reason))}, got another word"
        raise InvalidInput(msg)
    here = opened(home)
    with here.transaction() as session:
        actor = actor_of(acting(here, session, "models:deploy"))
        deployment = roll_back(session, reason=reason, actor=actor, clock=here.clock)  # type: ignore[arg-type] # checked above
    say(f"deployment {deployment.number} serves model {deployment.model_id} again")
