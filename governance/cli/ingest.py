"""`probity ingest`, `probity quarantine`: interactions through the gateway, and what did not get through."""

from pathlib import Path
from typing import Annotated

import typer

from governance.cli.context import HomeOption, JsonOption, opened
from governance.cli.display import listing, progress, say, table, write_json
from governance.pipeline.ingest import Ingested
from governance.pipeline.ingest import ingest as take_in
from governance.settings import DEFAULT_HOME
from pseudonymisation.gateway.files import Pace
from pseudonymisation.quarantine import list_quarantine, rejects_of
from pseudonymisation.sources.registry import open_source


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
    with progress("through the gateway") as step:
        done = take_in(here, source, pace=Pace(progress=lambda lines: step(lines, 0)))
    if as_json:
        write_json(dict(facts(done)))
    else:
        table(f"{source.name} through the gateway", ("", ""), facts(done))


def facts(done: Ingested) -> list[tuple[str, object]]:
    """What became of a source, row by row."""
    events = done.events
    return [
        ("consent records", done.consents.decided),
        ("events received", events.received),
        *((f"{kind} events written", count) for kind, count in sorted(events.written.items())),
        ("already there", events.duplicates),
        *((f"dropped: {reason}", count) for reason, count in sorted(events.dropped.items())),
        *((f"consent record dropped: {reason}", count) for reason, count in sorted(done.consents.dropped.items())),
        *((f"minimised away: {name}", count) for name, count in sorted(events.fields_dropped.items())),
        ("lines in quarantine", events.quarantined + done.consents.quarantined),
        ("subjects opted out by Global Privacy Control", events.gpc_subjects),
        ("quality expectations that held", events.expectations),
        ("events a second", round(events.received / events.seconds) if events.seconds else 0),
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
    columns = ("line", "field", "expected", "got", "reason")
    rows_of = [tuple(each[column] for column in columns) for each in rejects_of(folder, batch)]
    listing(f"Quarantined batch {batch}", columns, rows_of, as_json=as_json)
