"""What every command starts from: the home, who acts, and how an identifier comes in."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from governance.cli import display
from governance.clock import system_clock
from governance.errors import Unauthenticated
from governance.resources import DEFAULT_HOME

# The options are declared by commands that need no home too (`gate check`), on machines without a database: whoever
# opens a home loads what it takes.
if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from governance.access.tables import Principal
    from governance.pipeline.home import Home
    from governance.policy.rules import Permission

TOKEN_VARIABLE = "PROBITY_TOKEN"  # noqa: S105 - the variable's name, not a token

HomeOption = Annotated[
    Path, typer.Option("--home", envvar="PROBITY_HOME", help="The home folder.", show_default=str(DEFAULT_HOME))
]
JsonOption = display.JsonOption
IdentifierOption = Annotated[
    str,
    typer.Option(
        "--by", help="Kind of identifier: account_id, email, phone or device_id. Its value is read from standard input."
    ),
]


def opened(home: Path) -> "Home":
    """The home, ready to work with."""
    from governance.pipeline.home import open_home
    from governance.settings import load_settings

    return open_home(load_settings(home), clock=system_clock)


def acting(home: "Home", session: "Session", permission: "Permission") -> "Principal":
    """Who acts: the holder of the token in PROBITY_TOKEN or typed at the terminal, if a role of theirs allows it.

    A token is never an argument: those are logged.

    Raises:
        Unauthenticated: no token, or not a valid one.
        Forbidden: none of their roles has ``permission``.
    """
    from governance.access.permissions import require
    from governance.access.principals import list_principals
    from governance.access.tokens import authenticate

    token = os.environ.get(TOKEN_VARIABLE) or (typer.prompt("Token", hide_input=True) if sys.stdin.isatty() else "")
    if not token:
        principals = len(list_principals(session, limit=1))
        hint = "" if principals else " (there is nobody yet: `probity access add NAME --role ROLE`)"
        msg = f"this command acts in somebody's name: put their token in {TOKEN_VARIABLE}{hint}"
        raise Unauthenticated(msg)
    principal = authenticate(session, token, clock=home.clock)
    require(principal, permission, home.policies.access.value)
    return principal


def read_identifier(kind: str) -> str:
    """The identifier's value from standard input, or asked for without echo. Never an argument: those are logged."""
    if sys.stdin.isatty():
        return str(typer.prompt(kind, hide_input=True))
    return sys.stdin.readline().rstrip("\n")
