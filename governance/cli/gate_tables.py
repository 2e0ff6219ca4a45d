"""What the gate's commands for anybody's lists share: the tables they read, and how a fault becomes an exit code."""

import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, get_args, get_type_hints

import typer

from audits.artwork.report import ArtworkReport
from audits.categories import unseparated
from audits.errors import AuditError, CorruptReport, InvalidTable
from audits.privacy import MembershipInference, PrivacyAttack
from audits.report import Report
from audits.sources import load
from audits.tables import AuditInput
from governance.cli.display import progress, say
from governance.clock import system_clock
from governance.errors import GovernanceError, InvalidInput
from governance.ledger.published import printable

T = TypeVar("T")

USAGE, INTERNAL = 2, 4
FAULTS: Final[tuple[tuple[type[Exception], int], ...]] = (
    (InvalidTable, INTERNAL),
    (CorruptReport, INTERNAL),
    (AuditError, USAGE),
    (GovernanceError, USAGE),
)
"""Settings and policies are the caller's to put right; wrong data is told apart from a model that failed."""

ListsOption = Annotated[str, typer.Option("--recommendations", help="Lists as shown: subject, item, rank.")]
ItemsOption = Annotated[str, typer.Option("--items", help="The catalogue: item, category; a row a membership.")]
RelevanceOption = Annotated[str | None, typer.Option("--relevance", help="Held-out choices: subject, item[, grade].")]
HistoryOption = Annotated[str | None, typer.Option("--history", help="Earlier choices: subject, item[, weight].")]
GroupsOption = Annotated[str | None, typer.Option("--groups", help="Groups of subjects: subject, group[, attribute].")]
PopularityOption = Annotated[str | None, typer.Option("--popularity", help="Interactions per item: item, count.")]
AttackOption = Annotated[
    Path | None,
    typer.Option("--attack", help="What an attack on the model found, as `probity audit privacy --json` prints it."),
]
ArtworkOption = Annotated[
    Path | None,
    typer.Option("--artwork", help="The report of an audit of artwork, as `probity audit artwork --report` writes it."),
]
DebugOption = Annotated[
    Path | None, typer.Option("--debug-log", help="Where to write what went wrong inside, with every step.")
]
DayOption = Annotated[
    str | None, typer.Option("--today", help="The day on which waivers are looked at, ISO 8601; default: today (UTC).")
]


@contextmanager
def answering(debug_log: Path | None) -> Iterator[None]:
    """Every fault is one line on stderr and an exit code; never a pass, and never a traceback."""
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        kept = debug_log if debug_log is not None and _kept(debug_log) else None
        code = next((code for kind, code in FAULTS if isinstance(error, kind)), INTERNAL)
        say(f"probity: {_words(error, kept)}")
        raise typer.Exit(code) from error


def _kept(debug_log: Path) -> bool:
    try:
        debug_log.write_text(traceback.format_exc(), encoding="utf-8")
    except OSError:
        return False  # what went wrong first is what counts
    return True


def _words(error: Exception, debug_log: Path | None) -> str:
    if any(isinstance(error, kind) for kind, _ in FAULTS):
        return "\n".join(map(printable, str(error).splitlines()))
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return printable(f"{place}{error.strerror or type(error).__name__}; nothing was decided")
    # Its own words may quote a row, and so a subject.
    where = f"{debug_log} has the details" if debug_log else "--debug-log FILE keeps the details"
    return f"something went wrong inside ({type(error).__name__}); nothing was decided, {where}"


def read_audit_report(path: Path) -> Report:
    """The audit's report in a file, as `probity gate check --out` writes it.

    Raises:
        CorruptReport: it is none; begins with the file.
        InvalidInput: there is no such file.
    """
    return _read(path, Report.from_json, "the report of an audit")


def read_artwork(path: Path) -> ArtworkReport:
    """The report of an audit of artwork in a file, as `probity audit artwork --report` writes it.

    Raises:
        CorruptReport: it is none, or a number in it is out of range; begins with the file.
        InvalidInput: there is no such file.
    """
    return _read(path, ArtworkReport.from_json, "the report of an audit of artwork")


def read_attack(path: Path) -> tuple[PrivacyAttack | None, MembershipInference | None]:
    """What canaries and what inferring membership found, as far as a file says.

    They are the members `privacy_attack` and `membership_inference` of what `probity audit privacy --json` prints. A
    file with neither is read as what canaries found, alone.

    Raises:
        CorruptReport: it is none, or a number in it is out of range; begins with the file.
        InvalidInput: there is no such file.
    """
    return _read(path, _attack, "what an attack found")


def _read(path: Path, read: Callable[[bytes], T], what: str) -> T:
    """What ``read`` makes of a file; its faults name the file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as cause:
        msg = f"{path}: expected {what}, got no such file"
        raise InvalidInput(msg) from cause
    try:
        return read(content)
    except AuditError as cause:  # a number in a file is data, not a setting
        msg = f"{path}: {cause}"
        raise CorruptReport(msg) from cause


def _attack(content: bytes) -> tuple[PrivacyAttack | None, MembershipInference | None]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as cause:
        msg = f"expected JSON, got {len(content)} bytes that are not"
        raise CorruptReport(msg) from cause
    members = document if isinstance(document, dict) else {}
    inference = members.get("membership_inference")
    alone = "privacy_attack" not in members and "membership_inference" not in members
    attack = document if alone else members.get("privacy_attack")
    return (
        None if attack is None and not alone else PrivacyAttack.from_json(_one_encoding(attack, PrivacyAttack)),
        None if inference is None else MembershipInference.from_json(_one_encoding(inference, MembershipInference)),
    )


def _one_encoding(found: Any, kind: type) -> bytes:  # noqa: ANN401 - anything that JSON can say
    """As `audits.privacy` writes it; whoever writes by hand may well give a whole number for a figure."""
    figures = {name for name, hint in get_type_hints(kind).items() if float in {hint, *get_args(hint)}}
    if isinstance(found, dict):
        found = {name: float(v) if name in figures and type(v) is int else v for name, v in found.items()}
    return (json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode()


def read_tables(  # noqa: PLR0917 - in the order of the options
    recommendations: str,
    items: str,
    relevance: str | None,
    history: str | None,
    groups: str | None,
    popularity: str | None,
    baseline: str | None = None,
) -> AuditInput:
    """The tables at these places: files of any layout that `audits.sources` reads, or tables in an engine."""
    with progress("reading") as step:
        given = load(
            recommendations=recommendations,
            items=items,
            relevance=relevance,
            history=history,
            groups=groups,
            popularity=popularity,
            baseline=baseline,
            progress=lambda _: step,
        )
    if (joined := unseparated(given.membership)) is not None:
        say(f"probity: {joined}")
    return given


def day_of(said: str | None) -> date:
    """The day that is meant; today's date in UTC where none is said.

    Raises:
        InvalidInput: no date.
    """
    if said is None:
        return system_clock().date()
    try:
        return date.fromisoformat(said)
    except ValueError as cause:
        msg = f"--today: expected a date such as 2026-11-26, got {said!r}"
        raise InvalidInput(msg) from cause
