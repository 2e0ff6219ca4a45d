"""`probity gate init` and `ratchet`: a policy from what was measured, and limits that only get stricter."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from audits.configuration import AuditConfig
from audits.metrics import METRICS
from audits.metrics.metric import Metric
from audits.run import possible_metrics
from audits.run import run as audit
from governance.cli.display import JsonOption, listing, progress, say, table
from governance.cli.gate_display import show
from governance.cli.gate_tables import (
    DayOption,
    DebugOption,
    GroupsOption,
    HistoryOption,
    ItemsOption,
    ListsOption,
    PopularityOption,
    RelevanceOption,
    answering,
    day_of,
    read_audit_report,
    read_tables,
)
from governance.errors import Conflict
from governance.gate.check import UNREGISTERED
from governance.gate.decision import decide
from governance.gate.drafting import MOST_UNKNOWN, SIZES, STARTERS, draft, unlabelled
from governance.gate.outputs.standing import EXITS
from governance.gate.ratchet import tighten
from governance.policy.granted import require_ending_in
from governance.policy.loader import load
from governance.policy.rules import FairnessPolicy
from pseudonymisation.durable import write_atomically

SlackOption = Annotated[
    float, typer.Option(min=0.0, max=10.0, help="How far beyond the interval's end a limit lies, in half-widths.")
]


def register(app: typer.Typer) -> None:
    """Add the commands without the rest of their group."""
    group = typer.Typer(no_args_is_help=True)
    add_to(group)
    app.add_typer(group, name="gate")


def add_to(group: typer.Typer) -> None:
    """Add the commands to their group."""
    group.command("init")(init)
    group.command("ratchet")(ratchet)
    group.command("metrics")(metrics_of_rules)


def init(
    *,
    recommendations: ListsOption,
    items: ItemsOption,
    relevance: RelevanceOption = None,
    history: HistoryOption = None,
    groups: GroupsOption = None,
    popularity: PopularityOption = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="The policy to write; never over one that is there.")] = Path(
        "fairness.yaml"
    ),
    metrics: Annotated[
        list[str] | None, typer.Option("--metric", help=f"What rules are about; default: {', '.join(STARTERS)}.")
    ] = None,
    list_length: Annotated[int | None, typer.Option(min=1, help="Ranks that count; default: the longest list.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the resampling, now and in the policy.")] = 1,
    slack: SlackOption = 1.0,
    today: DayOption = None,
    debug_log: DebugOption = None,
) -> None:
    """Write a first policy from what lists do today; a person fills in who approves each rule."""
    with answering(debug_log):
        if out.exists():
            msg = f"{out}: expected no such file, got one that is there: a policy is not overwritten"
            raise Conflict(msg)
        day = day_of(today)
        given = read_tables(recommendations, items, relevance, history, groups, popularity)
        config = AuditConfig(seed=seed, model_digest=UNREGISTERED, k=list_length)
        possible = [metric.slug for metric in possible_metrics(given, config)]
        asked = tuple(metrics or (slug for slug in STARTERS if slug in possible))
        measured = tuple(dict.fromkeys([*asked, *(slug for slug in (SIZES,) if slug in possible)]))
        with progress("resampling subjects") as step:
            report = audit(given, config=replace(config, metrics=measured), progress=step)
        text = draft(report, metrics=asked, measured_on=day, slack=slack)
        write_atomically(out, text.encode(), mode=0o644)
        for row in unlabelled(report):
            say(
                f"no rule about {row.attribute}: it is unknown of {row.catalogue:.1%} of the titles and for "
                f"{row.exposure:.1%} of the attention, where {MOST_UNKNOWN:.0%} may be"
            )
        say(f"{out}: fill in approved_by of each rule, then `probity gate check … --policy {out}`")


def ratchet(
    *,
    policy: Annotated[Path, typer.Option(help="The policy to tighten, in place.", show_default=False)],
    report: Annotated[Path, typer.Option(help="The report of a check (report.json).", show_default=False)],
    slack: SlackOption = 1.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    today: DayOption = None,
    debug_log: DebugOption = None,
) -> None:
    """Move limits to what a report keeps to, some slack aside, and never back. A report that fails moves nothing."""
    with answering(debug_log):
        rules, measured = load(policy, FairnessPolicy), read_audit_report(report)
        day = day_of(today)
        require_ending_in(policy, rules.value.waivers, day)
        decision = decide(rules.value, measured, today=day)
        code = EXITS[decision.outcome]
        if code:
            show(decision, all_findings=False)
            say(f"{policy}: left as it is, because the report does not pass it")
            raise typer.Exit(code)
        text, changes = tighten(rules.text, policy, measured, slack=slack)
        if changes and not dry_run:
            write_atomically(policy, text.encode(), mode=policy.stat().st_mode & 0o777)
        if not changes:
            say(f"{policy}: left as it is, because the report keeps to no limit by more than its slack")
            return
        rows = [(each.rule, each.field, each.before, each.after, each.line) for each in changes]
        table("Tightened" if not dry_run else "Would be tightened", ("rule", "field", "before", "after", "line"), rows)


def metrics_of_rules(*, as_json: JsonOption = False) -> None:
    """List the metrics that rules may name: each with its range, better end, what it takes and what a rule names."""
    rows = [
        (each.slug, each.title, *_range(each), each.better, ", ".join(sorted(each.needs)), _asked_by(each))
        for each in METRICS
    ]
    listing("Metrics", ("metric", "what", "from", "to", "better", "takes", "asked by"), rows, as_json=as_json)


def _asked_by(metric: Metric) -> str:
    """What a rule on it has to name, without which it has no figure to be about."""
    pictures = {"artwork", "artwork with a cast"}
    keys = {"attribute": {"attributes", *pictures}, "group": {"groups", *pictures}}
    return ", ".join(key for key, needs in keys.items() if needs & metric.needs)


def _range(metric: Metric) -> tuple[float | None, float | None]:
    """From where to where, with nothing where there is no end: JSON has no infinity."""
    low, high = (end if math.isfinite(end) else None for end in (metric.low, metric.high))
    return low, high
