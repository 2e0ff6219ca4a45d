"""`probity demo`: the whole path, told as a story, on real databases, files and protocols."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from governance.cli.display import say, stdout
from governance.cli.story import Cast, Story
from governance.clock import system_clock
from governance.errors import InvalidInput
from governance.pipeline.home import initialise
from governance.settings import DEFAULT_HOME, load_settings
from pseudonymisation.sources.sample import SampleSettings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    home: Annotated[Path, typer.Option("--home", help="A new home; one that an earlier demo left is replaced.")] = (
        DEFAULT_HOME
    ),
    data: Annotated[
        Path | None, typer.Option("--data", help="Real interactions instead of the generated service.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the generated service.")] = SampleSettings().seed,
    subjects: Annotated[int, typer.Option(help="Of the generated service.")] = SampleSettings().subjects,
) -> None:
    """Walk the whole path: ingest, train, audit, gate, review, serve, access, deletion, verification."""
    home = home.expanduser().absolute()
    _clear(home)
    here = initialise(load_settings(home), clock=system_clock)
    (home / MARKER).touch()
    with _sample_folder() as folder:
        story = Story(here, Cast.join(here), subject_folder=home.with_name(f"{home.name}-subject"))
        started = time.perf_counter()
        chosen = story.generate(folder, seed, subjects) if data is None else data
        story.walk(chosen)
    say(f"\n{time.perf_counter() - started:.0f} s. The home is {home}.")
    say(f"Open it with `probity serve console --home {home}`.")
    story.show_tokens()
    stdout.print()


MARKER = ".made-by-demo"


def _clear(home: Path) -> None:
    """Remove what an earlier demo left, and nothing else.

    Raises:
        InvalidInput: the folder holds something that no demo made.
    """
    if home.exists() and any(home.iterdir()) and not (home / MARKER).exists():
        msg = f"{home} exists and was not made by a demo: choose another --home"
        raise InvalidInput(msg)
    for folder in (home, home.with_name(f"{home.name}-subject")):
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _sample_folder() -> Iterator[Path]:
    # The raw events hold identifiers: they live outside the home and are gone afterwards (EDPB 01/2025 ¶112).
    with tempfile.TemporaryDirectory(prefix="probity-sample-") as folder:
        yield Path(folder) / "sample"
