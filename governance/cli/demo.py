"""`probity demo`: the whole path, told as a story, on real databases, files and protocols."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from governance.cli.context import HomeOption
from governance.cli.display import say, stdout
from governance.cli.story import Cast, Story
from governance.clock import system_clock
from governance.errors import InvalidInput
from governance.pipeline.home import initialise
from governance.policy.policies import load_policies
from governance.settings import DEFAULT_HOME, load_settings
from pseudonymisation.sources.registry import open_source
from pseudonymisation.sources.sample import SampleSettings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    home: HomeOption = DEFAULT_HOME,
    data: Annotated[
        Path | None, typer.Option("--data", help="Real interactions instead of the generated service.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the generated service.")] = SampleSettings().seed,
    subjects: Annotated[int, typer.Option(help="Of the generated service.")] = SampleSettings().subjects,
) -> None:
    """Walk the whole path: ingest, train, audit, gate, review, serve, access, deletion, verification.

    The home must be new. One that an earlier demo left is replaced.
    """
    home = home.expanduser().absolute()
    subject_folder = home.with_name(f"{home.name}-subject")
    settings = load_settings(home)
    # Whatever is wrong with what was given is found before anything is deleted.
    load_policies(settings.policies_folder)
    if data is not None:
        open_source(data)
        _require_outside(data, home, subject_folder)
    _clear(home, subject_folder)
    here = initialise(settings, clock=system_clock)
    with _sample_folder() as folder:
        story = Story(here, Cast.join(here), subject_folder=subject_folder)
        started = time.perf_counter()
        chosen = story.generate(folder, seed, subjects) if data is None else data
        story.walk(chosen)
    say(f"\n{time.perf_counter() - started:.0f} s. The home is {home}.")
    say(f"{subject_folder} holds an opened access package in clear: it stands for the subject's own device.")
    say(f"Open it with `probity serve console --home {home}`.")
    story.show_tokens()
    stdout.print()


MARKER = ".made-by-demo"
OWN = ("policies", "probity.toml")
"""What somebody adds to a home when they begin to use it in earnest."""


def _clear(home: Path, subject_folder: Path) -> None:
    """Remove what an earlier demo left, and nothing else; lay both folders anew, each with a demo's mark.

    Raises:
        InvalidInput: a folder holds something that no demo made; nothing was removed.
    """
    for folder in (home, subject_folder):
        _require_ours(folder)
    if own := [name for name in OWN if (home / name).exists()]:
        msg = f"{home} was made by a demo and has got its own {' and '.join(own)} since: choose another --home"
        raise InvalidInput(msg)
    for folder in (home, subject_folder):
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700, parents=True)
        (folder / MARKER).touch()


def _require_outside(data: Path, *folders: Path) -> None:
    if any(data.resolve().is_relative_to(folder.resolve()) for folder in folders):
        msg = f"{data} lies in a folder that the demo replaces: choose another --home"
        raise InvalidInput(msg)


def _require_ours(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        msg = f"{folder}: expected a folder or nothing, got something else: choose another --home"
        raise InvalidInput(msg)
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        msg = f"{folder} exists and was not made by a demo: choose another --home"
        raise InvalidInput(msg)


@contextmanager
def _sample_folder() -> Iterator[Path]:
    # The raw events hold identifiers: they live outside the home and are gone afterwards (EDPB 01/2025 ¶112).
    with tempfile.TemporaryDirectory(prefix="probity-sample-") as folder:
        yield Path(folder) / "sample"
