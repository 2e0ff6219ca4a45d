"""`probity train`, `probity models`, `probity recommend`, `probity budget`."""

from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

import typer
from numpy.random import default_rng

from governance.budget.reservations import BudgetState, state
from governance.cli.context import HomeOption, IdentifierOption, JsonOption, acting, opened, read_identifier
from governance.cli.display import keyed, listing, progress, record, say, stdout, table, write_json
from governance.errors import BudgetExceeded, InvalidInput, NotFound
from governance.pipeline.deep_training import DeepTraining
from governance.pipeline.desk import identity_of
from governance.pipeline.home import Home
from governance.pipeline.recommend import Occasion, Recommended, recommend_to
from governance.pipeline.retrain import find_kept, retrain, sums_behind
from governance.pipeline.snapshot import take_snapshot
from governance.pipeline.train import Quote, Trained, planned, quote, snapshot_id_of
from governance.pipeline.train import train as measure_and_fit
from governance.registry.models import get_model, list_models
from governance.registry.tables import Snapshot
from governance.rights.memory import Memory, memory_of
from governance.settings import DEFAULT_HOME
from pseudonymisation.pseudonym import Pseudonym, is_pseudonym

MOMENT = "%Y-%m-%dT%H:%M%z"
COLUMNS = ("rank", "title", "because", "prices")
models = typer.Typer(help="Registered models, newest first.", invoke_without_command=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("train")(train)
    app.add_typer(models, name="models")
    app.command("recommend")(recommend)
    app.command("budget")(budget)


def train(
    home: HomeOption = DEFAULT_HOME,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it would cost, and do nothing.")] = False,
    from_sums: Annotated[
        str | None,
        typer.Option(help="Read nobody anew: take the kept sums behind this release, less everybody who has left."),
    ] = None,
    autoencoder: Annotated[
        bool,
        typer.Option("--autoencoder", help="Train an embedding model too, out of the same epsilon, by policy."),
    ] = False,
    resume: Annotated[
        UUID | None, typer.Option(help="Take this training up again where it was cut off; what it paid for counts.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Take a snapshot, reserve privacy, measure once, and register every model that follows."""
    here = opened(home)
    companion = DeepTraining(here, planned(here)) if autoencoder else None
    _require_together(from_sums, resume, autoencoder=autoencoder)
    asked = quote(here, companion)
    if dry_run:
        record("What a training would cost", quote_facts(asked), as_json=as_json)
        if not asked.affordable:
            msg = f"the budget has room for a release of epsilon {asked.before.epsilon_left:.3f} at most"
            raise BudgetExceeded(msg)
        return
    trained = _trained(here, from_sums, resume, companion)
    rows = [(kind, str(model.id), model.digest[:16]) for kind, model in trained.models.items()]
    listing(f"Release {trained.release.digest[:16]}", ("kind", "model", "digest"), rows, as_json=as_json)


def _require_together(from_sums: str | None, resume: UUID | None, *, autoencoder: bool) -> None:
    if autoencoder and from_sums is not None:
        msg = "an autoencoder reads everybody anew: --autoencoder and --from-sums exclude each other"
        raise InvalidInput(msg)
    if resume is not None and from_sums is not None:
        msg = "--resume: expected no --from-sums beside it, for the training's snapshot says which"
        raise InvalidInput(msg)


def _trained(here: Home, from_sums: str | None, resume: UUID | None, companion: DeepTraining | None) -> Trained:
    training_id = resume or uuid4()
    snapshot_id = snapshot_id_of(training_id)
    with here.transaction() as session:
        author = acting(here, session, "models:train")
        known = session.get(Snapshot, snapshot_id)
    if resume is not None and known is None:
        msg = f"no training {resume} came as far as its snapshot: nothing was read or reserved"
        raise NotFound(msg)
    sums = sums_behind(known) if known is not None else from_sums and find_kept(here, from_sums)
    beside = "" if companion is None else " --autoencoder"
    say(f"training {training_id}: `probity train --resume {training_id}{beside}` takes it up again")
    with progress("measuring") as step:
        if sums is not None:
            return retrain(here, sums, snapshot_id=snapshot_id, training_id=training_id, author=author, progress=step)
        snapshot = known or take_snapshot(here, snapshot_id=snapshot_id)
        return measure_and_fit(
            here, snapshot, training_id=training_id, author=author, progress=step, companion=companion
        )


def quote_facts(asked: Quote) -> list[tuple[str, object]]:
    """A quote, fact by fact; each epsilon is at the policy's delta."""
    before, mechanism = asked.before, asked.mechanism
    shares = {"counts": mechanism.counts_share, "gram": mechanism.gram_share} | dict(mechanism.shares)
    return [
        ("population", before.population),
        ("mechanism", asked.promise.mechanism),
        ("shares of the release", ", ".join(f"{name} {share:.0%}" for name, share in shares.items())),
        ("unit", mechanism.guarantee.unit),
        ("delta", mechanism.delta),
        ("epsilon of this training", asked.promise.epsilon),
        ("composed so far", before.epsilon_spent),
        ("composed after it", asked.epsilon_after),
        ("budget", before.budget_epsilon),
        ("largest single release that fits", before.epsilon_left),
        ("largest that would fit after it", asked.epsilon_left_after),
    ]


def budget(home: HomeOption = DEFAULT_HOME, *, as_json: JsonOption = False) -> None:
    """What releases have cost so far, and what is left.

    JSON is one object: what is composed, what is left and the reservations, under the keys of `train --dry-run --json`.
    """
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
    columns = ("reservation", "state", "epsilon", "reserved at")
    if as_json:
        write_json(budget_facts(found) | {"reservations": [keyed(columns, row) for row in rows]})
    else:
        table(title, columns, rows)


def budget_facts(found: BudgetState) -> dict[str, object]:
    """The budget as it stands, for programs; each epsilon is at its delta."""
    return {
        "population": found.population,
        "delta": found.delta,
        "budget": found.budget_epsilon,
        "composed_so_far": found.epsilon_spent,
        "largest_single_release_that_fits": found.epsilon_left,
    }


@models.callback()
def list_them(
    context: typer.Context,
    kind: Annotated[str | None, typer.Option(help="Only models of this kind, for example ease.")] = None,
    home: HomeOption = DEFAULT_HOME,
    *,
    ids: Annotated[bool, typer.Option("--ids", help="Print ids only, newest first, for scripts.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Registered models, newest first."""
    if context.invoked_subcommand is not None:
        return
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


@models.command("memory")
def memory(
    model: Annotated[UUID, typer.Argument(help="The model's id, as `probity models` lists it.")],
    home: HomeOption = DEFAULT_HOME,
    *,
    subject: Annotated[
        bool,
        typer.Option("--subject", help="Read a pseudonym of the events domain: is it in the model? Needs a token."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Who was in a model, what bounds its memory of one person, and when it must be made anew and why."""
    here = opened(home)
    asked = _asked_about(here) if subject else None
    with here.transaction() as session:
        found = memory_of(session, get_model(session, model), subject=asked)
        facts = memory_facts(found, here.policies.privacy.value.retrain_after_erasure_days)
    record(f"What the model {model} remembers", facts, as_json=as_json)


def _asked_about(here: Home) -> Pseudonym:
    """The pseudonym that is read for somebody who may ask. Never an argument: those are listed and kept by shells."""
    with here.transaction() as session:
        acting(here, session, "requests:read")
    pseudonym = Pseudonym(read_identifier("pseudonym"))
    if not is_pseudonym(pseudonym):
        msg = "pseudonym: expected 32 hex digits of the events domain, got something else"
        raise InvalidInput(msg)
    return pseudonym


def memory_facts(found: Memory, days: int) -> list[tuple[str, object]]:
    """A model's memory, fact by fact."""
    guarantee = found.guarantee
    allowed = f"; policy allows {days} days after each" if found.retrain_by is not None else ""
    facts: list[tuple[str, object]] = [
        ("state", found.model.state),
        ("generation", found.model.generation),
        ("release", found.model.release),
        ("snapshot", str(found.snapshot.id)),
        ("snapshot manifest", found.snapshot.digest),
        ("subjects in it", found.subjects),
        ("of them erased since", found.erased),
        ("epsilon", guarantee["epsilon"]),
        ("delta", guarantee["delta"]),
        ("unit", guarantee["unit"]),
        ("neighbouring", guarantee["neighbouring"]),
        ("accountant", guarantee["accountant"]),
        ("mechanism", guarantee["mechanism"]),
        ("retrain by", None if found.retrain_by is None else found.retrain_by.isoformat()),
        ("because of", found.because + allowed),
    ]
    return facts if found.holds is None else [*facts, ("holds the subject", found.holds)]


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
