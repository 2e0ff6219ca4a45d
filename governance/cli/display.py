"""How the command line speaks: results on stdout, words and progress on stderr, colours only on a terminal."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

stdout = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)

_ANY_WIDTH = Console(width=1_000_000)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON to pipe instead of a table to read.")]

Steps = Callable[[int, int], None]
"""Called with (done, total); total 0 while it is unknown."""


@contextmanager
def progress(label: str) -> Iterator[Steps]:
    """A progress bar on stderr for the block; gone when it ends, silent where stderr is no terminal."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as bars:
        task = bars.add_task(label, total=None)

        def step(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total or None)

        yield step


def table(title: str | None, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows to stdout; figures are right-aligned. Lines are as long as they have to be where nobody looks on."""
    shown = Table(title=title, title_justify="left", header_style="bold", title_style="bold")
    for index, column in enumerate(columns):
        figures = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        shown.add_column(column, justify="right" if figures else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(_text(cell) for cell in row))
    if stdout.is_terminal:
        stdout.print(shown)
    else:  # a name or an id that is broken over lines is found by no program
        Console(highlight=False, width=_ANY_WIDTH.measure(shown).maximum).print(shown)


def listing(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, as_json: bool) -> None:
    """Print a listing: a table to read, or with ``as_json`` one JSON array of objects to pipe."""
    if as_json:
        write_json([keyed(columns, row) for row in rows])
    else:
        table(title, columns, rows)


def record(title: str, facts: Sequence[tuple[str, object]], *, as_json: bool) -> None:
    """Print facts about one thing: a table to read, or with ``as_json`` one JSON object to pipe."""
    if as_json:
        write_json({key_of(name): value for name, value in facts})
    else:
        table(title, ("", ""), facts)


def keyed(columns: Sequence[str], row: Sequence[object]) -> dict[str, object]:
    """A row of a listing as a JSON object."""
    return dict(zip(map(key_of, columns), row, strict=True))


def key_of(words: str) -> str:
    """The JSON key of a heading, in snake_case: ``due on`` is ``due_on``."""
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


def write_json(value: Any) -> None:  # noqa: ANN401 - anything that JSON can say
    """Print one JSON document to stdout."""
    sys.stdout.write(json.dumps(value, indent=2, default=str, ensure_ascii=False) + "\n")


def say(words: str) -> None:
    """A sentence to the person at the terminal, on stderr."""
    stderr.print(words, markup=False, soft_wrap=True)


def _text(cell: object) -> Text:
    """The cell as text, no markup and no order to the terminal: it may be the name of somebody's category."""
    from governance.ledger.published import printable  # brings cryptography along, which the list of commands need not

    if isinstance(cell, float):
        return Text(f"{cell:,.4g}")
    if isinstance(cell, int) and not isinstance(cell, bool):
        return Text(f"{cell:,}")
    return Text("\n".join(map(printable, str(cell).split("\n"))) if cell is not None else "")
