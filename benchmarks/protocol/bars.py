"""Progress on standard error: bars where there is a terminal and Rich, else a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, int, int], None]

_SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def progress() -> Iterator[Progress]:
    """Told (what, done, total): ``runs`` is the whole, anything else the step in hand."""
    if sys.stderr.isatty():
        try:
            import rich  # noqa: F401 - whether it is there
        except ModuleNotFoundError:
            pass
        else:
            with _bars() as tell:
                yield tell
            return
    yield _lines()


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as shown:
        whole, step = shown.add_task("runs", total=None), shown.add_task("", total=None)

        def tell(what: str, done: int, total: int) -> None:
            if what == "runs":
                shown.update(whole, completed=done, total=total)
            else:
                shown.update(step, description=what, completed=done, total=total)

        yield tell


def _lines() -> Progress:
    began = time.monotonic()
    last = [-_SECONDS_BETWEEN_LINES]

    def tell(what: str, done: int, total: int) -> None:
        if what == "runs" and (done == total or time.monotonic() - last[0] >= _SECONDS_BETWEEN_LINES):
            last[0] = time.monotonic()
            print(f"{done} of {total} runs, {last[0] - began:.0f} s", file=sys.stderr, flush=True)

    return tell
