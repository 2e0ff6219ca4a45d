"""Every format, whatever it is: equal bytes for equal input, no harm from names, files whole or as they were."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from governance.errors import InvalidInput
from governance.gate.outputs import OUTPUTS, Output, find_outputs, terminal, write_outputs
from governance.gate.outputs.decided import policy_source
from governance.gate.outputs.standing import summary_line
from governance.policy.loader import load
from governance.policy.rules import FairnessPolicy
from tests.outputs.examples import EVERY_STANDING, LINES, MEASURED, PASSED, POLICY, decided, hostile, source

each_output = pytest.mark.parametrize("output", OUTPUTS, ids=[each.slug for each in OUTPUTS])


@each_output
def test_equal_decisions_give_equal_bytes(output: Output) -> None:
    again = replace(decided(), report=type(MEASURED).from_json(MEASURED.to_json()), source=source())

    assert output.render(again) == output.render(decided())


@each_output
def test_is_utf_8_whatever_names_hold_and_shows_the_terminal_no_control_characters(output: Output) -> None:
    text = output.render(hostile()).decode()

    assert "\x1b" not in text
    assert "\x00" not in text
    assert "\x9b" not in text
    assert text.endswith("\n") or output.slug == "html"


@each_output
def test_writes_a_decision_that_found_nothing_and_one_with_a_lone_surrogate(output: Output) -> None:
    nothing = decided(replace(PASSED, findings=()), replace(MEASURED, measurements=()))
    broken = decided(replace(PASSED, caveats=("half \ud800 a character",)))

    assert output.render(nothing).decode()
    assert output.render(broken).decode()


def test_slugs_and_files_are_distinct() -> None:
    assert len({each.slug for each in OUTPUTS}) == len({each.file for each in OUTPUTS}) == len(OUTPUTS)


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"expected some of terminal, json, .* got 'yaml'"):
        write_outputs(EVERY_STANDING, MEASURED, source(), formats=["json", "yaml"], folder=tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_writes_the_formats_asked_for_once_each_where_others_may_read_them(tmp_path: Path) -> None:
    made = write_outputs(
        EVERY_STANDING, MEASURED, source(), formats=["junit", "json", "json"], folder=tmp_path / "a" / "b"
    )

    assert [path.name for path in made] == ["gate.json", "gate.junit.xml"]
    assert {path.stat().st_mode & 0o777 for path in made} == {0o644}
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["gate.json", "gate.junit.xml"]
    assert [each.slug for each in find_outputs(["html, json", "sarif"])] == ["json", "sarif", "html"]


def test_a_policy_is_named_by_its_place_in_the_repository_and_never_by_a_machines_folders(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    path = tmp_path / "policies" / "fairness.yaml"
    path.write_text(POLICY)
    loaded = load(path, FairnessPolicy)

    inside = policy_source(loaded, path, root=tmp_path)
    outside = policy_source(loaded, path, root=tmp_path / "elsewhere")

    assert (inside.path, outside.path) == ("policies/fairness.yaml", "fairness.yaml")
    assert inside.sha256 == loaded.digest
    assert inside.lines == LINES


def test_the_summary_counts_what_is_waived_and_says_so_where_nothing_is() -> None:
    assert summary_line(EVERY_STANDING) == (
        "Gate: fail, may not ship. 2 failed, 1 undecided, 1 warning, 1 met, 1 waiver (1 used), 1 rule not applicable."
    )
    assert summary_line(PASSED) == "Gate: pass, may ship. 0 failed, 0 undecided, 0 warnings, 1 met, no waivers."


def shown(width: int, *, colours: bool = False, all_findings: bool = True) -> list[str]:
    console = Console(width=width, force_terminal=colours, color_system="truecolor" if colours else None)
    with console.capture() as capture:
        terminal.show(decided(), console, all_findings=all_findings)
    return capture.get().splitlines()


def test_the_terminal_shows_the_summary_first_then_the_worst() -> None:
    lines = shown(120)

    assert lines[0].startswith("Gate: fail, may not ship.")
    standings = [line.split()[1] for line in lines if line[:1] in "✗?~!✓"]
    assert standings == ["failed", "failed", "undecided", "waived", "warning", "met"]
    assert "owner catalogue team, approved by B. Board" in " ".join(lines)


@pytest.mark.parametrize("width", [20, 40, 71, 72, 100])
def test_the_terminal_stays_within_its_width_and_loses_no_word(width: int) -> None:
    lines = shown(width)

    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert ("every-genre-visible" in text) or width == 20
    assert text.count("at least 30") >= 3 or width == 20


def test_the_terminal_has_colours_only_where_it_is_one() -> None:
    assert "\x1b[" in "".join(shown(100, colours=True))
    assert "\x1b[" not in "".join(shown(100))
    assert not any("met" in line.split()[1:2] for line in shown(100, all_findings=False) if line)


def test_the_figures_in_the_json_are_the_decisions() -> None:
    (output,) = find_outputs(["json"])
    found = json.loads(output.render(decided()))

    assert (found["outcome"], found["exit_code"]) == ("fail", 1)
    assert [each["standing"] for each in found["findings"]][:3] == ["failed", "failed", "undecided"]
    assert found["findings"][1]["value"] is None
    assert found["findings"][2]["n_to_decide"] == 12_345
    assert found["waivers"][0]["expires_on"] == "2027-03-31"
