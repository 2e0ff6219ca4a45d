"""`probity audit` with some of its commands: what an installation that lacks the others' extras gets."""

from collections.abc import Callable

import typer


def add_group(app: typer.Typer, add_to: Callable[[typer.Typer], None]) -> None:
    """Add the group, and to it what ``add_to`` adds."""
    group = typer.Typer(no_args_is_help=True)

    @group.callback()
    def audit() -> None:
        """Measure a registered model."""

    add_to(group)
    app.add_typer(group, name="audit")
