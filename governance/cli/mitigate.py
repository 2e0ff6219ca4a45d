"""`probity mitigate`: exposure rules kept for a registered model, or for anybody's scores in files.

The second form needs no home, no database and no model: what opens a home is imported by the first alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID, uuid4

import typer

from governance.cli.display import JsonOption, progress, say, table, write_json
from governance.cli.mitigate_display import show_lists, show_priced, show_report
from governance.cli.report_files import require_apart, require_writable
from governance.errors import InvalidInput

if TYPE_CHECKING:
    from governance.pipeline.controlled import ControllerAsked
    from governance.pipeline.reranked import OptionAsked, OptionName
    from governance.pipeline.scored_files import ScoredFiles
    from recommender.price_file import ControllerName


class Method(StrEnum):
    """What is done to lists."""

    PRICES = "prices"
    ONLINE = "online"
    CALIBRATED = "calibrated"
    DIVERSE = "diverse"


_FOR_LISTS = (Method.CALIBRATED, Method.DIVERSE)


class ControllerChoice(StrEnum):
    """By what prices are corrected."""

    OWED = "owed"
    PENALTY = "penalty"


ModelOption = Annotated[
    UUID | None, typer.Argument(help="A registered model's id, as `probity models` lists it; or give --scores.")
]
HomeOption = Annotated[
    Path | None, typer.Option("--home", envvar="PROBITY_HOME", help="The home folder, for a registered model.")
]
MethodOption = Annotated[
    Method,
    typer.Option(
        help="prices: one number per category. online: prices that a controller corrects while serving. calibrated: "
        "each list has its subject's own mix of categories. diverse: items of a list are unlike each other."
    ),
]
ScoresOption = Annotated[
    Path | None, typer.Option(help="CSV or Parquet: subject, item, score. What has no score is not shown.")
]
ItemsOption = Annotated[
    Path | None, typer.Option(help="CSV or Parquet: item, category and optionally attribute, weight.")
]
PolicyOption = Annotated[Path | None, typer.Option(help="The fairness policy whose exposure rules should hold.")]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Where prices go (.json, .yaml), or lists (.csv, .parquet).")
]
GroupsOption = Annotated[
    Path | None, typer.Option(help="For the report: subject, group and optionally attribute, to see who pays.")
]
HistoryOption = Annotated[
    Path | None,
    typer.Option(help="What subjects chose before: subject, item. Not shown again; for calibrated, the mix they want."),
]
RelevanceOption = Annotated[
    Path | None, typer.Option(help="For the report: what subjects went on to choose: subject, item.")
]
ReportOption = Annotated[
    Path | None, typer.Option(help="Where the report on held-out subjects goes: a .json or .html file.")
]
ShareOption = Annotated[
    float | None,
    typer.Option(help="Part of the subjects kept aside, for the report to be measured on; 0.3 if absent."),
]
RelativeOption = Annotated[
    bool, typer.Option("--relative", help="Scale each subject's best score to 1, the unit of Probity's own models.")
]
ControllerOption = Annotated[
    ControllerChoice | None,
    typer.Option(help="online: owed (proportional to the attention owed; the default) or penalty (Frank-Wolfe)."),
]
GainOption = Annotated[
    float | None,
    typer.Option(help="online: how strongly it corrects, in units of score; chosen by the scores if absent."),
]
ArriveOption = Annotated[
    str | None,
    typer.Option(help="online: held-out subjects come group after group of this attribute, to see how drift is borne."),
]
AttributeOption = Annotated[
    str | None, typer.Option(help="calibrated, diverse: whose categories count, where there are several attributes.")
]
StrengthOption = Annotated[
    float | None, typer.Option(help="calibrated, diverse: from 0, the order of the scores, to 1, categories alone.")
]
KeepOption = Annotated[
    float | None,
    typer.Option(help="calibrated, diverse: the largest strength at which this part of the utility is kept, as 0.98."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("mitigate")(mitigate)


def mitigate(
    model: ModelOption = None,
    home: HomeOption = None,
    *,
    method: MethodOption = Method.PRICES,
    scores: ScoresOption = None,
    items: ItemsOption = None,
    policy: PolicyOption = None,
    out: OutOption = None,
    groups: GroupsOption = None,
    history: HistoryOption = None,
    relevance: RelevanceOption = None,
    report: ReportOption = None,
    held_out_share: ShareOption = None,
    relative: RelativeOption = False,
    controller: ControllerOption = None,
    gain: GainOption = None,
    arrive_by: ArriveOption = None,
    attribute: AttributeOption = None,
    strength: StrengthOption = None,
    keep: KeepOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a policy's exposure rules hold, or lists calibrated or diverse; say what it costs and who pays.

    With a model's id, a copy of it with these prices is registered. With --scores, --items, --policy and --out, prices
    for anybody's scores are written to a file; by --method online with a controller that corrects them while serving.
    By --method calibrated and diverse, every subject's list is changed for itself, and the lists are written.
    """
    needed = {"--scores": scores, "--items": items, "--policy": policy, "--out": out}
    optional = {"--groups": groups, "--history": history, "--relevance": relevance, "--report": report}
    measured = {"--held-out-share": held_out_share, "--relative": relative or None}
    turns = {"--controller": controller, "--gain": gain, "--arrive-by": arrive_by}
    option = {"--attribute": attribute, "--strength": strength, "--keep": keep}
    if model is not None:
        _refuse_for_model(method, {**needed, **optional, **measured, **turns, **option})
        _mitigate_model(model, home, as_json=as_json)
        return
    _refuse_of_others(method, turns, option)
    if scores is None or items is None or policy is None or out is None:
        missing = ", ".join(name for name, path in needed.items() if path is None)
        msg = f"mitigate: expected a registered model's id, or {', '.join(needed)}; missing {missing}"
        raise InvalidInput(msg)
    from governance.pipeline.controlled import ControllerAsked
    from governance.pipeline.reranked import OptionAsked
    from governance.pipeline.scored import HELD_OUT_SHARE
    from governance.pipeline.scored_files import ScoredFiles

    files = ScoredFiles(scores=scores, items=items, policy=policy, groups=groups, history=history, relevance=relevance)
    share = HELD_OUT_SHARE if held_out_share is None else held_out_share
    given = _Given(files=files, out=out, report=report, relative=relative, share=share, as_json=as_json)
    if method in _FOR_LISTS:
        name: OptionName = "calibrated" if method is Method.CALIBRATED else "diverse"
        _lists(given, OptionAsked(name=name, attribute=attribute, strength=strength, keep=keep))
    else:
        correction: ControllerName = "penalty" if controller is ControllerChoice.PENALTY else "owed"
        asked = ControllerAsked(name=correction, gain=gain, arrive_by=arrive_by)
        _prices(given, asked if method is Method.ONLINE else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What every method takes."""

    files: "ScoredFiles"
    out: Path
    report: Path | None
    relative: bool
    share: float
    as_json: bool


def _prices(given: _Given, asked: "ControllerAsked | None") -> None:
    from governance.pipeline.controlled import price_with_controller
    from governance.pipeline.pricing import price_scores
    from governance.pipeline.scored_files import PRICES, read_scored, write_outcome

    _require_places(given, PRICES)
    scored = read_scored(given.files, relative=given.relative, held_out_share=given.share)
    with progress("fitting prices") as step:
        if asked is None:
            priced = price_scores(scored, progress=step)
        else:
            priced = price_with_controller(scored, asked, progress=step)
    digest = write_outcome(priced.file, given.out, priced.report, given.report)
    show_priced(priced, digest, as_json=given.as_json)


def _lists(given: _Given, asked: "OptionAsked") -> None:
    from governance.pipeline.reranked import rerank_scores
    from governance.pipeline.scored_files import LISTS, read_scored, write_outcome

    _require_places(given, LISTS)
    scored = read_scored(given.files, relative=given.relative, held_out_share=given.share)
    with progress("making lists") as step:
        made = rerank_scores(scored, asked, progress=step)
    digest = write_outcome(made.lists, given.out, made.report, given.report)
    show_lists(made, digest, as_json=given.as_json)


def _require_places(given: _Given, endings: Sequence[str]) -> None:
    require_writable(given.out, option="--out", endings=endings)
    require_writable(given.report)
    require_apart(given.files.paths, {"--out": given.out, "--report": given.report})


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
        show_report(made.report)
    say(f"below the home: {', '.join(made.files)}")


def _refuse_for_model(method: Method, given: Mapping[str, object]) -> None:
    if method is not Method.PRICES:
        msg = (
            f"mitigate: a registered model is served at fixed prices, so expected --method prices, got {method}; for "
            "another method give the model's scores with --scores instead of its id"
        )
        raise InvalidInput(msg)
    if extra := _named(given):
        msg = f"mitigate: expected a registered model's id alone, got also {extra}"
        raise InvalidInput(msg)


def _refuse_of_others(method: Method, turns: Mapping[str, object], option: Mapping[str, object]) -> None:
    """Refuse what another method takes: it would have no effect, and somebody thinks it has."""
    extra = _named({**({} if method is Method.ONLINE else turns), **({} if method in _FOR_LISTS else option)})
    if extra:
        msg = f"mitigate: --method {method} takes no {extra}"
        raise InvalidInput(msg)


def _named(given: Mapping[str, object]) -> str:
    return ", ".join(name for name, value in given.items() if value is not None)
