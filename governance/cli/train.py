"""`probity train`, `probity models`, `probity recommend`, `probity budget`."""

from datetime import datetime
from typing import Annotated
from uuid import uuid4

import typer
from numpy.random import default_rng

from governance.budget.reservations import BudgetState, state
from governance.cli.context import HomeOption, IdentifierOption, JsonOption, acting, opened, read_identifier
from governance.cli.display import listing, progress, stdout
from governance.errors import BudgetExceeded
from governance.pipeline.desk import identity_of
from governance.pipeline.recommend import Occasion, Recommended, recommend_to
from governance.pipeline.snapshot import take_snapshot
from governance.pipeline.train import Quote, quote
from governance.pipeline.train import train as measure_and_fit
from governance.registry.models import list_models
from governance.settings import DEFAULT_HOME

MOMENT = "%Y-%m-%dT%H:%M%z"
COLUMNS = ("rank", "title", "because", "prices")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("train")(train)
    app.command("models")(models)
    app.command("recommend")(recommend)
    app.command("budget")(budget)


def train(
    home: HomeOption = DEFAULT_HOME,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it would cost, and do nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take a snapshot, reserve privacy, measure once, and register every model that follows."""
    here = opened(home)
    asked = quote(here)
    if dry_run:
        listing("What a training would cost", ("what", "epsilon"), quote_rows(asked), as_json=as_json)
        if not asked.affordable:
            msg = f"the budget has room for a release of epsilon {asked.before.epsilon_left:.3f} at most"
            raise BudgetExceeded(msg)
        return
    with here.transaction() as session:
        author = acting(here, session, "models:train")
    snapshot = take_snapshot(here, snapshot_id=uuid4())
    with progress("measuring") as step:
        trained = measure_and_fit(here, snapshot, training_id=uuid4(), author=author, progress=step)
    rows = [(kind, str(model.id), model.digest[:16]) for kind, model in trained.models.items()]
    listing(f"Release {trained.release.digest[:16]}", ("kind", "model", "digest"), rows, as_json=as_json)


def quote_rows(asked: Quote) -> list[tuple[str, float]]:
    """A quote, row by row."""
    return [
        ("this training", asked.mechanism.epsilon),
        ("composed so far", asked.before.epsilon_spent),
        ("budget", asked.before.budget_epsilon),
        ("largest single release that fits", asked.before.epsilon_left),
    ]


def budget(home: HomeOption = DEFAULT_HOME, *, as_json: JsonOption = False) -> None:
    """What releases have cost so far, and what is left."""
    here = opened(home)
    with here.transaction() as session:
        found: BudgetState = state(session, policy=here.policies.privacy.value)
    rows = [
        (str(each.id), each.state, each.guarantee["epsilon"], each.reserved_at.isoformat())
        for each in found.reservations
    ]
    title = (
        f"{found.population}: epsilon {found.epsilon_spent:.3f} of {found.budget_epsilon:g} spent "
        f"at delta {found.delta:g}; one more release may have {found.epsilon_left:.3f}"
    )
    listing(title, ("reservation", "state", "epsilon", "reserved at"), rows, as_json=as_json)


def models(
    kind: Annotated[str | None, typer.Option(help="Only models of this kind, for example ease.")] = None,
    home: HomeOption = DEFAULT_HOME,
    *,
    ids: Annotated[bool, typer.Option("--ids", help="Print ids only, newest first, for scripts.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Registered models, newest first."""
    with opened(home).transaction() as session:
        found = [each for each in list_models(session, limit=1000) if kind in {None, each.kind}]
    if ids:
        stdout.print("\n".join(str(each.id) for each in found), markup=False)
        return
    rows = [
        (str(each.id), each.kind, "yes" if each.prices else "no", each.state, each.generation, each.digest[:16])
        for each in found
    ]
    listing("Models", ("model", "kind", "priced", "state", "generation", "digest"), rows, as_json=as_json)


def recommend(
    by: IdentifierOption = "account_id",
    k: Annotated[int, typer.Option(min=1, max=200)] = 10,
    home: HomeOption = DEFAULT_HOME,
    *,
    at: Annotated[
        datetime | None,
        typer.Option(formats=[MOMENT], help="For this moment, such as 2026-11-26T20:15+0100, in place of now."),
    ] = None,
    max_age: Annotated[
        int | None, typer.Option(min=0, max=99, help="Leave out titles for older people than this.")
    ] = None,
    market: Annotated[str | None, typer.Option(help="Only titles that the catalogue makes available there.")] = None,
    as_json: JsonOption = False,
) -> None:
    """The deployed model's list for one subject, with the exact reasons: titles they watched. Needs a token."""
    here = opened(home)
    with here.transaction() as session:
        acting(here, session, "recommendations:read")
    occasion = Occasion(at=at, max_age=max_age, market=market, rng=default_rng())
    listed = recommend_to(here, identity_of(by, read_identifier(by)), k, occasion)
    rows = recommended_rows(listed)
    if not any(each.artwork for each in listed):
        listing("Recommended", COLUMNS, rows, as_json=as_json)
        return
    shown = [(each.artwork.image, each.artwork.propensity) if each.artwork else (None, None) for each in listed]
    joined = [(*row, *image) for row, image in zip(rows, shown, strict=True)]
    listing("Recommended", (*COLUMNS, "image", "propensity"), joined, as_json=as_json)


def recommended_rows(listed: list[Recommended]) -> list[tuple[int, str, str, str]]:
    """A list with its reasons, row by row."""
    return [
        (
            each.rank,
            each.title,
            ", ".join(f"{title} ({share:.0%})" for title, share in each.because) or each.reason,
            ", ".join(f"{category} {amount:+.2f}" for category, amount in each.prices if abs(amount) >= 0.005),  # noqa: PLR2004 - what two decimals show
        )
        for each in listed
    ]
