"""What `probity gate check` is told besides its tables."""

import json
from pathlib import Path

import pytest

from audits.report import Report
from tests.governance.gate_files import Gate, edited


def _caveats(out: Path) -> str:
    return " ".join(Report.from_json((out / "report.json").read_bytes()).caveats)


@pytest.mark.parametrize("by", ["option", "policy"])
def test_held_out_choices_from_random_lists_are_not_called_conditional(
    gate: Gate, lists: Path, tmp_path: Path, by: str
) -> None:
    given = ["--relevance", lists / "relevance.csv", "--format", "json", "--out", tmp_path / "out"]
    if by == "policy":
        edited(tmp_path, "seed: 1\n", "seed: 1\nrelevance_is_random: true\n")
    else:
        given.append("--relevance-is-random")

    assert gate("check", *given).exit_code == 0
    assert "come from random lists, as whoever ordered the audit says" in _caveats(tmp_path / "out")
    assert "conditional" not in _caveats(tmp_path / "out")
    command = json.loads((tmp_path / "out" / "gate.json").read_text())["command"]
    assert command.endswith(" --relevance-is-random") == (by == "option")


def test_all_other_held_out_choices_are(gate: Gate, lists: Path, tmp_path: Path) -> None:
    assert gate("check", "--relevance", lists / "relevance.csv", "--out", tmp_path / "out").exit_code == 0
    assert "quality, and popularity lift where it rests on them, are conditional" in _caveats(tmp_path / "out")


def test_without_held_out_choices_none_can_be_random(gate: Gate) -> None:
    result = gate("check", "--relevance-is-random")

    assert (result.exit_code, "expected held-out choices (--relevance), got none" in result.stderr) == (2, True)
