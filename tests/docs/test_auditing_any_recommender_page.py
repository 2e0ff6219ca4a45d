"""The page about auditing any recommender runs from top to bottom, and its table of layouts is the registry's."""

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from audits.sources import FORMATS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "auditing-any-recommender.md"


@pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")  # Ibis calls DuckDB by an older name
@pytest.mark.large
def test_the_page_runs_from_two_files_to_a_table_in_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "probity"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m governance.cli "$@"\n')
    program.chmod(0o755)
    env = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    monkeypatch.chdir(tmp_path)
    printed = []
    for language, block in re.findall(r"^```(sh|python)\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        if language == "sh":
            command = ["bash", "-euo", "pipefail", "-c", block]
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{block}\n{done.stderr[-3000:]}"
            printed.append(done.stdout)
        else:
            with contextlib.redirect_stdout(io.StringIO()) as told:
                exec(compile(block, PAGE.name, "exec"), {})  # noqa: S102 - our own page
            printed.append(told.getvalue())

    gate, report, generations, run, rows = printed
    assert "pass" in gate
    assert gate == run
    assert re.search(r"documentary 0\.\d+ from 0\.\d+ to 0\.\d+", report)
    assert rows == "800\n"
    assert re.search(r"finished .* pass ", generations)
    assert '"churn"' in (tmp_path / "drift.json").read_text()


def test_the_table_of_layouts_names_every_format_and_suffix() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    named = {word for row in rows for word in re.findall(r"`([.a-z_]+)`", row)}

    assert {each.slug for each in FORMATS} <= named
    assert {suffix for each in FORMATS for suffix in each.suffixes} <= named
