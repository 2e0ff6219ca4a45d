"""The pages on artwork and on feedback loops run, each block with the exit code that the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture
def run(tmp_path: Path) -> "Runner":
    return Runner(tmp_path)


class Runner:
    """Runs a page's blocks in an empty folder, with `probity` on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "bin" / "probity"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m governance.cli "$@"\n')
        program.chmod(0o755)
        self.env = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    def page(self, name: str) -> list[str]:
        """What each block prints."""
        fenced = re.compile(r"^```sh(?: exits=(\d+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)
        return [self._block(block, int(code or 0)) for code, block in fenced.findall((DOCS / name).read_text())]

    def _block(self, block: str, code: int) -> str:
        command = ["bash", "-euo", "pipefail", "-c", block]
        done = subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"{block}\n{done.stderr[-3000:]}"
        return done.stdout


def test_the_page_on_artwork_finds_the_friend_who_is_shown_as_the_lead(run: Runner) -> None:
    shown, judged, decided = run.page("artwork.md")

    assert re.search(r"Cohort cluster 1: images of woman are shown in 3\d\.\d points more", shown)
    assert "Cohort cluster 0: images" not in shown
    assert "Artwork: fail" in judged
    assert re.search(r"exploration_floor .* fail ", judged)
    assert "<svg" in (run.folder / "artwork.html").read_text()
    said = " ".join(decided.split())
    assert "Gate: fail, may not ship" in said
    assert re.search(r"image = woman, cohort = cluster 1 is 0\.3\d\d above the target", said)
    assert re.search(r"chance that an eligible image has of being shown to some cohort is \d\.\d %", said)


def test_the_page_on_loops_simulates_a_function_in_the_folder(run: Runner) -> None:
    (shown,) = run.page("feedback-loops.md")

    assert "mine:neighbours: mean over 4 seeds" in shown
    assert "beyond random lists" in shown
    assert "<svg" in (run.folder / "loop.html").read_text()
    assert not (run.folder / "home").exists()
