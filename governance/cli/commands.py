"""The readable registry of commands: which module brings each, what must be installed for it, and its line in the help.

The lines of the help stand here too, so that `probity --help` reads this page and loads nothing else.
"""

from dataclasses import dataclass

import typer

from governance.errors import MissingExtra

SERVER, TRAIN, TABLES, SPARK = "server", "train", "tables", "spark"

EXTRAS: dict[str, tuple[str, ...]] = {
    TABLES: ("deltalake", "duckdb", "ibis", "psycopg"),
    SPARK: ("pyspark",),
    TRAIN: ("opacus", "opendp", "torch"),
    SERVER: (
        *("alembic", "dp_accounting", "fastapi", "great_expectations", "httpx", "idna", "pydantic_settings"),
        *("python_multipart", "sqlalchemy", "starlette", "uvicorn"),
    ),
}
"""Each optional extra of pyproject.toml, and the modules that it brings and the base lacks; the first that has one."""


@dataclass(frozen=True, slots=True)
class Command:
    """One word after ``probity``: the module of this package that registers it, its help, and the extra it needs."""

    name: str
    module: str
    help: str
    needs: str | None = SERVER


COMMANDS = (
    Command(
        "init",
        "home",
        "Make a home: folders, keys, both databases at their newest schema, policies on record. Safe to run again.",
    ),
    Command("status", "home", "What this home holds: events, subjects, models, budget, ledger."),
    Command(
        "demo",
        "demo",
        "Walk the whole path: ingest, train, audit, gate, review, serve, access, deletion, verification.",
        TRAIN,
    ),
    Command("sample", "data", "Generate a streaming service: catalogue, subjects with identifiers, events, consents."),
    Command("data", "data", "Published interactions: list them, download them from their publisher."),
    Command(
        "ingest", "ingest", "Minimise, pseudonymise, check and store the interactions of a folder. Safe to run again."
    ),
    Command("quarantine", "ingest", "Rejected input: where it stood and why. What stood there is never shown."),
    Command("consent", "consent", "Recorded decisions of subjects, in numbers."),
    Command(
        "train",
        "train",
        "Take a snapshot, reserve privacy, measure once, and register every model that follows.",
        TRAIN,
    ),
    Command("budget", "train", "What releases have cost so far, and what is left.", TRAIN),
    Command("models", "train", "Registered models, newest first.", TRAIN),
    Command(
        "mitigate",
        "mitigate",
        "Make a policy's exposure rules hold, or lists calibrated or diverse; say what it costs and who pays.",
        None,
    ),
    Command(
        "recommend",
        "train",
        "The deployed model's list for one subject, with the exact reasons: titles they watched. Needs a token.",
        TRAIN,
    ),
    Command("audit", "audit", "Measure a registered model."),
    Command("gate", "gate", "Decide whether a model may ship.", None),
    Command("release", "release", "Bring a model into service, step by step.", TRAIN),
    Command("review", "review", "Propose a model to the board, vote, look."),
    Command("deploy", "review", "Let an approved model serve; the one before retires."),
    Command("rollback", "review", "Put back the generation that served before."),
    Command("rights", "rights", "Requests of data subjects."),
    Command("retention", "retention", "Deletion by age."),
    Command("attest", "attest", "Signed statements about models, audits, decisions and erasures."),
    Command("ledger", "ledger", "The append-only log of every change to the pipeline."),
    Command("witness", "witness", "A witness: cosigns a log's checkpoints as long as it only grows."),
    Command("evidence", "evidence", "The evidence of a period, to hand over and to verify."),
    Command("policy", "policy", "The policies in force."),
    Command("access", "access", "Who may do what."),
    Command("keys", "keys", "The keys that sign in this home's name."),
    Command("reidentify", "reidentification", "Who is behind a pseudonym: asked by one, approved by another, once."),
    Command("serve", "serve", "Run the console and API, or the ingestion gateway."),
)
"""Each command, in the order of the help."""

ALONE: dict[tuple[str, ...], str] = {
    ("ledger", "verify"): "ledger_verify",
    ("ledger", "verify-proof"): "ledger_verify",
    ("ledger", "check-opening"): "opening_check",
    ("attest", "verify"): "attest_verify",
    ("audit", "artwork"): "audit_artwork",
    ("audit", "disclose"): "audit_disclose",
    ("audit", "drift"): "audit_files",
    ("audit", "experiment"): "audit_files",
    ("audit", "feedback"): "audit_feedback",
    ("gate", "check"): "gate_check",
    ("gate", "init"): "gate_policy",
    ("gate", "ratchet"): "gate_policy",
    ("gate", "metrics"): "gate_policy",
}
"""Commands that come without the rest of their group: an auditor's machine has no home and should not wait for one."""


def extra_of(module: str) -> str | None:
    """The extra that brings a module, such as ``sqlalchemy.orm``; None where it is not one of an extra."""
    top = module.partition(".")[0]
    return next((extra for extra, modules in EXTRAS.items() if top in modules), None)


def missing_extra(what: str, extra: str) -> MissingExtra:
    """The one sentence for an installation that lacks an extra."""
    return MissingExtra(f"{what} needs an extra that is not installed: install Probity with its extra `{extra}`")


def contents(app: typer.Typer) -> None:
    """Register every command by its line alone, for the help: nothing is loaded, and none of them runs."""
    for command in COMMANDS:
        app.command(command.name, help=command.help)(_nothing)


def stand_in(app: typer.Typer, command: Command, extra: str) -> None:
    """Register a command whose extra is absent: listed like any other, and whatever it is asked, it says what to do."""

    def refuse() -> None:
        what = f"probity {command.name}"
        raise missing_extra(what, command.needs or extra)

    anything = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command(command.name, help=command.help, add_help_option=False, context_settings=anything)(refuse)


def _nothing() -> None:
    """Never called: what is asked for by name is registered with its own module."""
