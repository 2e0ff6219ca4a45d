"""The worst findings as workflow commands, which GitHub Actions shows beside the line of the rule in the policy.

Of one step GitHub shows ten errors and ten warnings and drops the rest without a word, so no more are written, and a
notice counts what was left out.
"""

from collections.abc import Sequence
from typing import Final

from governance.gate.decision import Finding
from governance.gate.outputs.decided import Decided
from governance.gate.outputs.plain_text import steadied
from governance.gate.outputs.standing import Standing, name_of, standing, summary_line, worst_first

MOST: Final = 10
"""Of each kind, in one step."""


def render(decided: Decided) -> bytes:
    """One command a line; the first is a notice with the decision in one line."""
    found = worst_first(decided.decision.findings)
    errors = [each for each in found if standing(each) in {Standing.FAILED, Standing.UNDECIDED}]
    warnings = [each for each in found if standing(each) in {Standing.WARNED, Standing.WAIVED}]
    lines = [
        f"::notice title={_property('Probity gate')}::{_data(summary_line(decided.decision) + _left(errors, warnings))}"
    ]
    places = decided.source.lines
    lines += [_command("error", decided, each, places) for each in errors[:MOST]]
    lines += [_command("warning", decided, each, places) for each in warnings[:MOST]]
    return steadied("".join(f"{line}\n" for line in lines)).encode(errors="replace")


def _left(errors: Sequence[Finding], warnings: Sequence[Finding]) -> str:
    left = max(0, len(errors) - MOST) + max(0, len(warnings) - MOST)
    return f" {left} more are not shown here; the decision's file has all." if left else ""


def _command(kind: str, decided: Decided, finding: Finding, places: dict[str, int]) -> str:
    line = finding.line or places.get(finding.rule, 1)
    place = f"file={_property(decided.source.path)},line={line},title={_property(name_of(finding))}"
    return f"::{kind} {place}::{_data(finding.sentence)}"


def _data(text: str) -> str:
    """Text after the second ``::``. A line break would begin another command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
