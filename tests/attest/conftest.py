"""A migrated control database for each test, and a log on it."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from governance.database import create_engine_for, migrate
from governance.resources import migrations_dir
from tests.attest.attest_examples import ATTESTER
from tests.attest.attested_log import Log


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("control") / "control.db"
    migrate(f"sqlite:///{path}", migrations_dir("control"))
    return path


@pytest.fixture
def engine(migrated: Path, tmp_path: Path) -> Iterator[Engine]:
    shutil.copy(migrated, tmp_path / "control.db")
    engine = create_engine_for(f"sqlite:///{tmp_path / 'control.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_engine(postgres_url: str) -> Iterator[Engine]:
    migrate(postgres_url, migrations_dir("control"))
    engine = create_engine_for(postgres_url)
    yield engine
    engine.dispose()


@pytest.fixture
def log(engine: Engine, tmp_path: Path) -> Log:
    return Log(engine, replace(ATTESTER, folder=tmp_path / "attestations"), tmp_path / "ledger")
