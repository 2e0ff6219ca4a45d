"""deploy/ci as far as a machine without those services can run it: published structures, and every line of shell.

The shell of each step is taken out of its file and run as its service would run it, on two CSV files, with the real
command behind the name `probity`.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from audits.artwork.report import ArtworkConfig, audit_artwork
from audits.artwork.tables import ArtworkInput
from governance.gate.outputs import OUTPUTS
from tests.audits.choosers import catalogue, shown
from tests.outputs.examples import schema

ROOT = Path(__file__).parents[2]
CI = ROOT / "deploy" / "ci"
ACTION = yaml.safe_load((CI / "github" / "action.yml").read_text())
WORKFLOW = yaml.safe_load((CI / "github" / "example-workflow.yml").read_text())
GITLAB = yaml.safe_load((CI / "gitlab" / "probity-gate.gitlab-ci.yml").read_text())
PRE_COMMIT = yaml.safe_load((CI / "pre-commit" / ".pre-commit-config.yaml").read_text())
POLICY = """\
list_length: 4
attention: logarithmic
replicates: 200
confidence: 0.95
seed: 1
max_unknown_share: 0.05
rules:
  - id: documentaries
    metric: exposure_share
    attribute: category
    category: documentary
    comparison: at_least
    limit: {limit}
    level: error
    rationale: They are two thirds of the catalogue.
    approved_by: review board
  - id: concentration
    metric: exposure_gini
    comparison: at_least
    limit: 0.9
    level: warn
    rationale: It is missed, and only told.
    approved_by: review board
"""
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
FILES = {each.file for each in OUTPUTS if each.slug != "sarif-suppressed"}
BASH = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]  # as the runner starts `shell: bash`


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with lists, a catalogue and a policy, and `probity` on the path."""
    rows = [(f"s{subject}", f"i{(subject + rank * 3) % 12}", rank + 1) for subject in range(200) for rank in range(4)]
    (tmp_path / "lists.csv").write_text("subject,item,rank\n" + "".join(f"{s},{i},{r}\n" for s, i, r in rows))
    kinds = [f"i{item},{'documentary' if item % 3 else 'drama'}\n" for item in range(12)]
    (tmp_path / "items.csv").write_text("item,category\n" + "".join(kinds))
    (tmp_path / "policies").mkdir()
    write_policy(tmp_path, 0.3)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "probity").write_text(f'#!/bin/sh\nexec {sys.executable} -m governance.cli "$@"\n')
    (programs / "probity").chmod(0o755)
    return tmp_path


def write_policy(folder: Path, limit: float) -> None:
    (folder / "policies" / "fairness.yaml").write_text(POLICY.format(limit=limit))


def run(shop: Path, script: str, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{shop / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(shop),
        "OMP_NUM_THREADS": "1",
        **env,
    }
    return subprocess.run([*BASH, script], cwd=shop, env=environment, capture_output=True, text=True, check=False)


def as_github(shop: Path, **inputs: str) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
    """The action's step with its inputs filled in as the runner does."""
    (step,) = [each for each in ACTION["runs"]["steps"] if each.get("id") == "check"]
    given = {name: str(each.get("default", "")) for name, each in ACTION["inputs"].items()}
    given |= {"recommendations": "lists.csv", "items": "items.csv", **inputs}
    expression = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")
    env = {name: expression.sub(lambda found: given[found[1]], value) for name, value in step["env"].items()}
    done = run(
        shop, step["run"], **env, GITHUB_OUTPUT=str(shop / "output"), GITHUB_STEP_SUMMARY=str(shop / "summary.md")
    )
    written = (shop / "output").read_text().splitlines() if (shop / "output").exists() else []
    return done, dict(line.split("=", 1) for line in written)


def test_an_undecided_check_goes_on_only_where_an_input_says_so_and_leaves_everything(shop: Path) -> None:
    leave_ten_subjects(shop)
    done, outputs = as_github(shop, inconclusive="warn", baseline="lists.csv")

    assert done.returncode == 0, done.stderr
    assert outputs == {"exit-code": "3", "outcome": "inconclusive"}
    assert "does not decide; the job goes on because its input says so" in done.stdout
    assert ACTION["inputs"]["inconclusive"]["default"] == "fail"
    assert (shop / "summary.md").read_text().startswith("## ❓ Probity gate: inconclusive — lists.csv")
    assert "\n::error file=policies/fairness.yaml,line=8,title=documentaries (category = documentary)::" in done.stdout
    assert {path.name for path in (shop / "probity-gate").iterdir()} == {*FILES, "report.json"}
    assert "--baseline lists.csv" in json.loads((shop / "probity-gate" / "gate.json").read_text())["command"]
    stopped = re.search(r"^::stop-commands::(probity-[0-9a-f]{32})$", done.stdout, re.MULTILINE)
    assert stopped
    assert f"\n::{stopped[1]}::\n" in done.stdout


def leave_ten_subjects(shop: Path) -> None:
    lists = (shop / "lists.csv").read_text().splitlines(keepends=True)
    (shop / "lists.csv").write_text("".join(lists[:41]))


def test_a_fault_is_no_decision_an_input_no_command_and_an_earlier_run_not_this_one(shop: Path) -> None:
    (shop / "probity-gate").mkdir()
    for name in ("gate.json", "gate.md", "gate-annotations.txt"):
        (shop / "probity-gate" / name).write_text("of another day")

    done, outputs = as_github(shop, recommendations='$(touch pwned)"; touch pwned; "')

    assert done.returncode not in {0, 1, 3}
    assert outputs["outcome"] == "error"
    assert "of another day" not in done.stdout
    assert not (shop / "summary.md").exists()
    assert not (shop / "pwned").exists()
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"]


@pytest.mark.parametrize("code", [0, 1, 3])
def test_without_a_decisions_file_an_exit_code_is_no_verdict(shop: Path, code: int) -> None:
    (shop / "bin" / "probity").write_text(f"#!/bin/sh\nexit {code}\n")
    job = GITLAB["probity-gate"]

    done, outputs = as_github(shop, inconclusive="warn")
    gitlab = run(shop, job["script"][0], **{name: str(value) for name, value in job["variables"].items()})

    assert (done.returncode, outputs) == (4, {"exit-code": "4", "outcome": "error"})
    assert gitlab.returncode == 4


def test_both_templates_take_what_was_found_elsewhere_and_sign_what_they_decide(shop: Path) -> None:
    attacked = {"epsilon": 3.0, "delta": 1e-6, "lower_bound": 1.25, "confidence": 0.95, "attack": "canaries"}
    (shop / "attack.json").write_text(json.dumps({**attacked, "canaries": 4000, "model_digest": "ab" * 32}))
    pictures = ArtworkInput(impressions=shown(1, subjects=20), **catalogue())
    made = audit_artwork(pictures, config=ArtworkConfig(seed=1, provenance="metadata", replicates=200))
    (shop / "artwork.json").write_bytes(made.to_json())
    (shop / "keys").mkdir()
    key = run(shop, "probity gate key keys/gate.key --name https://ci.example/gate > attesters")
    assert key.returncode == 0, key.stderr
    variables = {name: str(value) for name, value in GITLAB["probity-gate"]["variables"].items()}
    verify = "probity attest verify {} --key attesters --subject lists.csv --policies policies --require vsa"

    inputs = {"attack": "attack.json", "artwork": "artwork.json", "sign-with": "keys/gate.key", "out": "keys"}
    done, outputs = as_github(shop, **inputs)
    (shop / "keys" / "gate.key").chmod(0o644)  # as GitLab's runner leaves a variable's file
    variables |= {"ATTACK": "attack.json", "ARTWORK": "artwork.json", "SIGN_WITH": "keys/gate.key"}
    variables |= {"TMPDIR": str(shop / "temporary")}
    (shop / "temporary").mkdir()
    gitlab = run(shop, GITLAB["probity-gate"]["script"][0], **variables)

    assert (done.returncode, gitlab.returncode, outputs["outcome"]) == (0, 0, "pass"), done.stderr + gitlab.stderr
    assert list((shop / "temporary").iterdir()) == []
    for folder in ("keys", "probity-gate"):
        decision = json.loads((shop / folder / "gate.json").read_text())
        assert decision["report"]["model"] == "ab" * 32
        assert [each["name"] for each in decision["rests_on"]] == ["attack", "artwork"]
        assert run(shop, verify.format(f"{folder}/gate.intoto.jsonl")).returncode == 0


INSTALLS = {
    "action": (ACTION["runs"]["steps"][0]["run"], "INSTALL"),
    "gitlab": (GITLAB["probity-gate"]["before_script"][0], "PROBITY"),
}


@pytest.mark.parametrize("template", INSTALLS)
@pytest.mark.parametrize(
    ("given", "code", "asked"),
    [
        ("", 2, ""),
        ("none", 0, ""),
        (
            "vendor/probity-0.1.0-py3-none-any.whl",
            0,
            "-m pip install --quiet -- vendor/probity-0.1.0-py3-none-any.whl\n",
        ),
        ("probity; touch pwned", 0, "-m pip install --quiet -- probity; touch pwned\n"),
    ],
)
def test_only_what_somebody_named_is_installed(shop: Path, template: str, given: str, code: int, asked: str) -> None:
    (shop / "bin" / "python").write_text('#!/bin/sh\necho "$*"\n')
    (shop / "bin" / "python").chmod(0o755)
    script, variable = INSTALLS[template]

    done = run(shop, script, **{variable: given})

    assert done.returncode == code
    assert (done.stdout == asked) or (code and "got nothing" in done.stdout + done.stderr)
    assert not (shop / "pwned").exists()


def test_no_template_installs_by_a_name_that_is_somebody_elses_unless_it_is_told_to() -> None:
    assert ACTION["inputs"]["install"]["required"] is True
    assert "default" not in ACTION["inputs"]["install"]
    assert GITLAB["probity-gate"]["variables"]["PROBITY"] == ""
    (step,) = [each for each in WORKFLOW["jobs"]["gate"]["steps"] if each.get("id") == "gate"]
    assert step["with"]["install"].endswith(".whl")
    shell = "".join(path.read_text() for path in CI.rglob("*") if path.is_file())
    assert not re.search(r"pip install (?!--quiet -- \"\$)", shell)


def test_gitlabs_job_fails_on_a_missed_limit_and_keeps_its_report(shop: Path) -> None:
    job = GITLAB["probity-gate"]
    write_policy(shop, 0.9)
    done = run(shop, job["script"][0], **{name: str(value) for name, value in job["variables"].items()})

    assert done.returncode == 1, done.stderr
    assert job["artifacts"]["when"] == "always"
    assert 'type="limit missed"' in (shop / job["artifacts"]["reports"]["junit"]).read_text()
    assert (shop / job["artifacts"]["paths"][0]).is_dir()
    assert "allow_failure" not in job


def test_the_hook_runs_what_the_page_runs_when_one_of_its_files_changes() -> None:
    (hook,) = PRE_COMMIT["repos"][0]["hooks"]

    assert {"id", "name", "entry", "language"} <= hook.keys()
    assert f"\n{hook['entry']} \\\n" in PAGE
    assert hook["pass_filenames"] is False
    for name in ("lists.csv", "items.csv", "policies/fairness.yaml"):
        assert re.search(hook["files"], name)
    assert not re.search(hook["files"], "lists_csv")


@pytest.mark.parametrize(
    ("document", "published"),
    [(ACTION, "github-action"), (WORKFLOW, "github-workflow"), (GITLAB, "gitlab-ci")],
    ids=["action", "workflow", "gitlab"],
)
def test_each_file_has_the_published_structure(document: Any, published: str) -> None:  # noqa: ANN401 - YAML
    # YAML 1.1 reads the key `on` as true.
    plain = json.loads(json.dumps({"on" if key is True else key: value for key, value in document.items()}))

    assert list(jsonschema.Draft7Validator(schema(published)).iter_errors(plain)) == []


def test_the_published_structure_refuses_what_is_none() -> None:
    assert list(jsonschema.Draft7Validator(schema("github-action")).iter_errors({**ACTION, "runs": {"using": "magic"}}))
    broken = {"probity-gate": {**GITLAB["probity-gate"], "artifacts": {"when": "sometimes"}}}
    assert list(jsonschema.Draft7Validator(schema("gitlab-ci")).iter_errors(broken))


GH = """\
#!/usr/bin/env bash
# Stands in for the host: keeps one comment, and what was asked of it.
echo "$*" >> "$LOG"
case "$*" in
  *--paginate*) cat "$COMMENTS" ;;
esac
"""


@pytest.mark.parametrize(
    ("comments", "asked"), [("", "POST repos/o/r/issues/7/comments"), ("5\n9\n", "PATCH repos/o/r/issues/comments/9")]
)
def test_one_comment_is_made_once_and_then_replaced(shop: Path, comments: str, asked: str) -> None:
    (shop / "bin" / "gh").write_text(GH)
    (shop / "bin" / "gh").chmod(0o755)
    (shop / "comment.md").write_text("<!-- probity-gate -->\nwords\n")
    (shop / "comments").write_text(comments)
    env = {"LOG": str(shop / "log"), "COMMENTS": str(shop / "comments"), "GITHUB_REPOSITORY": "o/r"}

    done = run(shop, f"{CI / 'github' / 'comment.sh'} 7 comment.md", **env)

    assert done.returncode == 0, done.stderr
    look_up, change = (shop / "log").read_text().splitlines()
    assert 'startswith("<!-- probity-gate -->")' in look_up
    assert change == f"api --silent --method {asked} --field body=@comment.md"


def test_the_page_about_ci_does_what_it_says(shop: Path) -> None:
    blocks = re.findall(r"^```sh exits=0\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    done = run(shop, "\n".join(blocks))

    assert len(blocks) == PAGE.count("```sh") == 2
    assert done.returncode == 0, done.stderr
    assert "all that was asked holds" in done.stdout
    formats = re.findall(r"^\| `([a-z-]+)` \| `([a-zA-Z.-]+)` \|", PAGE, re.MULTILINE)
    assert {file for _, file in formats} == FILES
    assert set(formats) == {(each.slug, each.file) for each in OUTPUTS if each.file in FILES}
    made = {path.name for folder in ("probity-gate", "probity-signed") for path in (shop / folder).iterdir()}
    assert FILES - made == set()
