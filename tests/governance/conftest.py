"""A vault, policies and a house for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from governance.database import transaction
from governance.policy.policies import load_policies
from governance.resources import migrations_dir, policies_dir
from pseudonymisation.keyring import generate_keyring
from pseudonymisation.vault import Vault, create_vault_engine, vault_migrate
from tests.governance.builders import Build
from tests.governance.gate_files import gate, lists  # noqa: F401 - fixtures
from tests.governance.house import House, make_house


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with transaction(engine) as session:
        yield session


@pytest.fixture(scope="session")
def build() -> Build:
    return Build(load_policies(policies_dir()))


@pytest.fixture(scope="session")
def empty_vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vault") / "vault.db"
    vault_migrate(f"sqlite:///{path}", migrations_dir("vault"))
    return path


@pytest.fixture
def vault(empty_vault: Path, build: Build, tmp_path: Path) -> Iterator[Vault]:
    shutil.copy(empty_vault, tmp_path / "vault.db")
    engine = create_vault_engine(f"sqlite:///{tmp_path / 'vault.db'}")
    yield Vault(engine, generate_keyring(), build.clock)
    engine.dispose()


@pytest.fixture
def house(engine: Engine, vault: Vault, build: Build, tmp_path: Path) -> House:
    return make_house(engine, vault, build, tmp_path)
