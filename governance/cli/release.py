"""`probity release`: a model's way to service in one command, taken up again where it stopped.

Exit codes: 0 it serves or waits for others, 1 refused, 3 the gate could not decide.
"""

from typing import Annotated
from uuid import UUID, uuid4

import typer

from governance.access.tables import Principal
from governance.cli.context import HomeOption, JsonOption, acting, opened
from governance.cli.display import listing, progress, say, stdout, write_json
from governance.cli.gate_display import show
from governance.errors import InvalidInput
from governance.pipeline.home import Home
from governance.pipeline.release import Standing, Step, Walk, pay_again, set_out
from governance.review.proposals import get_proposal, list_proposals
from governance.review.tables import Proposal
from governance.settings import DEFAULT_HOME

release = typer.Typer(help="Bring a model into service, step by step.", no_args_is_help=True)
EXITS = {Standing.UNDECIDED: 3, Standing.REFUSED_BY_GATE: 1, Standing.REFUSED_BY_BOARD: 1}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(release, name="release")


@release.command("propose")
def propose(
    kind: Annotated[str | None, typer.Option(help="The kind of model to train; ease where none is said.")] = None,
    model: Annotated[UUID | None, typer.Option(help="Begin with this registered model; nothing is trained.")] = None,
    resume: Annotated[UUID | None, typer.Option(help="Take this proposal up again.")] = None,
    home: HomeOption = DEFAULT_HOME,
    *,
    again: Annotated[
        bool, typer.Option("--pay-again", help="With --resume: train anew after a training that was cut off.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Train, audit, decide, price where the gate refuses, ask the board, deploy: whatever of it is not done yet.

    It stops where others must act. Run it again with --resume when they have.
    """
    here = opened(home)
    proposal, walker = _proposal(here, kind, model, resume, pay=again)
    say(f"proposal {proposal.id}: `probity release propose --resume {proposal.id}` takes it up again")
    walked, done = _walk(here, proposal, walker, quiet=as_json)
    if as_json:
        steps = [{"step": each.name, "result": each.sentence, "again": each.again} for each in done]
        write_json({"proposal": str(proposal.id), "standing": str(walked.standing), "steps": steps})
    else:
        stdout.print(f"The model is {walked.standing}.", markup=False)
    raise typer.Exit(EXITS.get(walked.standing, 0))


@release.command("list")
def list_all(home: HomeOption = DEFAULT_HOME, *, as_json: JsonOption = False) -> None:
    """Proposals, newest first."""
    with opened(home).transaction() as session:
        rows = [
            (
                str(each.id),
                each.kind,
                each.attempt if each.model_id is None else 0,  # a model that was there is trained by nobody
                f"{each.begun_at:%Y-%m-%d %H:%M}",
                "open" if each.ended_at is None else f"ended {each.ended_at:%Y-%m-%d %H:%M}",
            )
            for each in list_proposals(session)
        ]
    listing("Proposals", ("proposal", "kind", "trainings", "begun", "state"), rows, as_json=as_json)


def _proposal(
    here: Home, kind: str | None, model: UUID | None, resume: UUID | None, *, pay: bool
) -> tuple[Proposal, Principal]:
    if pay and resume is None:
        msg = "--pay-again goes with --resume: expected the proposal whose training was cut off"
        raise InvalidInput(msg)
    if resume is not None and (model is not None or kind is not None):
        msg = "--resume: expected no --model and no --kind beside it, for the proposal says which"
        raise InvalidInput(msg)
    with here.transaction() as session:
        walker = acting(here, session, "models:propose")
        proposal = None if resume is None else get_proposal(session, resume)
        if model is None and (proposal is None or proposal.model_id is None):
            acting(here, session, "models:train")
    if proposal is not None:
        return (pay_again(here, proposal.id, walker) if pay else proposal), walker
    return set_out(here, proposal_id=uuid4(), kind=kind or "ease", model_id=model, walker=walker), walker


def _walk(here: Home, proposal: Proposal, walker: Principal, *, quiet: bool) -> tuple[Walk, list[Step]]:
    with progress("on the way") as advance:
        walk = Walk(
            home=here,
            proposal=proposal,
            walker=walker,
            new_id=uuid4,
            progress=lambda _, done, total: advance(done, total),
        )
        done = []
        for step in walk.steps():
            done.append(step)
            if not quiet:
                _show(step)
    return walk, done


def _show(step: Step) -> None:
    stdout.print(f"{step.name}: {step.sentence}{' (done before)' if step.again else ''}", markup=False, soft_wrap=True)
    if step.decision is not None and not step.again:
        show(step.decision, all_findings=False)
