"""Every command in the README and in docs/ is run, as it stands there.

A block that begins ```sh exits=1 has to end with that exit code (exits=0,3: with one of them): so a page shows a
refusal, and nothing stands behind the command that would turn it into success where it is copied.
"""

import json
import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from typer.main import get_command

from audits.mitigation.report import MitigationReport
from governance.cli.main import build
from governance.policy.loader import parse
from governance.policy.rules import FairnessPolicy
from recommender.price_file import load_prices

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def script(path: Path) -> str:
    """All commands of a page in order; it fails where a block does not end with the exit code that the page says."""
    fenced = re.compile(r"^```sh(?: exits=([\d,]+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)
    found = fenced.findall(path.read_text(encoding="utf-8"))
    ended = "code=0\n({block}) || code=$?\n[[ ,{code}, == *,$code,* ]]\n"
    return "\n".join(ended.format(block=block, code=code) if code else block for code, block in found)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> "Shell":
    return Shell(tmp_path_factory.mktemp("docs"))


class Shell:
    """Runs blocks of a page in one folder, with `probity` on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        programs = folder / "bin"
        programs.mkdir()
        (programs / "probity").write_text(f'#!/bin/sh\nexec {sys.executable} -m governance.cli "$@"\n')
        (programs / "probity").chmod(0o755)
        self.env = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PROBITY_HOME": str(folder / "home"),
        }

    def run(self, script: str, **env: str) -> str:
        command = ["bash", "-euo", "pipefail", "-c", script]
        done = subprocess.run(
            command, cwd=self.folder, env={**self.env, **env}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{script}\n{done.stderr[-3000:]}"
        return done.stdout


@pytest.fixture(scope="module")
def walked(shell: Shell) -> Shell:
    """A home after the engineer's page."""
    shell.run(script(DOCS / "engineer.md"))
    return shell


@pytest.mark.large
def test_the_engineers_page_runs_from_an_empty_folder_to_a_priced_model(walked: Shell) -> None:
    models = json.loads(walked.run("probity models --json"))

    assert [model["kind"] for model in models if model["priced"] == "yes"] == ["ease"]


@pytest.mark.large
def test_the_ledger_names_the_price_file_and_its_report_by_what_lies_below_the_home(walked: Shell) -> None:
    entries = json.loads(walked.run("probity ledger list --kind registry.model_registered --json"))
    (body,) = (entry["body"] for entry in entries if entry["body"]["prices"])
    prices = walked.folder / "home" / "prices" / f"{body['model']}.json"

    assert load_prices(prices, expected_digest=body["price_file"]).unit == "relative score"
    report = prices.with_suffix(".report.json").read_bytes()
    assert sha256(report).hexdigest() == body["mitigation_report"]
    assert MitigationReport.from_json(report).fitted_on == "1,500 synthetic subjects"


@pytest.mark.large
def test_the_reviewers_page_exports_a_log_that_verifies(walked: Shell) -> None:
    shown = walked.run("\n".join(blocks(DOCS / "reviewer.md", "sh")))

    assert "older checkpoints" in shown
    assert "none is left out" in shown or "up to the signed end of the log" in shown
    assert (walked.folder / "first-entry.tlog-proof").read_text().startswith("c2sp.org/tlog-proof@v1\n")


@pytest.mark.large
def test_the_operators_page_publishes_and_checks(walked: Shell) -> None:
    assert "probity.example/ledger+" in walked.run("\n".join(blocks(DOCS / "operator.md", "sh")))


@pytest.mark.large
def test_the_subjects_page_hands_over_a_package_and_then_a_certificate(walked: Shell) -> None:
    tokens = {
        "FRONTEND_TOKEN": walked.run("probity access add Frontend --role frontend").strip(),
        "OFFICER_TOKEN": walked.run("probity access add Officer --role officer").strip(),
        "ACCOUNT": _account(walked.folder / "service" / "events.ndjson"),
    }

    shown = walked.run("\n".join(blocks(DOCS / "subjects.md", "sh")), **tokens)

    assert "left: 0" in shown
    assert "subject_asked" in walked.run("probity ledger list --kind evidence.opened --json")
    assert {"access.html", "access.json"} <= {path.name for path in (walked.folder / "mine").iterdir()}


@pytest.mark.large
def test_the_gates_page_runs_in_a_folder_with_nothing_but_two_tables(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shown = shell.run(script(DOCS / "gate.md"))
    (exceptions,) = blocks(DOCS / "gate.md", "yaml")
    policy = (tmp_path / "fairness.yaml").read_text() + exceptions
    (waiver,) = parse(policy.encode(), Path("fairness.yaml"), FairnessPolicy).value.waivers

    assert "pass" in shown
    assert "exposure-gini" in shown
    assert (waiver.rule, waiver.approver) == ("exposure-ratio-category-documentary", "Bob Example")
    assert not (tmp_path / "home").exists()


def test_no_page_turns_a_refusal_into_success() -> None:
    excused = re.compile(r"^.*\|\| *(?:test|true|:|\[|echo).*$", re.MULTILINE)
    for page in (ROOT / "README.md", *sorted(DOCS.glob("*.md"))):
        assert excused.findall(page.read_text(encoding="utf-8")) == []


def test_a_block_that_does_not_exit_as_the_page_says_is_found(shell: Shell, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    for code in (0, 1, 3):
        page.write_text(f"```sh\nA={code}\n```\n\n```sh exits=1,3\nexit $A\n```\n")
        if code:
            assert shell.run(script(page)) == ""
        else:
            with pytest.raises(AssertionError):
                shell.run(script(page))


def test_every_python_example_prints_what_it_should(shell: Shell) -> None:
    (example,) = blocks(DOCS / "engineer.md", "python")

    assert float(shell.run(f"{sys.executable} - <<'END'\n{example}\nEND")) == pytest.approx(0.19342640361727081)


def test_every_make_target_in_the_readme_exists() -> None:
    targets = re.findall(r"^make (\w+)", "\n".join(blocks(ROOT / "README.md", "sh")), re.MULTILINE)

    assert {"demo", "test", "serve", "check", "bench"} <= set(targets)
    for target in targets:
        dry = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert dry.returncode == 0, dry.stderr


def test_every_probity_command_in_the_pages_text_exists() -> None:
    pages = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
    named = {
        match for page in pages for match in re.findall(r"`probity ([a-z][a-z-]*(?: [a-z][a-z-]*)?)", page.read_text())
    }
    program = get_command(build())
    for command in sorted(named):
        found: object = program
        for word in command.split():
            if not hasattr(found, "commands"):  # a command, and not a group of them: what follows is its argument
                break
            assert word in found.commands, command
            found = found.commands[word]


def _account(events: Path) -> str:
    with events.open("rb") as lines:
        for line in lines:
            try:
                event = json.loads(line)
                if event["kind"] == "rating":
                    return str(event["subject"]["account_id"])
            except (ValueError, KeyError):
                continue
    msg = "the sample has no rating"
    raise AssertionError(msg)
