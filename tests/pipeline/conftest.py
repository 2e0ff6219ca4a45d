"""The command line, run inside the test process: quick, and exactly what a shell would get."""

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from governance.cli.main import main

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
