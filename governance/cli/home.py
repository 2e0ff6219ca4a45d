"""`probity init`, `probity status`."""

import typer

from governance.access.principals import list_principals
from governance.budget.reservations import state
from governance.cli.context import HomeOption, JsonOption, opened
from governance.cli.display import record, say
from governance.clock import system_clock
from governance.ledger.store import size
from governance.pipeline.home import initialise
from governance.registry.models import list_models, serving
from governance.settings import DEFAULT_HOME, DEFAULT_ORIGIN, load_settings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("init")(init)
    app.command("status")(status)


def init(home: HomeOption = DEFAULT_HOME) -> None:
    """Make a home: folders, keys, both databases at their newest schema, policies on record. Safe to run again."""
    made = initialise(load_settings(home), clock=system_clock)
    say(f"{made.settings.home} is ready; policies from {made.settings.policies_folder}")
    if made.ledger_signer.name == DEFAULT_ORIGIN:
        say(
            f"its log is named {DEFAULT_ORIGIN}, like that of every home that names none: before others follow it, "
            "make a home whose probity.toml has an origin of yours ([ledger] origin)"
        )


def status(home: HomeOption = DEFAULT_HOME, *, as_json: JsonOption = False) -> None:
    """What this home holds: events, subjects, models, budget, ledger."""
    here = opened(home)
    with here.transaction() as session:
        budget, deployment = state(session, policy=here.policies.privacy.value), serving(session)
        facts = {
            "subjects in the vault": here.vault.count(),
            **{f"{kind} events": here.lake.count(kind) for kind in here.lake.versions()},
            "models": len(list_models(session, limit=1000)),
            "deployed model": None if deployment is None else str(deployment.model_id),
            "epsilon spent": round(budget.epsilon_spent, 4),
            "epsilon left for one more release": round(budget.epsilon_left, 4),
            "people with access": len(list_principals(session, limit=1000)),
            "ledger entries": size(session),
        }
    record(str(here.settings.home), list(facts.items()), as_json=as_json)
