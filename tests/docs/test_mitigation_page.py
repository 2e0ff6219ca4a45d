"""The page about mitigation does what it says, from an empty folder."""

import ast
import sys
from pathlib import Path

import pytest

from audits.mitigation_report import MitigationReport
from tests.docs.test_documented_commands import DOCS, Shell, blocks, script

PAGE = DOCS / "mitigation.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A folder after the page's commands."""
    shell = Shell(tmp_path_factory.mktemp("mitigation"))
    shell.run(script(PAGE))
    return shell


def test_scores_in_files_become_prices_that_serving_loads(folder: Shell) -> None:
    (example,) = blocks(PAGE, "python")
    printed = folder.run(f"{sys.executable} - <<'END'\n{example}\nEND")

    assert ast.literal_eval(printed) == {"documentary": 0.3, "film": 0.0}
    assert (folder.folder / "report.html").read_text().count("<svg") == 1
    assert not (folder.folder / "home").exists()


def test_what_the_page_calls_by_name_exists() -> None:
    import audits.online
    import audits.reranking

    text = PAGE.read_text()
    for module, names in (
        (audits.online, ("owed", "penalty")),
        (audits.reranking, ("calibrated", "marginally_relevant")),
    ):
        assert all(hasattr(module, name) and f"`{name}`" in text for name in names)
    assert Path("benchmarks/mitigation.py").name in text
    assert {"utility", "exposure", "certificate"} <= set(MitigationReport.__dataclass_fields__)
