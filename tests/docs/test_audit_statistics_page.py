"""The page on how certain audits are runs, and prints what it says."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from governance.cli.main import build

PAGE = (Path(__file__).parents[2] / "docs" / "audit-statistics.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "docs/audit-statistics.md", "exec"), names)  # noqa: S102 - our own page
    return names


def test_the_example_suppresses_both_groups_and_states_its_guarantee(example: dict[str, Any]) -> None:
    release = example["release"]

    assert [each.group for each in example["outside"].select("ndcg")] == [None, "suppressed"]
    assert (len(release.figures), release.guarantee.neighbours) == (5, "one subject more or less")
    assert release.guarantee.epsilon == 1.0


def test_the_command_writes_a_page_that_marks_both_groups(
    example: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    program, *words = shlex.split(block)
    monkeypatch.chdir(tmp_path)
    Path("verdict").mkdir()
    Path("verdict/report.json").write_bytes(example["run"](example["given"], config=example["config"]).to_json())
    build(words)(words, standalone_mode=False)
    page = Path("audit.md").read_text(encoding="utf-8")

    assert program == "probity"
    assert "A figure that rests on fewer than 20 subjects is suppressed." in page
    assert "| group = suppressed | ▒ suppressed |" in page
