"""`probity ingest`, `probity quarantine`: interactions through the gateway, and what did not get through."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from governance.cli.context import HomeOption, JsonOption, opened
from governance.cli.display import Steps, listing, progress, record, say, stderr
from governance.errors import InvalidInput
from governance.pipeline.ingest import Ingested
from governance.pipeline.ingest import ingest as take_in
from governance.settings import DEFAULT_HOME
from pseudonymisation.gateway.files import IngestSummary, Pace
from pseudonymisation.quarantine import list_quarantine, rejects_of
from pseudonymisation.sources.errors import SourceError
from pseudonymisation.sources.movielens import MovieLens
from pseudonymisation.sources.registry import open_source
from pseudonymisation.sources.source import Source

BATCH_NAME = re.compile(r"[0-9a-f]{32}")
BLOCK_BYTES = 4 << 20


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("ingest")(ingest)
    app.command("quarantine")(quarantine)


def ingest(
    folder: Annotated[Path, typer.Argument(help="A folder of interactions in a layout that Probity reads.")],
    home: HomeOption = DEFAULT_HOME,
    *,
    as_json: JsonOption = False,
) -> None:
    """Minimise, pseudonymise, check and store the interactions of a folder. Safe to run again."""
    here, source = opened(home), open_source(folder)
    if source.note:
        say(f"{source.name}: {source.note}")
    with gateway_progress(source) as pace:
        done = take_in(here, source, pace=pace)
    record(f"{source.name} through the gateway", facts(done), as_json=as_json)


@contextmanager
def gateway_progress(source: Source) -> Iterator[Pace]:
    """A progress bar for a source on its way in. Its lines are counted first, unless nobody looks."""
    with progress("through the gateway") as step:
        yield paced(source, step) if stderr.is_terminal else Pace()


def paced(source: Source, step: Steps) -> Pace:
    """A pace that calls ``step`` with lines done and lines in all: consent records, declarations, then events."""
    try:
        parts = count_lines(source)
    except SourceError:  # a damaged file is told of where the gateway comes to it; what stands before is taken in
        return Pace(progress=lambda lines: step(lines, 0))
    ahead, finished = [count for count in parts if count], 0

    def progress(lines: int) -> None:
        nonlocal finished
        step(finished + lines, sum(parts))
        if ahead and lines == ahead[0]:
            finished += ahead.pop(0)  # the gateway counts from nought again for the next part

    return Pace(progress=progress)


def count_lines(source: Source) -> tuple[int, int, int]:
    """How many consent records, declarations and events a source has.

    For MovieLens the rating file's lines are counted instead of making each event twice.
    """
    consents, declarations = sum(1 for _ in source.consents()), sum(1 for _ in source.declarations())
    if not isinstance(source, MovieLens):
        return consents, declarations, sum(1 for _ in source.events())
    with (source.folder / source.events_file).open("rb") as file:
        feeds = sum(block.count(b"\n") for block in iter(lambda: file.read(BLOCK_BYTES), b""))
    return consents, declarations, feeds - bool(source.layout.ratings.header)


def facts(done: Ingested) -> list[tuple[str, object]]:
    """What became of a source, row by row."""
    events, declarations = done.events, done.declarations
    return [
        ("consent records", done.consents.decided),
        *([] if declarations is None else _declared(declarations)),
        ("events received", events.received),
        *((f"{kind} events written", count) for kind, count in sorted(events.written.items())),
        ("batches taken in before", events.batches_repeated),
        ("already there", events.duplicates),
        *((f"dropped: {reason}", count) for reason, count in sorted(events.dropped.items())),
        *((f"consent record dropped: {reason}", count) for reason, count in sorted(done.consents.dropped.items())),
        *((f"minimised away: {name}", count) for name, count in sorted(events.fields_dropped.items())),
        ("lines in quarantine", sum(part.quarantined for part in (events, declarations, done.consents) if part)),
        ("subjects opted out by Global Privacy Control", events.gpc_subjects),
        ("quality expectations that held", events.expectations),
        ("events a second", round(events.received / events.seconds) if events.seconds else 0),
    ]


def _declared(done: IngestSummary) -> list[tuple[str, object]]:
    """What became of declarations, row by row."""
    return [
        ("declarations received", done.received),
        ("declarations written", done.written.get("declaration", 0)),
        *((f"declarations dropped: {reason}", count) for reason, count in sorted(done.dropped.items())),
    ]


def quarantine(
    batch: Annotated[str | None, typer.Argument(help="Show one batch's lines: place, field, expected, got.")] = None,
    home: HomeOption = DEFAULT_HOME,
    *,
    as_json: JsonOption = False,
) -> None:
    """Rejected input: where it stood and why. What stood there is never shown."""
    folder = opened(home).settings.folder("identity") / "quarantine"
    if batch is None:
        rows = [(each.batch, each.source, each.lines, each.at.isoformat()) for each in list_quarantine(folder)]
        listing("Quarantine", ("batch", "source", "lines", "at"), rows, as_json=as_json)
        return
    if not BATCH_NAME.fullmatch(batch):
        msg = "batch: expected 32 hex digits, as `probity quarantine` lists them, got other text"
        raise InvalidInput(msg)
    columns, rejects = ("line", "field", "expected", "got", "reason"), rejects_of(folder, batch)
    (file,) = (each.source for each in list_quarantine(folder) if each.batch == batch)
    rows_of = [(file, *(each[column] for column in columns)) for each in rejects]
    listing(f"Quarantined batch {batch}", ("file", *columns), rows_of, as_json=as_json)
