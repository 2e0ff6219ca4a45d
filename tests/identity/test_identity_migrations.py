import stat
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, text

from pseudonymisation.errors import StaleVault, VaultError
from pseudonymisation.vault import create_vault_engine, require_current, vault_migrate

TABLES = {"subject", "identifier", "pseudonym_index", "erasure", "alembic_version"}


def _config(url: str, scripts: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def test_the_migrations_build_exactly_the_tables_of_the_code(vault_url: str, scripts: Path) -> None:
    vault_migrate(vault_url, scripts)
    engine = create_vault_engine(vault_url)

    assert set(inspect(engine).get_table_names()) == TABLES
    command.check(_config(vault_url, scripts))
    require_current(engine, scripts)
    engine.dispose()


def test_every_constraint_has_the_name_that_the_convention_gives(vault_url: str, scripts: Path) -> None:
    vault_migrate(vault_url, scripts)
    engine = create_vault_engine(vault_url)
    inspector = inspect(engine)
    tables = TABLES - {"alembic_version"}

    assert {inspector.get_pk_constraint(table)["name"] for table in tables} == {f"pk_{table}" for table in tables}
    assert [key["name"] for key in inspector.get_foreign_keys("identifier")] == ["fk_identifier_subject_id_subject"]
    assert [key["name"] for key in inspector.get_unique_constraints("erasure")] == ["uq_erasure_commitment"]
    engine.dispose()


def test_the_history_goes_back_and_forth(vault_url: str, scripts: Path) -> None:
    vault_migrate(vault_url, scripts)
    command.downgrade(_config(vault_url, scripts), "base")
    engine = create_vault_engine(vault_url)

    assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    vault_migrate(vault_url, scripts)
    vault_migrate(vault_url, scripts)
    require_current(engine, scripts)
    engine.dispose()


def test_a_vault_behind_its_migrations_is_refused_with_what_to_do(vault_url: str, scripts: Path) -> None:
    vault_migrate(vault_url, scripts)
    engine = create_vault_engine(vault_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))

    with pytest.raises(StaleVault, match="is at revision 0000, expected 0001: run `probity init`"):
        require_current(engine, scripts)
    engine.dispose()


def test_a_vault_that_was_never_made_is_refused_with_what_to_do(tmp_path: Path, scripts: Path) -> None:
    empty = create_vault_engine(f"sqlite:///{tmp_path}/empty.db")
    nowhere = create_vault_engine(f"sqlite:///{tmp_path}/none/vault.db")

    with pytest.raises(StaleVault, match="is at revision none, expected 0001: run `probity init`"):
        require_current(empty, scripts)
    with pytest.raises(VaultError, match="cannot be opened: run `probity init`"):
        require_current(nowhere, scripts)
    empty.dispose()
    nowhere.dispose()


def test_another_kind_of_database_is_refused_and_its_password_not_shown() -> None:
    with pytest.raises(VaultError) as refusal:
        create_vault_engine("mysql://probity:hunter2@db/vault")

    assert str(refusal.value) == "vault.url: expected sqlite:// or postgresql+psycopg://, got mysql://"


def test_only_its_owner_may_read_the_file_and_its_log(sqlite_url: str, scripts: Path, tmp_path: Path) -> None:
    vault_migrate(sqlite_url, scripts)
    engine = create_vault_engine(sqlite_url)

    with engine.begin() as connection:
        connection.execute(text("DELETE FROM subject WHERE kek_version = 0"))
        connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
        files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}

    assert files == {"vault.db": 0o600, "vault.db-wal": 0o600, "vault.db-shm": 0o600}
    engine.dispose()


def test_errors_of_the_database_show_no_value(sqlite_url: str, scripts: Path) -> None:
    vault_migrate(sqlite_url, scripts)
    engine = create_vault_engine(sqlite_url)

    with pytest.raises(Exception, match="SQL parameters hidden") as refusal, engine.begin() as connection:
        connection.execute(text("INSERT INTO subject (subject_id) VALUES (:canary)"), {"canary": "canary@example.org"})

    assert "canary@example.org" not in str(refusal.value)
    engine.dispose()
