"""The wheel carries all that the code reads at run time, and runs far from the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-q",
        "-w",
        str(folder),
        str(ROOT),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("probity-*.whl"))


def test_policies_templates_and_migrations_travel_with_it(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    for wanted in (
        "governance/_shipped/policies/fairness.yaml",
        "governance/_shipped/migrations/control/env.py",
        "governance/_shipped/migrations/vault/env.py",
        "governance/web/templates/base.html",
        "governance/web/static/console.css",
        "audits/templates/report.html.j2",
        "pseudonymisation/templates/access.html",
    ):
        assert wanted in names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "migrations/", "policies/"))]


@pytest.mark.slow
def test_installed_elsewhere_it_runs_the_demo(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    env = {**os.environ, "PYTHONPATH": str(site)}
    where = "import governance; print(governance.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", where], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )

    command = [sys.executable, "-m", "governance.cli", "demo", "--home", "home", "--subjects", "600"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    assert found.stdout.startswith(str(site))
    assert done.returncode == 0, done.stderr[-2000:]
    assert "verification says" in done.stdout
