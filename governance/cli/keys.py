"""`probity keys`: which keys sign, and replacing one."""

from typing import Annotated, get_args

import typer

from governance.cli.context import HomeOption, JsonOption, opened
from governance.cli.display import listing, say, stdout
from governance.keys.rotation import RotationGround, list_rotations
from governance.pipeline.home import OPERATOR, Home
from governance.pipeline.signing_keys import LEDGER, SIGNING_KEYS, SigningKey, public_keys, rotate, signing_key
from governance.settings import DEFAULT_HOME

keys = typer.Typer(help="The keys that sign in this home's name.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(keys, name="keys")


@keys.command("list")
def list_all(home: HomeOption = DEFAULT_HOME, *, as_json: JsonOption = False) -> None:
    """Every key that ever signed, newest first, with its public key. Private keys are never shown."""
    here = opened(home)
    rows = [row for key in SIGNING_KEYS for row in _history(here, key)]
    listing("Signing keys", ("key", "id", "state", "since", "ground", "public key"), rows, as_json=as_json)


@keys.command("rotate")
def rotate_key(
    name: Annotated[str, typer.Argument(help=" or ".join(key.name for key in SIGNING_KEYS))],
    ground: Annotated[str, typer.Option(help=", ".join(get_args(RotationGround)))],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Replace a signing key by a fresh one, and print its public key."""
    key, here = signing_key(name), opened(home)
    new = rotate(
        here.engine,
        here.settings.folder("keys"),
        key,
        ground,  # type: ignore[arg-type] # checked by `rotate`
        origin=here.settings.ledger.origin,
        actor=OPERATOR,
        clock=here.clock,
    )
    say(f"{key.name}: key {new.id} is in force; restart what is running, and give those who verify")
    stdout.print(new.public, markup=False, soft_wrap=True)
    if key is LEDGER:
        say("publish once, so that the log is signed with it; who verifies adds a second `log` line to their policy")


def _history(here: Home, key: SigningKey) -> list[tuple[object, ...]]:
    folder = here.settings.folder("keys")
    with here.transaction() as session:
        rotations, public = list_rotations(session, key.name), public_keys(session, folder, key)
    began = [(each.rotated_at.date().isoformat(), each.ground) for each in reversed(rotations)]
    beside = key.retired_file(folder).exists()
    states = ["in force", "signs beside it" if beside else "retired", *["retired"] * len(rotations)]
    return [
        (key.name, each.id, state, since, ground, each.public)
        for each, state, (since, ground) in zip(public, states, [*began, (None, None)], strict=False)
    ]
