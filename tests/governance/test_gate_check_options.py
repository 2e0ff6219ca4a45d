"""What `probity gate check` is told besides its tables."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audits.metrics import METRICS
from audits.report import Report
from governance.cli.main import build
from tests.governance.gate_files import Gate, edited

LIMIT = "limit: 0.2      # a fifth of the attention\n    aim: 0.25"


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


def test_no_verdict_is_printed_of_which_the_files_cannot_be_written(gate: Gate, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = gate("check", "--out", tmp_path / "file" / "out")

    assert (result.exit_code, result.stdout) == (4, "")
    assert "nothing was decided" in " ".join(result.stderr.split())


def test_what_is_undecided_counts_as_failed_where_its_rule_says_that_it_fails(gate: Gate, tmp_path: Path) -> None:
    edited(tmp_path, LIMIT, "limit: 0.33\n    when_inconclusive: fail")
    result = gate("check", "--format", "json")
    said = json.loads(result.stdout)

    assert (result.exit_code, said["counts"]["failed"], said["counts"]["undecided"]) == (1, 1, 0)
    assert said["summary"].startswith("Gate: fail, may not ship. 1 failed, 0 undecided, ")
    assert (said["findings"][0]["standing"], said["findings"][0]["verdict"]) == ("failed", "inconclusive")
    assert 'type="inconclusive, which fails"' in gate("check", "--format", "junit").stdout


def test_both_ends_of_what_a_rule_allows_are_told(gate: Gate, tmp_path: Path) -> None:
    edited(tmp_path, "comparison: at_least\n", "comparison: between\n")
    edited(tmp_path, LIMIT, "floor: 0.1\n    ceiling: 0.9")
    found = {each["rule"]: each for each in json.loads(gate("check", "--format", "json").stdout)["findings"]}

    assert (found["documentaries"]["floor"], found["documentaries"]["ceiling"]) == (0.1, 0.9)
    assert (found["concentration"]["floor"], found["concentration"]["ceiling"]) == (None, 0.9)


def test_several_categories_in_one_name_are_warned_of_and_separated_where_asked(
    gate: Gate, lists: Path, tmp_path: Path
) -> None:
    text = (lists / "items.csv").read_text().replace("i3,documentary", "i3,documentary|drama")
    (tmp_path / "items.csv").write_text(text)
    given = ("--out", tmp_path / "out", "--items")
    joined = gate("check", *given, tmp_path / "items.csv")

    assert joined.exit_code == 0
    assert "1 category has | in the name and is taken as one" in " ".join(joined.stderr.split())
    assert "1 category has | in the name" in _caveats(tmp_path / "out")
    separated = gate("check", *given, f"{tmp_path / 'items.csv'}?attributes=category")
    assert (separated.exit_code, separated.stderr) == (0, "")
    assert "in the name" not in _caveats(tmp_path / "out")


def test_a_ratchet_with_nothing_to_tighten_says_so(gate: Gate, tmp_path: Path) -> None:
    assert gate("check", "--out", tmp_path / "out").exit_code == 0
    options = ("--report", tmp_path / "out" / "report.json", "--slack", 10)
    result = gate("ratchet", *options)

    assert (result.exit_code, result.stdout) == (0, "")
    assert "left as it is, because the report keeps to no limit by more than its slack" in result.stderr


def test_a_metrics_name_stands_on_one_line_and_what_its_rule_has_to_name_beside_it() -> None:
    asked = ["gate", "metrics"]
    lines = CliRunner().invoke(build(asked), asked).stdout.splitlines()
    named = {metric.slug: [line for line in lines if f" {metric.slug} " in line] for metric in METRICS}

    assert {slug: len(found) for slug, found in named.items()} == dict.fromkeys(named, 1)
    assert named["ndcg_gap"][0].rstrip(" │").endswith(" group")
    assert named["exposure_share"][0].rstrip(" │").endswith(" attribute")
    assert named["category_gap"][0].rstrip(" │").endswith(" attribute, group")
