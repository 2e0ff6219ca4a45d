"""From where outputs name the policy's file: the root of its repository, from whatever folder the command runs."""

import json
from pathlib import Path

import pytest

from governance.cli.repository import root_of
from tests.governance.gate_files import POLICY, Gate


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A file deep in a folder, where nothing is a repository yet."""
    (tmp_path / "top" / "part" / "rules").mkdir(parents=True)
    (tmp_path / "top" / "part" / "rules" / "fairness.yaml").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("repositories", "checkout", "root"),
    [
        (["top"], None, "top"),
        (["top", "top/part"], None, "top/part"),
        ([], None, "here"),
        ([], "top", "top"),
        (["top", "top/part"], "top", "top"),
        (["top/part"], "top", "top/part"),
        ([""], "top", "top"),
        (["top"], "elsewhere", "top"),
        ([], "elsewhere", "here"),
        ([], "top/part/rules/fairness.yaml", "here"),
    ],
    ids=[
        "above",
        "the nearest",
        "none",
        "a checkout without history",
        "a part of a checkout",
        "one of several in a checkout",
        "a checkout in another repository",
        "another checkout",
        "another checkout and none",
        "a checkout that is the file",
    ],
)
@pytest.mark.parametrize("variable", ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"])
def test_the_root_is_the_checkouts_or_the_nearest_repositorys(
    tree: Path, repositories: list[str], checkout: str | None, root: str, variable: str
) -> None:
    for each in repositories:
        (tree / each / ".git").mkdir()
    environment = {} if checkout is None else {variable: str(tree / checkout)}
    found = root_of(tree / "top" / "part" / "rules" / "fairness.yaml", environment, here=tree / "here")

    assert found == tree / root


def test_a_worktree_and_an_empty_variable_are_what_they_are(tree: Path) -> None:
    (tree / "top" / ".git").write_text("gitdir: elsewhere\n")
    file = tree / "top" / "part" / "rules" / "fairness.yaml"

    assert root_of(file, {"GITHUB_WORKSPACE": ""}, here=tree) == tree / "top"


@pytest.mark.parametrize("checked_out", [True, False], ids=["by a runner", "by hand"])
@pytest.mark.parametrize(("folder", "policy"), [("sub", "fairness.yaml"), ("sub/deep", "../fairness.yaml")])
def test_findings_point_at_the_policys_line_from_whatever_folder_the_command_runs(
    gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, policy: str, *, checked_out: bool
) -> None:
    (tmp_path / "repo" / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "repo" / "sub" / "fairness.yaml").write_text(
        POLICY.replace("limit: 0.2 ", "limit: 0.9 ").replace("aim: 0.25", "")
    )
    monkeypatch.delenv("CI_PROJECT_DIR", raising=False)
    if checked_out:
        monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "repo"))
    else:
        monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
        (tmp_path / "repo" / ".git").mkdir()
    monkeypatch.chdir(tmp_path / "repo" / folder)
    result = gate("check", "--policy", policy, "--format", "sarif,annotations", "--out", "out", policy=None)
    out = tmp_path / "repo" / folder / "out"
    findings = json.loads((out / "gate.sarif").read_text())["runs"][0]["results"]
    places = [each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in findings]

    assert (result.exit_code, places) == (1, ["sub/fairness.yaml"])
    assert "file=sub/fairness.yaml,line=9" in (out / "gate-annotations.txt").read_text()
