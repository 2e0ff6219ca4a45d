"""The command line, run inside the test process: quick, and exactly what a shell would get."""

import io
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from governance.cli.main import main
from governance.clock import system_clock
from governance.pipeline.home import Home, open_home
from governance.settings import load_settings
from tests.pipeline.summed import make_summed

SHARED = Path(__file__).parents[3] / "shared" / "data"


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def probity(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object, given: str = "", env: dict[str, str] | None = None) -> Ran:
        monkeypatch.setattr(sys, "argv", ["probity", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        for name, value in (env or {}).items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run


@pytest.fixture
def small_service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated service of 300 subjects and 120 titles."""
    from pseudonymisation.sources.sample import SampleSettings, write_sample

    folder = tmp_path_factory.mktemp("service") / "sample"
    write_sample(folder, SampleSettings(subjects=300, titles=120))
    return folder


@pytest.fixture(scope="session")
def kept_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home that keeps the sums behind its one release; an engineer's token."""
    return make_summed(tmp_path_factory.mktemp("once"))


@pytest.fixture
def keeping(kept_once: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A copy of that home for one test."""
    shutil.copytree(kept_once[0], tmp_path / "home")
    monkeypatch.setenv("PROBITY_TOKEN", kept_once[1])
    opened = open_home(load_settings(tmp_path / "home"), clock=system_clock)
    yield opened
    opened.engine.dispose()
