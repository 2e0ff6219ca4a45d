"""`probity audit privacy`: attacks on ourselves."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from governance.cli.context import HomeOption, JsonOption, opened
from governance.cli.display import progress, say, stdout, table, write_json
from governance.settings import DEFAULT_HOME

if TYPE_CHECKING:
    from governance.pipeline.attack import Attacked

REFUTED = 1
UNDECIDED = 3


def register(group: typer.Typer) -> None:
    """Add the command to its group."""
    group.command("privacy")(privacy)


def privacy(
    model: Annotated[UUID, typer.Argument(help="A model's id.")],
    canaries: Annotated[int, typer.Option(min=100, max=20_000, help="Subjects planted; the more, the sharper.")] = 4000,
    guesses: Annotated[
        int | None, typer.Option(min=1, help="Canaries guessed; by default what finds a doubled leak most surely.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    *,
    membership: Annotated[
        bool, typer.Option("--membership", help="Also try to tell members from held-out subjects: reads histories.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Attack the mechanism behind a model with canaries, and say how much it leaks at least.

    The mechanism is run as it was planned, and all that it releases is attacked: counts, pairs of titles through its
    lens, and each signal, together and each alone. The canaries stand among synthetic subjects: nobody's data is read,
    and nothing is paid. With --membership the
    model itself is attacked, with histories of subjects who have not objected to audits. The report is stored, and the
    next `probity audit run` takes it into account; `probity gate check --attack` reads what --json prints. Exit codes:
    0 the claim was not refuted, which is less than proved; 1 it was; 3 undecided: so few canaries may well have missed
    half of the noise, and how many would do is said.
    """
    import numpy as np

    from governance.pipeline.attack import attack_model

    here = opened(home)
    with progress("drawing noise") as step:
        found = attack_model(
            here,
            model,
            canaries=canaries,
            guesses=guesses,
            membership=membership,
            rng=np.random.default_rng(),
            progress=step,
        )
    if as_json:
        write_json(found.document)
    else:
        _show(found)
    say(f"{here.settings.home / found.record.path}")
    raise typer.Exit(REFUTED if found.refuted else UNDECIDED if found.undecided else 0)


def _show(found: "Attacked") -> None:
    shown = found.canaries
    rows = [
        ("claimed", shown.epsilon),
        ("shown, whatever the mechanism is", shown.epsilon_lower),
        ("shown, if it is Gaussian as claimed", shown.gaussian_epsilon_lower),
        ("shown, if each sum has Gaussian noise as claimed", shown.epsilon_lower_by_sums),
    ]
    table(f"Epsilon at delta {shown.delta:g}: {shown.verdict}", ("", "epsilon"), rows)
    parts = [
        (words, part.mu, part.mu_lower, part.statistic, part.needed, part.chance)
        for words, part in zip(shown.attacked, shown.sums, strict=True)
    ]
    columns = ("attacked", "mu claimed", "mu shown", "stands out by", "needed", "half the noise found")
    table("Each sum of the release alone", columns, parts)
    guessed = [(shown.guesses, shown.correct, shown.needed)]
    table("Guesses from all of them", ("guesses", "right", "needed"), guessed)
    stdout.print(found.document["finding"], markup=False)
    if not found.membership:
        return
    areas = [
        (each.attack, area.of, area.members, area.others, area.value, area.low, area.high)
        for each in found.membership
        for area in (each.area, *each.tiers)
    ]
    title = f"Chance of telling a member from another; the guarantee allows {found.largest_area:.3f}"
    table(title, ("attack", "of", "members", "others", "area", "from", "to"), areas)
    rates = [
        (each.attack, rate.false_alarms, rate.value, rate.low, rate.high)
        for each in found.membership
        for rate in each.rates
    ]
    table("Members found", ("attack", "at false alarms", "share", "from", "to"), rates)
