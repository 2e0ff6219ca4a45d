"""`probity gate`: the policy against a report. Exit codes: as of `probity gate check`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final
from uuid import UUID, uuid4

import typer

from governance.cli import gate_check, gate_policy, gate_waiver
from governance.cli.context import HomeOption, JsonOption, opened
from governance.cli.display import say
from governance.cli.gate_display import show
from governance.cli.gate_outputs import (
    JSON,
    TERMINAL,
    FormatsOption,
    OutOption,
    SignOption,
    hand_out,
    require_place,
    withdraw,
)
from governance.errors import LedgerError
from governance.gate.outputs.standing import EXITS
from governance.ledger.published import printable
from governance.resources import DEFAULT_HOME

UNDECIDABLE: Final = 3

gate = typer.Typer(help="Decide whether a model may ship.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    gate_check.add_to(gate)
    gate_policy.add_to(gate)
    gate_waiver.add_to(gate)
    app.add_typer(gate, name="gate")


@gate.command("run")
def run(
    model: Annotated[UUID, typer.Option("--model", help="A model's id; its latest report is decided on.")],
    home: HomeOption = DEFAULT_HOME,
    *,
    as_json: JsonOption = False,
    formats: FormatsOption = None,
    out: OutOption = None,
    sign_with: SignOption = None,
) -> None:
    """Decide on a model's latest report by policies/fairness.yaml; every reason is printed.

    --json is short for --format json.
    """
    from governance.pipeline.audit import decide_on, decided_on  # brings the database that `check` does without

    asked = [JSON] if as_json else formats or [TERMINAL]
    require_place(asked, out, sign_with)
    withdraw(out)
    with _no_verdict_from_what_is_broken():
        here = opened(home)
        decision = decide_on(here, model, decision_id=uuid4())
        if not as_json and not formats and out is None:
            show(decision)
        else:
            decided = decided_on(here, model, decision)
            about = {f"models/{model}": decided.report.model_digest}
            hand_out(decided, formats=asked, out=out, sign_with=sign_with, subjects=about)
    raise typer.Exit(EXITS[decision.outcome])


@contextmanager
def _no_verdict_from_what_is_broken() -> Iterator[None]:
    # Elsewhere a report or a log that does not hold exits with 1, which says here that a rule was missed.
    try:
        yield
    except LedgerError as error:
        say(f"probity: {printable(str(error))}")
        raise typer.Exit(UNDECIDABLE) from error
