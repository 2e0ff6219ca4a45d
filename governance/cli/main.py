"""The ``probity`` command: its groups, and how an error becomes one line and an exit code."""

import sys
from enum import IntEnum
from importlib import import_module

import typer
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from audits.errors import AuditError
from governance import errors
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
    (errors.NotFound, Exit.USAGE),
    (errors.EmptySnapshot, Exit.UNDECIDABLE),
    (errors.Unreachable, Exit.UNDECIDABLE),
    (errors.GovernanceError, Exit.REFUSED),
    (SourceError, Exit.USAGE),
    (PseudonymisationError, Exit.USAGE),
    (RecommenderError, Exit.UNDECIDABLE),
    (AuditError, Exit.UNDECIDABLE),
    (SQLAlchemyError, Exit.INTERNAL),
    (OSError, Exit.INTERNAL),
)
"""The first type that fits decides."""

COMMANDS: dict[str, str] = {
    "init": "home",
    "status": "home",
    "demo": "demo",
    "sample": "data",
    "data": "data",
    "ingest": "ingest",
    "quarantine": "ingest",
    "consent": "consent",
    "train": "train",
    "budget": "train",
    "models": "train",
    "mitigate": "train",
    "recommend": "train",
    "audit": "audit",
    "gate": "gate",
    "review": "review",
    "deploy": "review",
    "rollback": "review",
    "rights": "rights",
    "retention": "retention",
    "ledger": "ledger",
    "witness": "witness",
    "policy": "policy",
    "access": "access",
    "serve": "serve",
}
"""Each command, in the order of the help, and the module of this package that brings it."""


def build(asked: str | None = None) -> typer.Typer:
    """The command line: with the module of one command only, or with all where ``asked`` is none of them.

    Importing every module takes about two seconds, which somebody who types one command should not wait for.
    """
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

    modules = [COMMANDS[asked]] if asked in COMMANDS else list(dict.fromkeys(COMMANDS.values()))
    for module in modules:
        import_module(f"governance.cli.{module}").register(app)
    return app


def main() -> None:
    """Run the command; an expected error is one line on stderr and an exit code, never a traceback."""
    try:
        build(sys.argv[1] if len(sys.argv) > 1 else None)()
    except tuple(kind for kind, _ in EXITS) as error:
        code = next(code for kind, code in EXITS if isinstance(error, kind))
        stderr.print(f"probity: {_words(error)}", markup=False, soft_wrap=True)
        sys.exit(code)


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or type(error).__name__}; nothing was acknowledged that is not stored"
    if isinstance(error, SQLAlchemyError):
        # Its own text quotes the statement. The driver's says what happened: a full disk, a lost server, a locked file.
        cause = getattr(error, "orig", None)
        said = str(cause).splitlines()[0] if isinstance(error, OperationalError) and cause else type(error).__name__
        return f"the database refused: {said}; nothing was acknowledged that is not stored"
    return str(error)
