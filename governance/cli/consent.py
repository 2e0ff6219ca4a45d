"""`probity consent`: who decided what, in numbers."""

import typer

from governance.cli.context import HomeOption, JsonOption, opened
from governance.cli.display import listing
from governance.consent.counts import count_consents
from governance.settings import DEFAULT_HOME

consent = typer.Typer(help="Recorded decisions of subjects, in numbers.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(consent, name="consent")


@consent.command("summary")
def summarise(home: HomeOption = DEFAULT_HOME, *, as_json: JsonOption = False) -> None:
    """Decisions in force by purpose and choice."""
    with opened(home).transaction() as session:
        rows = [(each.purpose, each.choice, each.subjects) for each in count_consents(session)]
    listing("Consents in force", ("purpose", "choice", "subjects"), rows, as_json=as_json)
