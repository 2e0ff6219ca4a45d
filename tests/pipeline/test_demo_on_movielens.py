"""The same path on published interactions."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"


def _demo(arguments: list[str], folder: Path) -> str:
    command = [sys.executable, "-m", "governance.cli", "demo", *arguments]
    env = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.large
@pytest.mark.skipif((SHARED / "ml-1m").is_dir(), reason="the larger set walks the same path")
@pytest.mark.skipif(not (SHARED / "ml-100k").is_dir(), reason="MovieLens 100K may not be redistributed and is not here")
def test_the_whole_path_holds_on_movielens_100k(tmp_path: Path) -> None:
    story = _demo(["--home", "home", "--data", str(SHARED / "ml-100k")], tmp_path)

    assert re.search(r"rating events written\s*│\s*9[0-9],\d{3}", story)
    assert "The vault no longer knows this account" in story
    assert "verification says" in story


@pytest.mark.large
@pytest.mark.skipif(not (SHARED / "ml-1m").is_dir(), reason="MovieLens 1M may not be redistributed and is not here")
def test_the_readmes_command_walks_the_whole_path_on_movielens_1m(tmp_path: Path) -> None:
    (line,) = re.findall(r"^\.venv/bin/probity demo (.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    (tmp_path / "data").symlink_to(SHARED)

    story = _demo(line.split(), tmp_path)

    assert re.search(r"events received\s*│\s*1,000,209", story)
    assert "not applicable: european-works" in story
    assert "The gate's decision: pass" in story
    assert "The vault no longer knows this account" in story
