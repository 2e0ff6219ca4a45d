"""`probity policy`: check and show the policies."""

from pathlib import Path
from typing import Annotated

import typer

from governance.cli.context import HomeOption, JsonOption
from governance.cli.display import listing
from governance.policy.policies import load_policies
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
