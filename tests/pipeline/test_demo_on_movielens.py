"""The same path on published interactions."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"


def _demo(home: Path, data: Path) -> str:
    command = [sys.executable, "-m", "governance.cli", "demo", "--home", str(home), "--data", str(data)]
    env = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.skipif(not (SHARED / "ml-100k").is_dir(), reason="MovieLens 100K may not be redistributed and is not here")
def test_the_whole_path_holds_on_movielens_100k(tmp_path: Path) -> None:
    story = _demo(tmp_path / "home", SHARED / "ml-100k")

    assert re.search(r"rating events written\s*│\s*9[0-9],\d{3}", story)
    assert "The vault no longer knows this account" in story
    assert "verification says" in story


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "ml-1m").is_dir(), reason="MovieLens 1M may not be redistributed and is not here")
def test_the_whole_path_holds_on_movielens_1m(tmp_path: Path) -> None:
    story = _demo(tmp_path / "home", SHARED / "ml-1m")

    assert re.search(r"events received\s*│\s*1,000,209", story)
    assert "not applicable: european-works" in story
    assert "The gate's decision: pass" in story
    assert "The vault no longer knows this account" in story
