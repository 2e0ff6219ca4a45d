"""`probity audit drift` and `probity audit experiment`: what the library measures, for anybody's files.

No home, no database and no model is loaded. Exit codes of an experiment: 0 pass, 1 fail, 2 usage or configuration, 3
inconclusive or arms that are no fair draw, 4 data or internal error.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from audits.attention import Attention
from audits.configuration import AuditConfig
from audits.drift import CHURN, Change, drift
from audits.experiments.guardrails import Guardrail, GuardrailResult, check_guardrails
from audits.experiments.mismatch import Mismatch, mismatch_evidence, sample_ratio_mismatch
from audits.experiments.watching import Watched, watch
from audits.sources.experiment import read_experiment
from audits.verdict import Outcome
from governance.cli.audit_group import add_group
from governance.cli.display import JsonOption, progress, say, table, write_json
from governance.cli.gate_tables import DebugOption, GroupsOption, ItemsOption, answering, read_tables
from governance.gate.check import UNREGISTERED
from governance.gate.outputs.standing import EXITS


def register(app: typer.Typer) -> None:
    """Add the commands without the rest of their group."""
    add_group(app, add_to)


def add_to(group: typer.Typer) -> None:
    """Add the commands to their group."""
    group.command("drift")(of_generations)
    group.command("experiment")(of_arms)


def of_generations(
    *,
    earlier: Annotated[str, typer.Option(help="Lists as shown before: subject, item, rank.", show_default=False)],
    later: Annotated[str, typer.Option(help="Lists of the same subjects since.", show_default=False)],
    items: ItemsOption,
    groups: GroupsOption = None,
    list_length: Annotated[int | None, typer.Option(min=1, help="Ranks that count; default: the longest list.")] = None,
    attention: Annotated[str, typer.Option(help="Attention by rank, as policies write it.")] = "logarithmic",
    replicates: Annotated[int, typer.Option(min=100, help="Resamples.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resampling.")] = 1,
    as_json: JsonOption = False,
    debug_log: DebugOption = None,
) -> None:
    """What changed between two generations of lists for the same subjects: variety, fragmentation, churn."""
    with answering(debug_log):
        config = AuditConfig(
            seed=seed,
            model_digest=UNREGISTERED,
            k=list_length,
            attention=Attention.parse(attention),
            replicates=replicates,
        )
        given = read_tables(later, items, None, None, groups, None, baseline=earlier)
        with progress("resampling subjects") as step:
            found = drift(given, config=config, progress=step)
        if as_json:
            write_json(json.loads(found.to_json()))
            return
        columns = ("metric", "of", "before", "after", "change", "from", "to", "subjects")
        table("Drift", columns, [_row(each) for each in found.changes])
        say(f"All intervals hold together at {found.level:.0%}; {CHURN} is the mean part of a list that is new.")


def _row(change: Change) -> tuple[object, ...]:
    about = ", ".join(each for each in (change.attribute, change.group) if each) or "all"
    if change.change is None:
        return (change.metric, about, None, None, str(change.undefined), None, None, change.n)
    ends = (change.change, change.low, change.high)
    return (change.metric, about, change.before, change.after, *ends, change.n)


def of_arms(
    outcomes: Annotated[Path, typer.Argument(help="A CSV file: subject, arm (control or treatment), outcomes, group.")],
    *,
    outcome: Annotated[str, typer.Option(help="The column that must not get worse.")] = "value",
    margin: Annotated[float, typer.Option(min=0.0, help="The largest loss that is tolerated.", show_default=False)],
    relative: Annotated[bool, typer.Option("--relative", help="The margin is a share of the control's mean.")] = False,
    lower_is_better: Annotated[bool, typer.Option("--lower-is-better", help="Less of the outcome is better.")] = False,
    before: Annotated[
        str | None, typer.Option(help="The column of the same outcome before the test, to take it out (CUPED).")
    ] = None,
    share: Annotated[
        float, typer.Option(min=0.001, max=0.999, help="Part of the subjects drawn for the treatment.")
    ] = 0.5,
    alpha: Annotated[float, typer.Option(min=1e-6, max=0.5, help="Error allowed.")] = 0.05,
    as_json: JsonOption = False,
    debug_log: DebugOption = None,
) -> None:
    """Guardrails of an A/B test: a fair draw, nobody served worse by more than a margin, and evidence at any time."""
    with answering(debug_log):
        found, arrived = read_experiment(outcomes)
        better: Literal["higher", "lower"] = "lower" if lower_is_better else "higher"
        guardrail = Guardrail(outcome=outcome, margin=margin, relative=relative, better=better, before=before)
        results = check_guardrails(found, [guardrail], alpha=alpha)
        counts, shares = (int((~found.treated).sum()), int(found.treated.sum())), (1 - share, share)
        drawn = sample_ratio_mismatch(counts, shares)
        whole = _whole(drawn, results)
        watched = watch(found, arrived, guardrail, alpha=alpha)
        if as_json:
            ratio = {**asdict(drawn), "e_value": mismatch_evidence(counts, shares)}
            at_any_time = None if watched is None else asdict(watched)
            guarded = [asdict(each) for each in results]
            write_json({"outcome": whole, "sample_ratio": ratio, "guardrails": guarded, "at_any_time": at_any_time})
        else:
            _show(drawn, results, watched, whole)
    raise typer.Exit(EXITS[whole])


def _whole(drawn: Mismatch, results: tuple[GuardrailResult, ...]) -> Outcome:
    """Arms that are no fair draw decide nothing, whatever their figures are."""
    verdicts = {each.verdict for each in results}
    if drawn.mismatch:
        return Outcome.INCONCLUSIVE
    if Outcome.FAIL in verdicts:
        return Outcome.FAIL
    return Outcome.PASS if verdicts == {Outcome.PASS} else Outcome.INCONCLUSIVE


def _show(drawn: Mismatch, results: tuple[GuardrailResult, ...], watched: Watched | None, whole: Outcome) -> None:
    columns = ("outcome", "of", "control", "treatment", "room", "from", "to", "verdict", "n to decide")
    rows = [
        (
            *(each.outcome, each.group or "all", each.control, each.treatment, each.room, each.low, each.high),
            *(str(each.verdict), each.n_to_decide),
        )
        for each in results
    ]
    table("Guardrails", columns, rows)
    fair = "are no fair draw, so nothing else counts" if drawn.mismatch else "are as drawn"
    say(f"The arms hold {drawn.counts[0]:,} and {drawn.counts[1]:,} subjects and {fair} (p = {drawn.p_value:.3g}).")
    if watched is not None:
        say(
            f"At any time: e-values {watched.not_worse:.3g} for not worse and {watched.worse:.3g} for worse over "
            f"{watched.pairs:,} pairs ({watched.verdict}); the difference is {watched.low:.3g} to {watched.high:.3g}."
        )
    say(f"Experiment: {whole}.")
