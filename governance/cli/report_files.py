"""Where a command's report goes: a page or JSON, by the ending of its name."""

from collections.abc import Callable
from pathlib import Path

from governance.errors import InvalidInput
from pseudonymisation.durable import write_atomically

ENDINGS = (".html", ".json")


def require_writable(report: Path | None) -> None:
    """Refuse before anything is read what could not be written.

    Raises:
        InvalidInput: another ending, no such folder, or a folder in the file's place.
    """
    if report is None:
        return
    if report.suffix not in ENDINGS:
        msg = f"--report: expected a file that ends with {' or '.join(ENDINGS)}, got {report.name}"
        raise InvalidInput(msg)
    if not report.parent.is_dir():
        msg = f"--report: expected a folder that exists, got {report.parent}"
        raise InvalidInput(msg)
    if report.is_dir():
        msg = f"--report: expected a file, got the folder {report}"
        raise InvalidInput(msg)


def write_report(report: Path, *, page: Callable[[], str], as_json: Callable[[], bytes]) -> None:
    """Write the one that the ending asks for, whole or not at all."""
    content = page().encode() if report.suffix == ".html" else as_json()
    write_atomically(report, content, mode=0o644)
