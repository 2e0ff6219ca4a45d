"""`probity retention`: deletes what was kept for as long as policy allows."""

from typing import Annotated

import typer

from governance.cli.context import HomeOption, JsonOption, opened
from governance.cli.display import listing, progress, say
from governance.pipeline.retention import RetentionRun, run_retention
from governance.settings import DEFAULT_HOME

retention = typer.Typer(help="Deletion by age.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(retention, name="retention")


@retention.command("run")
def run(
    home: HomeOption = DEFAULT_HOME,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what is too old.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete what is older than retention.yaml allows: events, rejected input, access packages, closed requests.

    Safe to run again, also after a crash. Meant to run once a day.
    """
    here = opened(home)
    with progress("deleting by age") as step:
        done = run_retention(here, dry_run=dry_run, progress=step)
    title = "Older than policy allows" if dry_run else "Deleted"
    listing(title, ("what", "kept for days", "older than", "count"), rows_of(done), as_json=as_json)
    if dry_run:
        say("nothing was deleted: that was a dry run")


def rows_of(done: RetentionRun) -> list[tuple[str, int, str, int]]:
    """What a run found, store by store."""
    expiries = [
        *((f"{kind} events", expiry) for kind, expiry in done.events.items()),
        ("quarantined batches", done.quarantine),
        ("access packages", done.packages),
        ("closed requests", done.requests),
        ("exact sums", done.sums),
    ]
    return [(what, each.days, each.before.isoformat(timespec="seconds"), each.count) for what, each in expiries]
