"""The page on how certain audits are runs, and prints what it says."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "audit-statistics.md").read_text(encoding="utf-8")


def test_the_example_suppresses_both_groups_and_states_its_guarantee(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    exec(compile(example, "docs/audit-statistics.md", "exec"), {})  # noqa: S102 - our own page

    assert capsys.readouterr().out.splitlines() == [
        "[None, 'suppressed']",
        "5 figures; one subject more or less 1.0",
    ]
