"""What tests of several packages share: a control database of their own, on SQLite or a private PostgreSQL server."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import Engine, create_engine

from governance.database import create_engine_for, migrate
from governance.resources import migrations_dir

SYSTEM_USERS = ("postgres", "nobody")
"""initdb refuses to run as root; the server then runs as the first of these that exists."""

# `make test` is run many times a day, and CI draws as many examples as the library would.
settings.register_profile("quick", max_examples=30)
settings.load_profile(os.environ.get("PROBITY_EXAMPLES", "quick"))

_numbers = count()

LONGEST = ("docs", "test_demo_on_sample.py", "test_demo_on_movielens.py", "test_wheel.py", "test_servers.py")
"""Folders and files whose tests take minutes: begun last, one worker would still be at them when the other is done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the order within a file stays."""
    items.sort(key=lambda item: not any(part in LONGEST for part in item.path.parts))


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found is not None:
        return Path(found).resolve().parent
    return installed[-1].parent if installed else None


def _as_server_user(folder: Path) -> list[str]:
    """What to put before a command so that it does not run as root; gives the folder to that user."""
    if os.geteuid() != 0:
        return []
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    user = next(name for name in SYSTEM_USERS if name in known)
    shutil.chown(folder, user)
    return ["runuser", "-u", user, "--"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of an empty server, up to the name of a database. It listens on a socket in a private folder only."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's initdb is not installed on this machine")
    # Not below pytest's own folder: that is closed to the user who runs the server.
    folder = Path(tempfile.mkdtemp(prefix="probity-pg-"))
    prefix = _as_server_user(folder)
    data, log = str(folder / "data"), str(folder / "log")
    # Nothing here survives the session, so nothing is synchronised to disk.
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=40"

    def server(*arguments: str) -> None:
        command = [*prefix, *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr + done.stdout

    server(str(binaries / "initdb"), "-D", data, "-U", "probity", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
    server(str(binaries / "pg_ctl"), "-D", data, "-l", log, "-o", options, "-w", "-s", "start")
    try:
        yield f"postgresql+psycopg://probity@/{{}}?host={folder}"
    finally:
        server(str(binaries / "pg_ctl"), "-D", data, "-m", "immediate", "-w", "-s", "stop")
        shutil.rmtree(folder)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of a database made for this test, dropped after it."""
    name = f"test_{next(_numbers)}"
    admin = create_engine(postgres_server.format("postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"create database {name}")
    yield postgres_server.format(name)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"drop database {name} with (force)")
    admin.dispose()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty control database with every migration, to be copied."""
    path = tmp_path_factory.mktemp("control") / "control.db"
    migrate(f"sqlite:///{path}", migrations_dir("control"))
    return path


@pytest.fixture
def engine(migrated: Path, tmp_path: Path) -> Iterator[Engine]:
    """A control database on SQLite for this test."""
    shutil.copy(migrated, tmp_path / "control.db")
    engine = create_engine_for(f"sqlite:///{tmp_path / 'control.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_engine(postgres_url: str) -> Iterator[Engine]:
    """A control database on PostgreSQL for this test."""
    migrate(postgres_url, migrations_dir("control"))
    engine = create_engine_for(postgres_url)
    yield engine
    engine.dispose()
