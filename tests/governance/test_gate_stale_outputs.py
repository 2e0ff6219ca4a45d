"""A folder of outputs holds what the last run decided, and nothing of the runs before it."""

import json
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner

from governance.cli.main import build
from governance.gate.outputs import OUTPUTS
from tests.governance.gate_files import POLICY, Gate

EVERY_FORMAT = ",".join(each.slug for each in OUTPUTS)


@pytest.fixture
def passed(gate: Gate, tmp_path: Path) -> Path:
    """The folder of a signed pass in every format, with a file of somebody else's."""
    from governance.gate.outputs.attestation import create_key

    out = tmp_path / "out"
    create_key(tmp_path / "gate.key", "https://ci.example/gate", lambda size: b"\x05" * size)
    result = gate("check", "--format", EVERY_FORMAT, "--out", out, "--sign-with", tmp_path / "gate.key")
    assert (result.exit_code, len(list(out.iterdir()))) == (0, len(OUTPUTS) + 2)
    (out / "notes.txt").write_text("mine")
    return out


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("option", "name", "content"),
    [
        ("--recommendations", "wrong.csv", "subject,item,rank\ns1,i1,1\ns1,i1,2\n"),
        ("--items", "wrong.csv", "item\ni1\n"),
        ("--attack", "wrong.json", "{"),
        ("--baseline", "wrong.json", "{}"),
        ("--policy", "wrong.yaml", "rules: ["),
        ("--policy", "wrong.yaml", POLICY.replace("level: error", "level: warn")),
        ("--waivers", "wrong.yaml", "waivers: [{id: x}]\n"),
    ],
)
def test_after_a_run_that_decided_nothing_no_verdict_of_an_earlier_one_is_left(  # noqa: PLR0917 - a row of the table
    gate: Gate, passed: Path, tmp_path: Path, option: str, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    result = gate("check", option, tmp_path / name, "--format", "json", "--out", passed)

    assert (result.exit_code, _names(passed)) == (2 if name.endswith(".yaml") else 4, ["notes.txt"])


def test_a_failure_without_a_signature_is_not_left_beside_a_signed_pass(
    gate: Gate, passed: Path, tmp_path: Path
) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY.replace("limit: 0.2 ", "limit: 0.9 ").replace("aim: 0.25", ""))
    result = gate("check", "--format", "json", "--out", passed)

    assert (result.exit_code, _names(passed)) == (1, ["gate.json", "notes.txt", "report.json"])
    assert json.loads((passed / "gate.json").read_text())["outcome"] == "fail"


def test_a_key_that_cannot_sign_leaves_no_signed_decision_of_before(gate: Gate, passed: Path, tmp_path: Path) -> None:
    (tmp_path / "gate.key").write_text("none")
    result = gate("check", "--out", passed, "--sign-with", tmp_path / "gate.key")

    assert result.exit_code != 0
    assert "gate.intoto.jsonl" not in _names(passed)


@pytest.mark.parametrize(
    "wrong",
    [("--format", "yaml"), ("--today", "soon"), ("--sign-with", "gate.key", "--seed", 2), ("--no-such-option",)],
)
def test_wrong_usage_touches_nothing(gate: Gate, passed: Path, wrong: tuple[object, ...]) -> None:
    before = {path.name: path.read_bytes() for path in passed.iterdir()}
    result = gate("check", "--out", passed, *wrong)

    assert result.exit_code == 2
    assert {path.name: path.read_bytes() for path in passed.iterdir()} == before


def test_the_last_report_may_be_the_baseline_of_a_run_into_its_own_folder(gate: Gate, passed: Path) -> None:
    result = gate("check", "--baseline", passed / "report.json", "--format", "json", "--out", passed)

    assert (result.exit_code, _names(passed)) == (0, ["gate.json", "notes.txt", "report.json"])
    assert [each["name"] for each in json.loads((passed / "gate.json").read_text())["rests_on"]] == ["baseline report"]


def test_a_table_that_has_an_outputs_name_is_read_and_not_taken_away(gate: Gate, lists: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "gate.txt").write_bytes((lists / "lists.csv").read_bytes())
    result = gate("check", "--recommendations", f"csv:{out / 'gate.txt'}", "--format", "json", "--out", out)

    assert (result.exit_code, _names(out)) == (0, ["gate.json", "gate.txt", "report.json"])


def test_a_decision_on_a_registered_model_that_fails_midway_leaves_none_of_before(passed: Path, tmp_path: Path) -> None:
    words = ["gate", "run", "--model", str(UUID(int=1)), "--home", str(tmp_path / "no-home"), "--out", str(passed)]
    result = CliRunner().invoke(build(words), words)

    assert (result.exit_code != 0, _names(passed)) == (True, ["notes.txt"])
