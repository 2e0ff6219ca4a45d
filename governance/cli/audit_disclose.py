"""`probity audit disclose`: an audit's report as it may leave the building, small groups suppressed.

A report in a file needs no home and no database; a registered model's needs both, and the log says that it left.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import typer

from audits.disclosure import DEFAULT_K
from audits.publication import Publication, disclosed
from audits.publication_formats import FORMATS, columns, render, rows
from governance.cli.audit_group import add_group
from governance.cli.context import HomeOption, JsonOption, acting, opened
from governance.cli.display import say, stdout, table
from governance.cli.gate_outputs import shown_path
from governance.cli.gate_tables import read_audit_report
from governance.cli.report_files import require_writable
from governance.errors import InvalidInput
from governance.policy.disclosing import threshold
from governance.policy.loader import Loaded, load
from governance.policy.rules import FairnessPolicy
from governance.resources import DEFAULT_HOME
from pseudonymisation.durable import write_atomically

_JSON: Final = ".json"

OutOption = Annotated[
    Path | None, typer.Option("--out", help=f"A file to publish; its ending says what: {', '.join(FORMATS)}.")
]


def register(app: typer.Typer) -> None:
    """Add the command without the rest of its group."""
    add_group(app, add_to)


def add_to(group: typer.Typer) -> None:
    """Add the command to its group."""
    group.command("disclose")(disclose)


def disclose(
    model: Annotated[UUID | None, typer.Argument(help="A model's id; its latest report leaves. Needs a token.")] = None,
    home: HomeOption = DEFAULT_HOME,
    *,
    reports: Annotated[
        list[Path] | None,
        typer.Option(
            "--report", help="In place of a model: a report as `gate check --out` writes it; several together."
        ),
    ] = None,
    at_least: Annotated[
        int | None,
        typer.Option(
            min=2, help="A figure of fewer subjects is suppressed; at least the policy's, which is the default."
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            help="With --report: the fairness policy whose disclose_at_least is the least. Without, --at-least 10."
        ),
    ] = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Suppress every figure that could tell of a small group, and those from which one would follow.

    Reports that leave together hide the same groups: give them together. A model's report that leaves is an entry of
    the log. Exit codes: 2 usage, or a threshold that leaves nothing; 3 no report, or one that is damaged.
    """
    require_writable(out, option="--out", endings=tuple(FORMATS))
    if (model is None) == (not reports):
        msg = "expected either a model or --report, got " + ("neither" if model is None else "both")
        raise InvalidInput(msg)
    if policy is not None and not reports:
        msg = "--policy: expected with --report, for a model's report is held to the policy of its home"
        raise InvalidInput(msg)
    publication, k = _from_files(reports, at_least, policy) if reports else _of_model(home, model, at_least)
    hand_out(publication, out=out, as_json=as_json)
    say(f"{publication.suppressed} rows are suppressed, so that no group of fewer than {k} can be told")


def hand_out(publication: Publication, *, out: Path | None, as_json: bool) -> None:
    """To the file where one is named, else to read; as JSON to pipe."""
    if out is not None:
        write_atomically(out, render(publication, out.suffix), mode=0o644)
        say(f"{out} is written")
    if as_json:
        typer.echo(render(publication, _JSON).decode(), nl=False)
    elif out is None:
        for sentence in publication.rule:
            stdout.print(sentence, markup=False)
        table(publication.title, columns(publication), list(rows(publication)))


def _from_files(reports: list[Path], at_least: int | None, policy: Path | None) -> tuple[Publication, int]:
    k = (at_least or DEFAULT_K) if policy is None else threshold(at_least, _named(policy))
    found = [read_audit_report(path) for path in reports]
    return disclosed(found, k=k, titles=[shown_path(path) for path in reports]), k


def _named(policy: Path) -> Loaded[FairnessPolicy]:
    """The policy in a file, by the path that was given: who runs a check knows it by that."""
    return replace(load(policy, FairnessPolicy), name=shown_path(policy))


def _of_model(home: Path, model: UUID | None, at_least: int | None) -> tuple[Publication, int]:
    from governance.pipeline.audit_disclosure import disclose_latest  # brings the database that files do without

    if model is None:
        raise AssertionError
    here = opened(home)
    with here.transaction() as session:
        principal = acting(here, session, "evidence:export")
    made = disclose_latest(here, model, at_least=at_least, principal=principal)
    say(f"the log has it as {made.digest}")
    return made.publication, made.at_least
