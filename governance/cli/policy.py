"""`probity policy`: check the policies, or copy the shipped ones to edit."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from governance.cli.context import HomeOption, JsonOption
from governance.cli.display import listing, say
from governance.errors import InvalidInput
from governance.policy.policies import load_policies
from governance.resources import policies_dir
from governance.settings import DEFAULT_HOME, load_settings

policy = typer.Typer(help="The policies in force.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(policy, name="policy")


@policy.command("check")
def check(
    folder: Annotated[Path | None, typer.Argument(help="A folder of policies; the home's by default.")] = None,
    home: HomeOption = DEFAULT_HOME,
    *,
    as_json: JsonOption = False,
) -> None:
    """Load every policy; the first thing that is wrong is named with file and line."""
    chosen = folder if folder is not None else load_settings(home).policies_folder
    loaded = load_policies(chosen)
    rows = [(name, digest) for name, digest in loaded.digests.items()]
    listing(f"Policies in {chosen}", ("policy", "sha256"), rows, as_json=as_json)


@policy.command("export")
def export(folder: Annotated[Path, typer.Argument(help="A new or empty folder, such as HOME/policies.")]) -> None:
    """Copy the shipped policies to edit. In HOME/policies they replace the shipped ones as a whole."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        msg = f"{folder}: expected a new or empty folder, got one that holds something, which is never overwritten"
        raise InvalidInput(msg)
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(policies_dir().glob("*.yaml")):
        shutil.copyfile(path, folder / path.name)
    say(f"{folder}: edit the files and try them with `probity policy check {folder}`")
