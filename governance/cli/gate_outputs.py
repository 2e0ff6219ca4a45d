"""How the gate's commands hand out a decision: on the terminal, as files, signed."""

import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

import typer

from audits.sources.formats import source_at
from audits.sources.source import Source
from governance.cli.display import say, stdout
from governance.clock import system_clock
from governance.errors import InvalidInput
from governance.gate.outputs import OUTPUTS, SIGNED, find_outputs, terminal, write_outputs
from governance.gate.outputs.decided import Decided
from pseudonymisation.durable import write_atomically

REPORT: Final = "report.json"
TERMINAL: Final = "terminal"
JSON: Final = "json"
FILES: Final = (*(each.file for each in OUTPUTS), SIGNED, REPORT)
"""Everything that ends up in --out, by name."""
_SCHEMES_OF_FILES: Final = ("duckdb", "spark")

FormatsOption = Annotated[
    list[str] | None,
    typer.Option("--format", help=f"{', '.join(each.slug for each in OUTPUTS)}; several by commas."),
]
OutOption = Annotated[Path | None, typer.Option("--out", help="Folder for the report and every format asked for.")]
SignOption = Annotated[
    Path | None, typer.Option("--sign-with", help="A signing key's file; the signed decision goes into --out.")
]


def require_place(formats: Sequence[str], out: Path | None, sign_with: Path | None) -> None:
    """Refuse before anything is measured what could not be handed out.

    Raises:
        InvalidInput: an unknown format, or several and no folder; a signature and no folder.
    """
    files = [each for each in find_outputs(formats) if each.slug != TERMINAL]
    if out is None and len(files) > 1:
        msg = f"--out: expected a folder for {len(files)} formats, got none"
        raise InvalidInput(msg)
    if out is None and sign_with is not None:
        msg = "--out: expected a folder for the signed decision, got none"
        raise InvalidInput(msg)


def withdraw(out: Path | None, *, read: Iterable[str | Path | None] = ()) -> None:
    """Take earlier decisions out of the folder before anything is read: whatever becomes of this run, none lies there.

    What this run reads stays, such as the last report where it is the baseline.
    """
    if out is None:
        return
    kept = {path.resolve() for place in read if place is not None and (path := _file_at(place)) is not None}
    for name in FILES:
        if (out / name).resolve() not in kept:
            (out / name).unlink(missing_ok=True)


def _file_at(place: str | Path) -> Path | None:
    """The file that an option names; None where it names a table in an engine."""
    if isinstance(place, Path):
        return place
    source = source_at(place)
    return source.path if source.url is None else None


def hand_out(
    decided: Decided,
    *,
    formats: Sequence[str],
    out: Path | None,
    sign_with: Path | None = None,
    subjects: Mapping[str, str] | None = None,
) -> None:
    """Write what goes into files, and then print what is to be read: no verdict is seen of which the files are missing.

    Without a folder one format goes to stdout as it is, to pipe; with one, the report is written beside them.
    """
    if out is not None:
        _keep(decided, formats, out)
        if sign_with is not None:
            _sign(decided, out, sign_with, subjects)
    for output in find_outputs(formats):
        if output.slug == TERMINAL and stdout.is_terminal:
            terminal.show(decided, stdout)
        elif output.slug == TERMINAL or out is None:
            _write(output.render(decided))


def _keep(decided: Decided, formats: Sequence[str], out: Path) -> None:
    write_outputs(
        decided.decision,
        decided.report,
        decided.source,
        formats=formats,
        folder=out,
        title=decided.title,
        command=decided.command,
    )
    write_atomically(out / REPORT, decided.report.to_json(), mode=0o644)


def _write(content: bytes) -> None:
    """Every format is UTF-8, whatever the terminal's encoding is."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _sign(decided: Decided, out: Path, key: Path, subjects: Mapping[str, str] | None) -> None:
    from governance.attest.attester import encode_attester
    from governance.gate.outputs.attestation import load_key, sign_decision

    by = load_key(key)
    write_atomically(out / SIGNED, sign_decision(decided, by, subjects=subjects, decided_at=system_clock()), mode=0o644)
    say(f"{out / SIGNED} is signed; who verifies needs the line: {encode_attester(by.verifier_key)}")


def digests_of(*places: str) -> dict[str, str]:
    """SHA-256 (hex) of each of these places that is a file, by the file's name."""
    paths = [path for place in places if (path := Path(place)).is_file()]
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in paths}


def command_line(words: Sequence[str], options: Mapping[str, object | None]) -> str:
    """A command to type again: its words, and the options that were given; of a switch that is on the name alone."""
    given = [(name, value) for name, value in options.items() if value is not None and value is not False]
    parts = ([f"--{name}"] if value is True else [f"--{name}", str(value)] for name, value in given)
    return shlex.join([*words, *(part for option in parts for part in option)])


def shown_place(place: str) -> str:
    """A table's place as outputs name it: no user and no password of a database, and no folder of this machine."""
    source = source_at(place)
    start = 0 if source.format is None else len(source.format) + 1
    return place[:start] + _shown(source) + place[start + len(str(source.at)) :]


def shown_path(path: Path) -> str:
    """A file's place as outputs name it: from here, or by its name alone where an absolute path leads elsewhere."""
    if not path.is_absolute():
        return str(path)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else path.name


def title_of(place: str) -> str:
    """What a table is called for people: its file's name, or the end of its URL."""
    return Path(_shown(source_at(place))).name


def _shown(source: Source) -> str:
    if source.url is None:
        return shown_path(source.path)
    scheme, rest = source.url
    if scheme not in _SCHEMES_OF_FILES:
        return source.place
    where, mark, table = rest.partition("#")
    return f"{scheme}://{shown_path(Path(where)) if where else ''}{mark}{table}"
