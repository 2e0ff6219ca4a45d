"""The page about mitigation does what it says, from an empty folder."""

import ast
import sys
from pathlib import Path

import pytest

from audits.mitigation.online import CONTROLLERS
from audits.mitigation.report import MitigationReport
from governance.cli.mitigate import Method
from tests.docs.test_documented_commands import DOCS, Shell, blocks, script

PAGE = DOCS / "mitigation.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A folder after the page's commands."""
    shell = Shell(tmp_path_factory.mktemp("mitigation"))
    shell.run(script(PAGE))
    return shell


def test_scores_in_files_become_prices_that_serving_loads(folder: Shell) -> None:
    example, _ = blocks(PAGE, "python")
    printed = folder.run(f"{sys.executable} - <<'END'\n{example}\nEND")

    assert ast.literal_eval(printed) == {"documentary": 0.3, "film": 0.0}
    assert (folder.folder / "report.html").read_text().count("<svg") == 1
    assert not (folder.folder / "home").exists()


def test_serving_with_a_controller_goes_on_from_its_state_and_holds_the_limits(folder: Shell) -> None:
    _, example = blocks(PAGE, "python")
    printed = folder.run(f"{sys.executable} - <<'END'\n{example}\nEND")
    lists, _, documentary, _, _ = printed.split()

    # A floor of 0.8 times a quarter of the catalogue.
    assert lists == "300"
    assert 0.2 <= float(documentary) < 0.22
    assert (folder.folder / "online.html").read_text().count("<polyline") == 4


def test_lists_are_written_for_all_subjects_and_the_gate_takes_them(folder: Shell) -> None:
    report = MitigationReport.from_json((folder.folder / "diverse.json").read_bytes())
    lists = (folder.folder / "calibrated.csv").read_text().splitlines()

    assert len(lists) == 1 + 300 * 5
    assert report.reranked is not None
    assert (report.reranked.option, report.reranked.strength, report.certificate) == ("diverse", 0.3, None)
    page = (folder.folder / "calibrated.html").read_text()
    assert "have no history: their lists are as they were" in page


def test_what_the_page_calls_by_name_exists() -> None:
    text = PAGE.read_text()
    names = [*(name for name, _ in CONTROLLERS), "calibrated", "diverse", "prices", "online"]

    assert all(f"`{name}`" in text for name in names)
    assert {method.value for method in Method} < set(names)
    assert Path("benchmarks/mitigation.py").name in text
    assert {"utility", "exposure", "certificate"} <= set(MitigationReport.__dataclass_fields__)
