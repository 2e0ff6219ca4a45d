"""`probity ledger kinds` and `open`: what entries say, and whom one is about, for a reviewer."""

from typing import Annotated, get_args
from uuid import uuid4

import typer

from governance.cli.context import HomeOption, acting, opened
from governance.cli.display import JsonOption, listing, say, stdout
from governance.cli.opening_check import commitment_of
from governance.events import KINDS
from governance.ledger.commitment import encode_opening
from governance.rights.openings import OpeningGround, open_commitment
from governance.settings import DEFAULT_HOME


def add_to(ledger: typer.Typer) -> None:
    """Add the commands to the ledger's."""
    ledger.command("kinds")(kinds)
    ledger.command("open")(open_entry)


def kinds(*, as_json: JsonOption = False) -> None:
    """Every kind of entry: what it records, and who answers for it."""
    rows = [(each.name, each.version, each.records, each.accountable) for each in KINDS]
    listing("Kinds of entries", ("kind", "version", "records", "accountable"), rows, as_json=as_json)


def open_entry(
    commitment: Annotated[str, typer.Argument(help="As the entry carries it: 64 hex digits.")],
    ground: Annotated[str, typer.Option(help=", ".join(get_args(OpeningGround)))],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Show whom an entry is about, and log that it was shown. What is printed is personal data."""
    from governance.pipeline.desk import Desk  # brings along what answers requests, which listing kinds does not need

    here, committed = opened(home), commitment_of(commitment)
    with here.transaction() as session:
        opening = open_commitment(
            session,
            Desk(here),
            committed,
            ground,  # type: ignore[arg-type] # checked by `open_commitment`
            acting(here, session, "evidence:open"),
            entry_id=uuid4(),
            clock=here.clock,
        )
    say("that you looked is an entry now; anybody can check what follows with `probity ledger check-opening`:")
    stdout.print(encode_opening(opening).decode(), markup=False, soft_wrap=True)
