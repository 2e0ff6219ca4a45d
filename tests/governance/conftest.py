"""A migrated control database for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from governance.database import create_engine_for, migrate, transaction
from governance.policy.policies import load_policies
from governance.resources import migrations_dir, policies_dir
from tests.governance.builders import Build


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
def session(engine: Engine) -> Iterator[Session]:
    with transaction(engine) as session:
        yield session


@pytest.fixture
def postgres_engine(postgres_url: str) -> Iterator[Engine]:
    migrate(postgres_url, migrations_dir("control"))
    engine = create_engine_for(postgres_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def build() -> Build:
    return Build(load_policies(policies_dir()))
