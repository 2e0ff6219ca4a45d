"""The wheel carries all that the code reads at run time, and runs far from the checkout."""

import ast
import os
import re
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
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


@pytest.mark.large
def test_installed_elsewhere_its_script_runs_the_demo(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, capture_output=True, text=True, check=True)
    env = {**os.environ, "PYTHONPATH": str(site)}
    where = [sys.executable, "-c", "import governance; print(governance.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)

    command = [str(site / "bin" / "probity"), "demo", "--home", "home", "--subjects", "600"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    assert found.stdout.startswith(str(site))
    assert done.returncode == 0, done.stderr[-2000:]
    assert "verification says" in done.stdout


def test_every_package_that_is_imported_is_declared(wheel: Path) -> None:
    metadata = zipfile.ZipFile(wheel).read("probity-0.1.0.dist-info/METADATA").decode()
    found = re.findall(r"^Requires-Dist: ([A-Za-z0-9._-]+)(?:.*extra == '(\w+)')?", metadata, re.MULTILINE)
    wanted = [name for name, extra in found if extra != "dev"]
    declared = {name.lower().replace("_", "-") for name in wanted}
    ours = {"governance", "pseudonymisation", "audits", "recommender"}
    brought_by = packages_distributions()

    imported = {name for package in ours for path in (ROOT / package).rglob("*.py") for name in _imports(path)}
    foreign = {name for name in imported - ours if name not in sys.stdlib_module_names}
    undeclared = {
        name
        for name in foreign
        if not {each.lower().replace("_", "-") for each in brought_by.get(name, [name])} & declared
    }

    assert undeclared == set()


def _imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names
