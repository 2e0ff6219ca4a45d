"""The ``probity`` command: its groups, and how an error becomes one line and an exit code."""

import os
import sys
from collections.abc import Sequence
from enum import IntEnum
from importlib import import_module
from io import TextIOWrapper
from typing import NoReturn

import typer

from audits.allocation import keep_freed_memory
from audits.errors import AuditError, InvalidConfig
from governance import errors
from governance.cli.commands import ALONE, COMMANDS, Command, contents, extra_of, missing_extra, stand_in
from governance.cli.display import stderr
from pseudonymisation.errors import PseudonymisationError
from pseudonymisation.sources.errors import SourceError
from recommender.errors import RecommenderError


class Exit(IntEnum):
    """What a shell or a CI job reads (the same everywhere)."""

    PASSED = 0
    REFUSED = 1
    USAGE = 2
    UNDECIDABLE = 3
    INTERNAL = 4


EXITS: tuple[tuple[type[Exception], Exit], ...] = (
    (errors.ConfigurationError, Exit.USAGE),
    (errors.InvalidInput, Exit.USAGE),
    (errors.Unaudited, Exit.UNDECIDABLE),
    (errors.NotFound, Exit.USAGE),
    (errors.EmptySnapshot, Exit.UNDECIDABLE),
    (errors.Unreachable, Exit.UNDECIDABLE),
    (errors.GovernanceError, Exit.REFUSED),
    (SourceError, Exit.USAGE),
    (PseudonymisationError, Exit.USAGE),
    (RecommenderError, Exit.UNDECIDABLE),
    (InvalidConfig, Exit.USAGE),
    (AuditError, Exit.UNDECIDABLE),
    (OSError, Exit.INTERNAL),
)
"""The first type that fits decides; what `_database_errors` names is internal too, and so is what nobody expects."""


def build(asked: Sequence[str] = ()) -> typer.Typer:
    """The command line: with the module of the one command that ``asked`` begins with, or with all.

    Importing every module takes about two seconds, which somebody who types one command should not wait for. A command
    whose extra is not installed is there all the same, and says which one it needs.
    """
    app = _empty()
    for module, commands in _wanted(tuple(asked)):
        try:
            import_module(f"governance.cli.{module}").register(app)
        except ModuleNotFoundError as absent:
            if (extra := extra_of(absent.name or "")) is None:
                raise
            for command in commands:
                stand_in(app, command, extra)
    return app


def _empty() -> typer.Typer:
    app = typer.Typer(
        name="probity",
        help="Privacy and fairness governance for recommender systems.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,  # a traceback with local variables could show an identifier
        rich_markup_mode=None,
    )

    @app.callback()
    def probity() -> None:
        """Privacy and fairness governance for recommender systems."""

    return app


def _wanted(asked: tuple[str, ...]) -> list[tuple[str, list[Command]]]:
    """The modules to load, each with the commands that it brings."""
    named = [command for command in COMMANDS if asked and command.name == asked[0]]
    if asked[:2] in ALONE:
        return [(ALONE[asked[:2]], named)]
    modules = dict.fromkeys(command.module for command in named or COMMANDS)
    return [(module, [command for command in COMMANDS if command.module == module]) for module in modules]


def _asked_for(arguments: Sequence[str]) -> typer.Typer:
    # A shell that completes wants names and options of everything; anybody else wants one command, or the list of them.
    known = {command.name for command in COMMANDS}
    if (arguments and arguments[0] in known) or "_PROBITY_COMPLETE" in os.environ:
        return build(arguments)
    app = _empty()
    contents(app)
    return app


AUDITING = (["audit", "run"], ["gate", "check"])
"""Commands that go through large arrays once and end."""


def main() -> None:
    """Run the command; every error is one line on stderr and an exit code, never a traceback."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that its encoding cannot say stops no command
    if sys.argv[1:3] in AUDITING:
        keep_freed_memory()
    try:
        _asked_for(sys.argv[1:])()
    except ModuleNotFoundError as absent:
        extra = extra_of(absent.name or "")
        _leave(absent if extra is None else missing_extra("this command", extra))
    except Exception as error:  # noqa: BLE001 - Python's own exit code for the rest is 1, which says refused
        _leave(error)


def _leave(error: Exception) -> NoReturn:
    code = next((code for kind, code in EXITS if isinstance(error, kind)), Exit.INTERNAL)
    stderr.print(f"probity: {_for_a_terminal(_words(error))}", markup=False, soft_wrap=True)
    sys.exit(code)


def _for_a_terminal(words: str) -> str:
    # What is refused may quote the file that it came with, and escape sequences in it are orders to the terminal.
    from governance.ledger.published import printable

    return "\n".join(map(printable, words.splitlines()))


def _words(error: Exception) -> str:
    if not isinstance(error, _expected()):
        # Its own words may quote a row, and so a subject.
        return f"something went wrong inside ({errors.fault_of(error)}); nothing was acknowledged that is not stored"
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or type(error).__name__}; nothing was acknowledged that is not stored"
    if isinstance(error, _database_errors()):
        # Its own text quotes the statement. The driver's says what happened: a full disk, a lost server, a locked file.
        cause = getattr(error, "orig", None)
        operational = type(error).__name__ == "OperationalError"
        said = str(cause).splitlines()[0] if operational and cause else type(error).__name__
        return f"the database refused: {said}; nothing was acknowledged that is not stored"
    return str(error)


def _expected() -> tuple[type[Exception], ...]:
    return (*(kind for kind, _ in EXITS), *_database_errors())


def _database_errors() -> tuple[type[Exception], ...]:
    # What nobody imported, nobody raised: a command without a database does not load it to fail.
    if "sqlalchemy" not in sys.modules:
        return ()
    from sqlalchemy.exc import SQLAlchemyError

    return (SQLAlchemyError,)
