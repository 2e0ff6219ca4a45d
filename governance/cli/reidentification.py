"""`probity reidentify`: who is behind a pseudonym, for a case, by two people, once."""

from typing import Annotated, get_args
from uuid import UUID, uuid4

import typer

from governance.cli.context import HomeOption, JsonOption, acting, opened, read_identifier
from governance.cli.display import listing, say, stdout
from governance.errors import Gone
from governance.pipeline.home import OPERATOR
from governance.reidentification.procedure import (
    CaseGround,
    approve,
    ask,
    expire,
    get_case,
    list_cases,
    require_somebody,
    use,
)
from governance.settings import DEFAULT_HOME
from pseudonymisation.pseudonym import DOMAINS, Pseudonym

reidentify = typer.Typer(
    help="Who is behind a pseudonym: asked by one, approved by another, once.", no_args_is_help=True
)
CaseArgument = Annotated[UUID, typer.Argument(metavar="CASE")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(reidentify, name="reidentify")


@reidentify.command("ask")
def ask_for(
    ground: Annotated[str, typer.Option(help=", ".join(get_args(CaseGround)))],
    domain: Annotated[str, typer.Option(help=", ".join(DOMAINS))] = "events",
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Ask who is behind a pseudonym, which is read from standard input; prints the case."""
    here = opened(home)
    pseudonym = Pseudonym(read_identifier("pseudonym"))
    with here.transaction() as session:
        case = ask(
            session,
            here.vault,
            pseudonym,
            domain,
            acting(here, session, "reidentification:ask"),
            ground=ground,  # type: ignore[arg-type] # checked by `ask`
            case_id=uuid4(),
            rule=here.policies.access.value.reidentification,
            clock=here.clock,
        )
    require_somebody(case)
    say(f"somebody else has to approve it before {case.valid_until.isoformat(timespec='minutes')}:")
    stdout.print(str(case.id), markup=False)


@reidentify.command("approve")
def approve_case(case: CaseArgument, home: HomeOption = DEFAULT_HOME) -> None:
    """Allow somebody else's question. Nothing about the person is shown."""
    here = opened(home)
    with here.transaction() as session:
        principal = acting(here, session, "reidentification:approve")
        approve(session, get_case(session, case), principal, clock=here.clock)
    say(f"case {case} is approved; the one who asked may use it once")


@reidentify.command("use")
def use_case(case: CaseArgument, home: HomeOption = DEFAULT_HOME) -> None:
    """Print the identifiers, once, to the one who asked."""
    here = opened(home)
    with here.transaction() as session:
        principal = acting(here, session, "reidentification:ask")
        answer = use(session, here.vault, get_case(session, case), principal, clock=here.clock)
    if answer.outcome != "answered":
        msg = f"case {case} is over: {answer.outcome}"
        raise Gone(msg)
    say("shown this once; the case is over:")
    for kind, value in answer.identifiers:
        stdout.print(f"{kind} {value}", markup=False, soft_wrap=True)


@reidentify.command("list")
def list_all(home: HomeOption = DEFAULT_HOME, *, as_json: JsonOption = False) -> None:
    """The latest cases; cases whose time has passed are closed first."""
    here = opened(home)
    with here.transaction() as session:
        expire(session, actor=OPERATOR, clock=here.clock)
        rows = [
            (
                str(each.id),
                each.domain,
                each.ground,
                each.outcome or _state(each.approved_by),
                each.valid_until.isoformat(),
            )
            for each in list_cases(session)
        ]
    listing("Re-identifications", ("case", "domain", "ground", "state", "valid until"), rows, as_json=as_json)


def _state(approved_by: UUID | None) -> str:
    return "asked" if approved_by is None else "approved"
