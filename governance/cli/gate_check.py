"""`probity gate check`: the gate for anybody's lists. No home, no database and no model is loaded.

Exit codes: 0 pass, 1 fail, 2 usage or configuration, 3 inconclusive or evidence missing, 4 data or internal error.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import typer

from audits.report import Report
from audits.tables import AuditInput
from governance.cli import gate_key
from governance.cli.display import progress
from governance.cli.gate_outputs import (
    TERMINAL,
    FormatsOption,
    OutOption,
    SignOption,
    command_line,
    digests_of,
    hand_out,
    require_place,
    shown_path,
    shown_place,
    title_of,
    withdraw,
)
from governance.cli.gate_tables import (
    ArtworkOption,
    AttackOption,
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
    read_artwork,
    read_attack,
    read_audit_report,
    read_tables,
)
from governance.cli.repository import root_of
from governance.clock import system_clock
from governance.errors import InvalidInput
from governance.gate.check import Checked, check
from governance.gate.outputs import installed_version
from governance.gate.outputs.decided import Decided, policy_source
from governance.gate.outputs.standing import EXITS
from governance.policy.granted import load_waivers, require_ending_in
from governance.policy.loader import Loaded, load
from governance.policy.rules import FairnessPolicy
from governance.policy.waivers import WaiversFile

_TABLES = ("recommendations", "items", "relevance", "history", "groups", "popularity", "baseline")
_STATED = {"inference": "membership inference"}
_FILES = ("policy", "waivers", "attack", "artwork")

RandomOption = Annotated[
    bool,
    typer.Option(
        "--relevance-is-random", help="--relevance comes from lists in random order; or say so in the policy."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command without the rest of its group."""
    group = typer.Typer(no_args_is_help=True)
    add_to(group)
    app.add_typer(group, name="gate")


def add_to(group: typer.Typer) -> None:
    """Add the commands to their group."""
    group.command("check")(run)
    group.command("key")(gate_key.create)


def run(
    context: typer.Context,
    *,
    recommendations: ListsOption,
    items: ItemsOption,
    policy: Annotated[Path, typer.Option(help="The fairness policy.", show_default=False)],
    relevance: RelevanceOption = None,
    relevance_is_random: RandomOption = False,
    history: HistoryOption = None,
    groups: GroupsOption = None,
    popularity: PopularityOption = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="Another recommender's lists for the same subjects, or an audit's report (.json)."),
    ] = None,
    attack: AttackOption = None,
    artwork: ArtworkOption = None,
    waivers: Annotated[Path | None, typer.Option(help="A file of waivers beside the policy's own.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the resampling; with another than the policy's nothing passes.")
    ] = None,
    formats: FormatsOption = None,
    out: OutOption = None,
    sign_with: SignOption = None,
    today: DayOption = None,
    debug_log: DebugOption = None,
) -> None:
    """Judge lists by a policy: audit what its rules ask for, and say whether they may ship, with every reason."""
    with answering(debug_log):
        require_place(formats or [TERMINAL], out, sign_with)
        day = day_of(today)
        _require_signable(sign_with, today=day, seed=seed, relevance_is_random=relevance_is_random)
        withdraw(out, read=[context.params[name] for name in (*_TABLES, *_FILES)])
        rules = load(policy, FairnessPolicy)
        require_ending_in(policy, rules.value.waivers, day)
        asked = _of_random_lists(rules.value, relevance) if relevance_is_random else rules.value
        exceptions = None if waivers is None else load_waivers(waivers, rules.value, day)
        report, lists = _compared_with(baseline)
        tables = read_tables(recommendations, items, relevance, history, groups, popularity, lists)
        given = _with_stated(tables, attack, artwork)
        granted = () if exceptions is None else exceptions.value.waivers
        with progress("resampling subjects") as step:
            checked = check(given, asked, today=day, waivers=granted, baseline=report, seed=seed, progress=step)
        checked = _bound(checked, given, exceptions, report)
        hand_out(
            Decided(
                decision=checked.decision,
                report=checked.report,
                source=policy_source(rules, policy, root=root_of(policy, os.environ, here=Path.cwd())),
                title=title_of(recommendations),
                command=_again(context.params, day if rules.value.waivers or exceptions else None),
                version=installed_version(),
            ),
            formats=formats or [TERMINAL],
            out=out,
            sign_with=sign_with,
            subjects=digests_of(recommendations) or None,
        )
    raise typer.Exit(EXITS[checked.decision.outcome])


def _with_stated(given: AuditInput, attack: Path | None, artwork: Path | None) -> AuditInput:
    """The tables with what was found elsewhere."""
    canaries, inference = (None, None) if attack is None else read_attack(attack)
    pictures = None if artwork is None else read_artwork(artwork)
    return replace(given, attack=canaries, inference=inference, artwork=pictures)


def _compared_with(baseline: str | None) -> tuple[Report | None, str | None]:
    """The baseline's report, or where its lists are."""
    if baseline is not None and baseline.endswith(".json"):
        return read_audit_report(Path(baseline)), None
    return None, baseline


def _of_random_lists(policy: FairnessPolicy, relevance: str | None) -> FairnessPolicy:
    """The policy for held-out choices from random lists.

    Raises:
        InvalidInput: there are no held-out choices.
    """
    if relevance is None:
        msg = "--relevance-is-random: expected held-out choices (--relevance), got none"
        raise InvalidInput(msg)
    return replace(policy, relevance_is_random=True)


def _require_signable(sign_with: Path | None, *, today: date, seed: int | None, relevance_is_random: bool) -> None:
    """Refuse to sign, as of now, what was decided for another day, or otherwise than the policy's file says.

    Raises:
        InvalidInput: a signature is asked for, and one of them.
    """
    if sign_with is None:
        return
    present = system_clock().date()
    if today != present:
        msg = f"--today: expected {present} where the decision is signed, got {today}"
        raise InvalidInput(msg)
    if seed is not None:
        msg = "--seed: expected the policy's own where the decision is signed, got another"
        raise InvalidInput(msg)
    if relevance_is_random:
        msg = (
            "--relevance-is-random: where the decision is signed, the policy has to say so (relevance_is_random: true)"
        )
        raise InvalidInput(msg)


def _again(given: Mapping[str, Any], day: date | None) -> str:
    """The command that decides the same again: the options that a decision follows from, the day if waivers hang on it.

    It goes into files that are published, so it names places as those who read them may know them.
    """
    tables = {name: shown_place(given[name]) for name in _TABLES if given[name] is not None}
    files = {name: shown_path(given[name]) for name in _FILES if given[name] is not None}
    said = {"relevance-is-random": given["relevance_is_random"], "seed": given["seed"], "today": day}
    return command_line(["probity", "gate", "check"], {**tables, **files, **said})


def _bound(
    checked: Checked, given: AuditInput, waivers: Loaded[WaiversFile] | None, baseline: Report | None
) -> Checked:
    digests = {
        "waivers": None if waivers is None else waivers.digest,
        "baseline report": None if baseline is None else sha256(baseline.to_json()).hexdigest(),
        **{_STATED.get(name, name): sha256(found.to_json()).hexdigest() for name, found in given.stated.items()},
    }
    rests_on = tuple((name, digest) for name, digest in digests.items() if digest is not None)
    return replace(checked, decision=replace(checked.decision, rests_on=rests_on))
