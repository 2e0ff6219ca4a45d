"""Where a command writes: that it can is known before anything is read, and a report is a page or JSON by its name."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from governance.errors import InvalidInput
from pseudonymisation.durable import write_atomically

ENDINGS = (".html", ".json")


def require_writable(path: Path | None, *, option: str = "--report", endings: Sequence[str] = ENDINGS) -> None:
    """Refuse before anything is read what could not be written, by the option that names it.

    Raises:
        InvalidInput: another ending, no such folder, or a folder in the file's place.
    """
    if path is None:
        return
    if path.suffix not in endings:
        msg = f"{option}: expected a file that ends with {' or '.join(endings)}, got {path.name}"
        raise InvalidInput(msg)
    if not path.parent.is_dir():
        msg = f"{option}: expected a folder that exists, got {path.parent}"
        raise InvalidInput(msg)
    if path.is_dir():
        msg = f"{option}: expected a file, got the folder {path}"
        raise InvalidInput(msg)


def require_apart(read: Iterable[Path | None], written: Mapping[str, Path | None]) -> None:
    """Refuse to write over what is read, or one thing over another; ``written`` by option.

    Raises:
        InvalidInput: an option that names a file which is read, or which another one names.
    """
    taken = {path.resolve() for path in read if path is not None}
    for option, path in written.items():
        if path is not None and path.resolve() in taken:
            msg = f"{option}: expected a file of its own to write to, got {path}, which is used already"
            raise InvalidInput(msg)
        taken |= set() if path is None else {path.resolve()}


def write_report(report: Path, *, page: Callable[[], str], as_json: Callable[[], bytes]) -> None:
    """Write the one that the ending asks for, whole or not at all."""
    content = page().encode() if report.suffix == ".html" else as_json()
    write_atomically(report, content, mode=0o644)
