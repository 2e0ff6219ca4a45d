"""`probity gate`: the policy against a report. Exit codes: 0 pass, 1 fail, 3 inconclusive."""

from typing import Annotated
from uuid import UUID, uuid4

import typer

from audits.verdict import Outcome
from governance.cli.context import HomeOption, JsonOption, opened
from governance.cli.display import stdout, write_json
from governance.gate.decision import Decision
from governance.pipeline.audit import decide_on
from governance.settings import DEFAULT_HOME

gate = typer.Typer(help="Decide whether a model may ship.", no_args_is_help=True)
EXITS = {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.INCONCLUSIVE: 3}
COLOURS = {Outcome.PASS: "green", Outcome.FAIL: "red", Outcome.INCONCLUSIVE: "yellow"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(gate, name="gate")


@gate.command("run")
def run(
    model: Annotated[UUID, typer.Option("--model", help="A model's id; its latest report is decided on.")],
    home: HomeOption = DEFAULT_HOME,
    *,
    as_json: JsonOption = False,
) -> None:
    """Decide on a model's latest report by policies/fairness.yaml; every reason is printed."""
    decision = decide_on(opened(home), model, decision_id=uuid4())
    if as_json:
        findings = [
            {"rule": each.rule, "level": each.level, "verdict": str(each.verdict), "sentence": each.sentence}
            for each in decision.findings
        ]
        write_json({"outcome": str(decision.outcome), "findings": findings, "not_applicable": decision.not_applicable})
    else:
        show(decision)
    raise typer.Exit(EXITS[decision.outcome])


def show(decision: Decision, *, all_findings: bool = True) -> None:
    """Print the outcome and the findings, the worst first; without ``all_findings`` those that block only."""
    colour = COLOURS[decision.outcome]
    stdout.print(f"The gate's decision: [bold {colour}]{decision.outcome}[/]")
    for finding in decision.findings if all_findings else decision.reasons:
        mark = {Outcome.PASS: "✓", Outcome.FAIL: "✗", Outcome.INCONCLUSIVE: "?"}[finding.verdict]
        stdout.print(
            f"  [{COLOURS[finding.verdict]}]{mark}[/] [bold]{finding.rule}[/] ({finding.level}): {finding.sentence}"
        )
    for sentence in decision.not_applicable:
        stdout.print(f"  – not applicable: {sentence}")
