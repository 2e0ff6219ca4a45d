"""Vaults to test on: SQLite in a folder, and a private PostgreSQL server."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pseudonymisation.keyring import Keyring, generate_keyring
from pseudonymisation.vault import Vault, create_vault_engine, vault_migrate

SCRIPTS = Path(__file__).parents[2] / "migrations" / "vault"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

OpenVault = Callable[..., Vault]
"""Opens the test's database once more, as another process would: ``open_vault(keyring=…, entropy=…)``."""


@pytest.fixture
def scripts() -> Path:
    return SCRIPTS


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/vault.db"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def vault_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def keyring() -> Keyring:
    return generate_keyring()


def _opener(url: str, keyring: Keyring) -> Iterator[OpenVault]:
    vault_migrate(url, SCRIPTS)
    engines = []

    def open_vault(keyring: Keyring = keyring, **options: object) -> Vault:
        engines.append(create_vault_engine(url))
        return Vault(engines[-1], keyring, lambda: NOON, **options)

    yield open_vault
    for engine in engines:
        engine.dispose()


@pytest.fixture
def open_vault(vault_url: str, keyring: Keyring) -> Iterator[OpenVault]:
    """On both databases, one after the other."""
    yield from _opener(vault_url, keyring)


@pytest.fixture
def open_sqlite_vault(sqlite_url: str, keyring: Keyring) -> Iterator[OpenVault]:
    yield from _opener(sqlite_url, keyring)


@pytest.fixture
def vault(open_vault: OpenVault) -> Vault:
    return open_vault()
