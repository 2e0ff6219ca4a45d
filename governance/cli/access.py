"""`probity access`: people, their roles and their tokens."""

from typing import Annotated
from uuid import UUID, uuid4

import typer

from governance.access.principals import add_principal, get_principal, list_principals
from governance.access.revocation import revoke_access
from governance.access.tokens import issue_token
from governance.cli.context import HomeOption, JsonOption, opened
from governance.cli.display import listing, say, stdout
from governance.pipeline.home import OPERATOR
from governance.settings import DEFAULT_HOME

access = typer.Typer(help="Who may do what.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(access, name="access")


@access.command("add")
def add(
    name: Annotated[str, typer.Argument(help="How the console greets them; never in the ledger.")],
    role: Annotated[list[str], typer.Option(help="A role of access.yaml; may be given again.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Add somebody and print their token, once."""
    here = opened(home)
    with here.transaction() as session:
        principal = add_principal(
            session,
            name,
            role,
            principal_id=uuid4(),
            policy=here.policies.access.value,
            actor=OPERATOR,
            clock=here.clock,
        )
        token = issue_token(session, principal, token_id=uuid4(), actor=OPERATOR, clock=here.clock)
    say(f"{principal.id}; their token, shown once:")
    stdout.print(token.reveal(), markup=False, soft_wrap=True)


@access.command("token")
def new_token(
    principal: Annotated[UUID, typer.Argument(help="As `probity access list` shows it.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Issue another token and print it, once."""
    here = opened(home)
    with here.transaction() as session:
        found = get_principal(session, principal)
        token = issue_token(session, found, token_id=uuid4(), actor=OPERATOR, clock=here.clock)
    stdout.print(token.reveal(), markup=False, soft_wrap=True)


@access.command("revoke")
def revoke(
    principal: Annotated[UUID, typer.Argument(help="As `probity access list` shows it.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Take somebody's access away: all their tokens stop, and they are signed out of the console."""
    here = opened(home)
    with here.transaction() as session:
        done = revoke_access(session, get_principal(session, principal), actor=OPERATOR, clock=here.clock)
    say(f"{principal}: {done.tokens} tokens revoked, {done.sessions} console sessions closed")


@access.command("list")
def list_all(home: HomeOption = DEFAULT_HOME, *, as_json: JsonOption = False) -> None:
    """Everybody with access."""
    with opened(home).transaction() as session:
        rows = [(str(each.id), each.name, ", ".join(each.roles)) for each in list_principals(session, limit=1000)]
    listing("Access", ("principal", "name", "roles"), rows, as_json=as_json)
