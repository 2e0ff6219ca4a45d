"""What the command line prints of strangers' names: text, whatever it looks like."""

import pytest

from governance.cli.display import table
from governance.cli.gate_display import show
from tests.outputs.examples import hostile


def test_a_cell_is_no_markup_and_no_order_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table("Prices", ("category", "price"), [("[/red]doc [bold]x\x1b[2J", 0.5), ("two\nlines", 1)])

    printed = capsys.readouterr().out
    assert r"[/red]doc [bold]x\x1b[2J" in printed
    assert [line.split() for line in printed.splitlines() if "two" in line or "lines" in line] == [
        ["│", "two", "│", "1", "│"],
        ["│", "lines", "│", "│"],
    ]


def test_a_rule_s_name_and_a_sentence_are_no_markup_and_no_order(capsys: pytest.CaptureFixture[str]) -> None:
    show(hostile().decision)

    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "rule {0} {{1}}" in printed
