"""`probity audit feedback`: what a feedback loop does to lists, of a registered model or of anybody's function.

The second form needs no home, no database and no model: what opens a home is imported by the first alone.
"""

import json
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from audits.attention import Attention
from audits.feedback import LoopSettings
from audits.feedback_page import ends, render_feedback, sentences, signed
from audits.feedback_report import FeedbackReport, Trajectory, audit_feedback
from audits.sources.histories import load_histories
from governance.cli.audit_group import add_group
from governance.cli.context import HomeOption, JsonOption, opened
from governance.cli.display import progress, say, stdout, table, write_json
from governance.cli.gate_tables import DebugOption, answering
from governance.cli.recommender_import import imported_recommender
from governance.cli.report_files import require_writable, write_report
from governance.errors import InvalidInput
from governance.ledger.published import printable
from governance.resources import DEFAULT_HOME

_TITLE = "Feedback loop"
_SYNTHETIC = 1000

RecommenderOption = Annotated[
    str | None,
    typer.Option(
        help="In place of a model: package.module:function, called with histories (a sparse matrix, subjects by items "
        "in the order of their names) and a NumPy generator; returns positions of items by subject and rank, -1 after "
        "a short list's end. Importing it runs it."
    ),
]
HistoryOption = Annotated[str | None, typer.Option(help="With --recommender: choices: subject, item[, weight].")]
ItemsOption = Annotated[str | None, typer.Option(help="With --recommender: the catalogue: item, category.")]
AttributeOption = Annotated[
    list[str] | None,
    typer.Option("--attribute", help="What taste goes by and is measured by; may be repeated; default: all."),
]
SyntheticOption = Annotated[
    int, typer.Option(min=2, max=20_000, help="With a model: synthetic subjects drawn from its release.")
]
HeldOutOption = Annotated[
    bool, typer.Option("--held-out", help="With a model: the subjects kept out of training in place of synthetic ones.")
]
ReportOption = Annotated[Path | None, typer.Option(help="Where a report goes: a .html page or a .json file.")]


def register(app: typer.Typer) -> None:
    """Add the command without the rest of its group."""
    add_group(app, add_to)


def add_to(group: typer.Typer) -> None:
    """Add the command to its group."""
    group.command("feedback")(feedback)


def feedback(
    model: Annotated[UUID | None, typer.Argument(help="A model's id; or give --recommender.")] = None,
    home: HomeOption = DEFAULT_HOME,
    *,
    recommender: RecommenderOption = None,
    history: HistoryOption = None,
    items: ItemsOption = None,
    attribute: AttributeOption = None,
    synthetic: SyntheticOption = _SYNTHETIC,
    held_out: HeldOutOption = False,
    rounds: Annotated[int, typer.Option(min=2, max=200, help="Times that lists are made.")] = 10,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Runs, with the seeds 1, 2, …")] = 8,
    choices: Annotated[int, typer.Option(min=1, help="Different items that a subject chooses from a list.")] = 2,
    list_length: Annotated[int, typer.Option(min=1, help="Ranks of a list, for a model and the baselines.")] = 10,
    attention: Annotated[str, typer.Option(help="Attention by rank, as policies write it.")] = "logarithmic",
    report: ReportOption = None,
    as_json: JsonOption = False,
    debug_log: DebugOption = None,
) -> None:
    """Simulate a feedback loop: subjects choose from their lists, the recommender learns of it, and again.

    Lists at random and the most popular ones run through the same loop, so that what the simulation does by itself can
    be told from what the recommender does. A model runs on synthetic subjects, and nobody's data is read, or on those
    held out from training; only figures about all of them come out. Nothing is judged: the exit code is 0.
    """
    files = {"--recommender": recommender, "--history": history, "--items": items}
    if model is not None:
        _refuse_files(files)
        require_writable(report)
        settings = _settings(rounds, seeds, choices, attention)
        on = (None if held_out else synthetic, attribute, list_length)
        _hand_out(_of_model(home, model, on, settings), report, as_json=as_json)
        return
    with answering(debug_log):
        if recommender is None or history is None or items is None:
            missing = ", ".join(name for name, value in files.items() if value is None)
            msg = f"feedback: expected a registered model's id, or {', '.join(files)}; missing {missing}"
            raise InvalidInput(msg)
        require_writable(report)
        settings = _settings(rounds, seeds, choices, attention)
        made = _of_files((recommender, history, items), attribute, list_length, settings)
        _hand_out(made, report, as_json=as_json)


def _refuse_files(files: dict[str, str | None]) -> None:
    given = ", ".join(name for name, value in files.items() if value is not None)
    if given:
        msg = f"feedback: expected a registered model's id alone, got also {given}"
        raise InvalidInput(msg)


def _settings(rounds: int, seeds: int, choices: int, attention: str) -> LoopSettings:
    return LoopSettings(
        rounds=rounds, seeds=tuple(range(1, seeds + 1)), choices=choices, attention=Attention.parse(attention)
    )


def _of_files(
    files: tuple[str, str, str], attributes: list[str] | None, k: int, settings: LoopSettings
) -> FeedbackReport:
    recommender, history, items = files
    recommend = imported_recommender(recommender)
    with progress("reading") as step:
        given = load_histories(history=history, items=items, attributes=attributes, progress=lambda _: step)
    with progress("simulating") as step:
        return audit_feedback(
            given.matrix,
            recommend,
            name=recommender,
            subjects_from="from the file of histories",
            attributes=given.attributes,
            settings=settings,
            k=k,
            progress=step,
        )


def _of_model(
    home: Path, model: UUID, on: tuple[int | None, list[str] | None, int], settings: LoopSettings
) -> FeedbackReport:
    from governance.pipeline.feedback import LoopOf, simulate_model

    synthetic, attributes, k = on
    here = opened(home)
    with progress("simulating") as step:
        return simulate_model(
            here,
            model,
            on=LoopOf(synthetic=synthetic, seed=settings.seeds[0], attributes=attributes, k=k),
            settings=settings,
            progress=step,
        )


def _hand_out(made: FeedbackReport, report: Path | None, *, as_json: bool) -> None:
    if report is not None:
        write_report(report, page=lambda: render_feedback(made, title=_TITLE), as_json=made.to_json)
    if as_json:
        write_json({"sentences": list(sentences(made)), "report": json.loads(made.to_json())})
        return
    for name in (made.recommender, *made.baselines):
        _show_rounds(made, name)
    _show_drift(made)
    for sentence in sentences(made):
        stdout.print(printable(sentence), markup=False, soft_wrap=True)
    say(f"{made.subjects:,} subjects, {made.subjects_from}, and {made.items:,} titles. {made.caveats[0]}")


def _show_rounds(made: FeedbackReport, name: str) -> None:
    found = made.of(name)
    rows = [
        (place + 1, *(f"{each.means[place]:.3f} ± {_spread(each, place):.3f}" for each in found))
        for place in range(made.rounds)
    ]
    table(f"{name}: mean over {len(made.seeds)} seeds ± half the range", ("round", *map(_about, found)), rows)


def _show_drift(made: FeedbackReport) -> None:
    ours = made.of(made.recommender)
    beyond = {(each.baseline, each.measure, each.attribute): each for each in made.excesses}
    rows = []
    for each in ours:
        cells = [_about(each), f"{signed(each.drift)} ({ends(each.drift_low, each.drift_high)})"]
        for name in made.baselines:
            found = beyond[name, each.measure, each.attribute]
            cells.append(f"{signed(found.excess)} ({ends(found.low, found.high)})")
        rows.append(tuple(cells))
    headings = ("figure", "drift", *(f"beyond {name}" for name in made.baselines))
    table(f"Drift of {made.recommender} over {made.rounds} rounds, together at {made.level:.0%}", headings, rows)


def _about(each: Trajectory) -> str:
    return each.measure if each.attribute is None else f"{each.measure} ({each.attribute})"


def _spread(each: Trajectory, place: int) -> float:
    return (each.highs[place] - each.lows[place]) / 2.0
