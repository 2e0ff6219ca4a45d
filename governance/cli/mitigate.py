"""`probity mitigate`: exposure prices for a registered model, or for anybody's scores in files.

The second form needs no home, no database and no model: what opens a home is imported by the first alone.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID, uuid4

import typer

from audits.mitigation_report import MitigationReport
from audits.mitigation_words import sentences
from governance.cli.display import JsonOption, progress, say, stdout, table, write_json
from governance.errors import InvalidInput
from governance.ledger.published import printable

if TYPE_CHECKING:
    from governance.pipeline.pricing import Priced

ModelOption = Annotated[
    UUID | None, typer.Argument(help="A registered model's id, as `probity models` lists it; or give --scores.")
]
HomeOption = Annotated[
    Path | None, typer.Option("--home", envvar="PROBITY_HOME", help="The home folder, for a registered model.")
]
ScoresOption = Annotated[
    Path | None, typer.Option(help="CSV or Parquet: subject, item, score. What has no score is not shown.")
]
ItemsOption = Annotated[
    Path | None, typer.Option(help="CSV or Parquet: item, category and optionally attribute, weight.")
]
PolicyOption = Annotated[Path | None, typer.Option(help="The fairness policy whose exposure rules should hold.")]
OutOption = Annotated[Path | None, typer.Option("--out", help="Where the prices go: a .json or .yaml file.")]
GroupsOption = Annotated[
    Path | None, typer.Option(help="For the report: subject, group and optionally attribute, to see who pays.")
]
HistoryOption = Annotated[
    Path | None, typer.Option(help="What subjects chose before: subject, item. It is not shown again.")
]
RelevanceOption = Annotated[
    Path | None, typer.Option(help="For the report: what subjects went on to choose: subject, item.")
]
ReportOption = Annotated[
    Path | None, typer.Option(help="Where the report on held-out subjects goes: a .json or .html file.")
]
ShareOption = Annotated[float, typer.Option(help="Part of the subjects kept aside, for the report to be measured on.")]
RelativeOption = Annotated[
    bool, typer.Option("--relative", help="Scale each subject's best score to 1, the unit of Probity's own models.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("mitigate")(mitigate)


def mitigate(
    model: ModelOption = None,
    home: HomeOption = None,
    *,
    scores: ScoresOption = None,
    items: ItemsOption = None,
    policy: PolicyOption = None,
    out: OutOption = None,
    groups: GroupsOption = None,
    history: HistoryOption = None,
    relevance: RelevanceOption = None,
    report: ReportOption = None,
    held_out_share: ShareOption = 0.3,
    relative: RelativeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Fit exposure prices that make a policy's rules hold, at the least loss; say what they cost and who pays.

    With a model's id, a copy of it with these prices is registered. With --scores, --items, --policy and --out, prices
    for anybody's scores are written to a file.
    """
    needed = {"--scores": scores, "--items": items, "--policy": policy, "--out": out}
    optional = {"--groups": groups, "--history": history, "--relevance": relevance, "--report": report}
    if model is not None:
        _refuse(needed | optional)
        _mitigate_model(model, home, as_json=as_json)
        return
    if scores is None or items is None or policy is None or out is None:
        missing = ", ".join(name for name, path in needed.items() if path is None)
        msg = f"mitigate: expected a registered model's id, or {', '.join(needed)}; missing {missing}"
        raise InvalidInput(msg)
    from governance.pipeline.scored_files import ScoredFiles, price_files, refuse_unwritable, write_prices, write_report

    files = ScoredFiles(scores=scores, items=items, policy=policy, groups=groups, history=history, relevance=relevance)
    refuse_unwritable(out, report)
    with progress("fitting prices") as step:
        priced = price_files(files, relative=relative, held_out_share=held_out_share, progress=step)
    digest = write_prices(priced, out)
    if report is not None:
        write_report(priced.report, report)
    _show_priced(priced, digest, as_json=as_json)


def _mitigate_model(model: UUID, home: Path | None, *, as_json: bool) -> None:
    from governance.cli.context import acting, opened
    from governance.pipeline.mitigate import mitigate as fit_prices
    from governance.settings import DEFAULT_HOME

    here = opened(home or DEFAULT_HOME)
    with here.transaction() as session:
        author = acting(here, session, "models:train")
    with progress("fitting prices") as step:
        made = fit_prices(here, model, mitigated_id=uuid4(), author=author, progress=step)
    kept = made.fit.utility / made.fit.unconstrained_utility
    if as_json:
        write_json(
            {"model": str(made.model.id), "prices": made.prices, "utility_kept": kept, "files": list(made.files)}
        )
        return
    table(f"Model {made.model.id}", ("category", "price"), sorted(made.prices.items()))
    if made.report is not None:
        _show_report(made.report)
    say(f"below the home: {', '.join(made.files)}")


def _show_priced(priced: "Priced", digest: str, *, as_json: bool) -> None:
    if as_json:
        write_json(
            {
                "sha256": digest,
                "prices": {f"{each.attribute}={each.category}": each.price for each in priced.file.prices},
                "bound": priced.fit.bound,
                "gap": priced.fit.gap,
                "largest_violation": priced.fit.largest_violation,
                "held_out": {
                    "subjects": priced.report.subjects,
                    "ratios": {each.attribute: [each.before, each.after] for each in priced.report.ratios},
                    "sentences": list(sentences(priced.report)),
                },
            }
        )
        return
    rows = [
        (f"{each.attribute} = {each.category}", each.price, f"{each.floor:.2%} to {each.ceiling:.2%}")
        for each in priced.file.prices
    ]
    table("Prices", ("category", "price", "limits"), rows)
    _show_report(priced.report)
    say(f"sha256 of the price file: {digest}")


def _show_report(report: MitigationReport) -> None:
    for sentence in sentences(report):
        stdout.print(f"  {printable(sentence)}", markup=False, soft_wrap=True)


def _refuse(given: dict[str, Path | None]) -> None:
    extra = [name for name, path in given.items() if path is not None]
    if extra:
        msg = f"mitigate: expected a registered model's id alone, got also {', '.join(extra)}"
        raise InvalidInput(msg)
