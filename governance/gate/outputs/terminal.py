"""The decision for a terminal: the summary first, then a table with one sentence a finding, the worst first.

Where the terminal is too narrow for a table, each finding is a short paragraph instead. Colours only where the console
has them; names of strangers are shown without what would move a cursor.
"""

import io
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from audits.verdict import Outcome
from governance.gate.decision import Finding
from governance.gate.outputs.decided import Decided
from governance.gate.outputs.standing import MARKS, Standing, standing, summary_line, waivers_in_words, worst_first
from governance.ledger.published import printable

NARROW: Final = 72
"""Columns below which a table would be mostly borders."""
FILE_WIDTH: Final = 100

_COLOURS = {
    Standing.FAILED: "red",
    Standing.UNDECIDED: "yellow",
    Standing.WAIVED: "magenta",
    Standing.WARNED: "yellow",
    Standing.MET: "green",
}
_OUTCOME_COLOURS = {Outcome.PASS: "bold green", Outcome.FAIL: "bold red", Outcome.INCONCLUSIVE: "bold yellow"}


def show(decided: Decided, console: Console, *, all_findings: bool = True) -> None:
    """Print the decision; without ``all_findings`` what is met is only counted."""
    decision = decided.decision
    console.print(_text(summary_line(decision), _OUTCOME_COLOURS[decision.outcome]))
    found = [each for each in worst_first(decision.findings) if all_findings or standing(each) is not Standing.MET]
    if found and console.width >= NARROW:
        console.print(_table(found))
    elif found:
        for finding in found:
            _paragraph(finding, console)
    for sentence in decision.not_applicable:
        console.print(_text(f"not applicable: {sentence}", "dim"))
    if decision.waivers:
        console.print(_text(f"{waivers_in_words(decision)}:"))
    for waiver in decision.waivers:
        words = f"{waiver.waiver}: {waiver.rule} ({waiver.about}), {waiver.state}, until {waiver.expires_on}"
        console.print(_text(f"  {words}, owner {waiver.owner}, approved by {waiver.approver}: {waiver.reason}"))


def render(decided: Decided) -> bytes:
    """The same as plain text, 100 columns wide."""
    out = io.StringIO()
    show(decided, Console(file=out, width=FILE_WIDTH, color_system=None, force_terminal=False, highlight=False))
    # Rich fills a table's lines with blanks.
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines()).encode(errors="replace")


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(show_edge=False, pad_edge=False, header_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("standing", no_wrap=True)
    table.add_column("rule", overflow="fold", max_width=28)
    table.add_column("what it found", overflow="fold", ratio=1)
    for finding in findings:
        stands = standing(finding)
        colour = _COLOURS[stands]
        sentence = _text(finding.sentence)
        table.add_row(_text(MARKS[stands], colour), _text(stands, colour), _text(finding.rule, "bold"), sentence)
    return table


def _paragraph(finding: Finding, console: Console) -> None:
    stands = standing(finding)
    head = Text.assemble((f"{MARKS[stands]} {stands} ", _COLOURS[stands]), (printable(finding.rule), "bold"))
    console.print(head)
    console.print(Padding(_text(finding.sentence), (0, 0, 0, 2)))


def _text(words: str, style: str = "") -> Text:
    return Text(printable(words), style=style)
