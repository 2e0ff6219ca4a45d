"""`probity audit`: measure a registered model on held-out subjects."""

import time
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID, uuid4

import typer
from sqlalchemy.exc import OperationalError

from audits.report import Measurement, Report
from governance.cli import audit_artwork, audit_disclose, audit_feedback, audit_files, audit_privacy, audit_release
from governance.cli.context import HomeOption, JsonOption, opened
from governance.cli.display import listing, progress, say, stdout, write_json
from governance.errors import Conflict
from governance.pipeline.audit import audit_model
from governance.pipeline.reaudit import Reaudited, reaudit
from governance.settings import DEFAULT_HOME

audit = typer.Typer(help="Measure a registered model.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    audit_privacy.register(audit)
    audit_disclose.add_to(audit)
    audit_release.add_to(audit)
    audit_files.add_to(audit)
    audit_artwork.add_to(audit)
    audit_feedback.add_to(audit)
    app.add_typer(audit, name="audit")


@audit.command("run")
def run(
    model: Annotated[UUID, typer.Argument(help="A model's id.")],
    home: HomeOption = DEFAULT_HOME,
    *,
    as_json: JsonOption = False,
) -> None:
    """Audit a model: exposure by category with intervals, quality, coverage, popularity. The report is stored."""
    here = opened(home)
    with progress("resampling subjects") as step:
        audited = audit_model(here, model, progress=step)
    listing("Report", COLUMNS, rows(audited.report), as_json=as_json)
    say(f"{here.settings.home / audited.record.path_html}")


@audit.command("again")
def again(
    home: HomeOption = DEFAULT_HOME,
    every: Annotated[int | None, typer.Option(min=1, help="Go on, with so many seconds between.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Audit the model that serves on what has come in since, let the gate decide, and say what changed.

    A change raises an alert, which stands on the console's first page. Exit codes: as of `probity gate run`.
    """
    while True:
        try:
            here = opened(home)  # each time: the policy in force may be another by now
            with progress("auditing what serves") as step:
                done = reaudit(here, new_id=uuid4, progress=step)
        except (Conflict, OperationalError) as passing:
            # Nothing serves at the moment, or the database is away: by the next round that may be over.
            if every is None:
                raise
            say(f"{passing if isinstance(passing, Conflict) else 'the database cannot be reached'}; trying again")
        else:
            _say_reaudited(done, as_json=as_json)
            if every is None:
                raise typer.Exit(REAUDIT_EXITS[done.after])
        time.sleep(every)


def _say_reaudited(done: Reaudited, *, as_json: bool) -> None:
    changes = [] if done.alert is None else done.alert.changes
    if as_json:
        write_json({"model": str(done.model_id), "before": done.before, "after": done.after, "changes": changes})
        return
    stdout.print(f"Model {done.model_id}: {done.before} before, {done.after} now.", markup=False)
    for sentence in changes:
        stdout.print(f"  {sentence}", markup=False)


REAUDIT_EXITS = {"pass": 0, "fail": 1, "inconclusive": 3, "unaudited": 3}
COLUMNS = ("metric", "of", "value", "from", "to", "subjects")


def rows(report: Report, metrics: Sequence[str] | None = None) -> list[tuple[object, ...]]:
    """The figures of a report, or of some metrics, row by row."""
    return [
        (each.metric, about(each), each.value, each.low, each.high, each.n)
        for each in report.measurements
        if metrics is None or each.metric in metrics
    ]


def overall(report: Report, metrics: Sequence[str]) -> list[float | None]:
    """The figures of these metrics over all titles and all subjects, in this order."""
    found = {each.metric: each.value for each in report.measurements if each.attribute is None and each.group is None}
    return [found.get(metric) for metric in metrics]


def exposure_rows(reports: Sequence[Report], attributes: Sequence[str]) -> list[tuple[str, ...]]:
    """Each category of the attributes with its share of the catalogue and, report by report, of the attention."""
    categories = dict.fromkeys(
        (each.attribute, each.category)
        for each in reports[0].measurements
        if each.metric == "exposure_share" and each.attribute in attributes and each.group is None
    )
    rows = []
    for attribute, category in categories:
        found = [report.select("exposure_share", attribute=attribute, category=category)[0] for report in reports]
        target = found[0].target
        rows.append(
            (
                f"{attribute} = {category}",
                "" if target is None else f"{target:.1%}",
                *(_share(measurement) for measurement in found),
            )
        )
    return rows


def _share(measurement: Measurement) -> str:
    if measurement.value is None or measurement.low is None or measurement.high is None:
        return str(measurement.undefined)
    return f"{measurement.value:.1%} ({measurement.low:.1%} to {measurement.high:.1%})"


def about(measurement: Measurement) -> str:
    """What a figure is about, in words."""
    if measurement.attribute is not None:
        return f"{measurement.attribute} = {measurement.category}"
    return f"group {measurement.group}" if measurement.group else "all titles"
