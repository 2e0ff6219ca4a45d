from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, insert, inspect, text
from sqlalchemy.exc import DatabaseError

from governance.budget.events import BudgetReadingBegun
from governance.database import Base, create_engine_for, migrate, require_current, transaction
from governance.errors import ConfigurationError, StaleDatabase
from governance.ledger.check import Checked, check_database
from governance.ledger.entry import decode_entry, encode_entry
from governance.ledger.note import LedgerSigner
from governance.ledger.search import Filter, search
from governance.ledger.store import append
from governance.ledger.tables import LedgerEntry
from governance.resources import migrations_dir

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
NOTICE = BudgetReadingBegun(reservation=str(UUID(int=7)))


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_dir("control")))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def _walk_down_and_up_again(url: str) -> None:
    migrate(url, migrations_dir("control"))
    command.check(_config(url))
    command.downgrade(_config(url), "base")
    engine = create_engine_for(url)
    assert inspect(engine).get_table_names() == ["alembic_version"]
    migrate(url, migrations_dir("control"))
    assert set(inspect(engine).get_table_names()) == {"alembic_version", *Base.metadata.tables}
    require_current(engine, migrations_dir("control"))
    engine.dispose()


def test_the_models_and_the_migrations_agree_on_sqlite_and_the_way_back_works(tmp_path: Path) -> None:
    _walk_down_and_up_again(f"sqlite:///{tmp_path / 'control.db'}")


@pytest.mark.postgres
def test_the_models_and_the_migrations_agree_on_postgresql_and_the_way_back_works(postgres_url: str) -> None:
    _walk_down_and_up_again(postgres_url)


def test_a_database_that_was_never_migrated_is_refused_with_what_to_do(tmp_path: Path) -> None:
    engine = create_engine_for(f"sqlite:///{tmp_path / 'control.db'}")

    with pytest.raises(StaleDatabase, match=r"at revision none, expected [0-9]{4}: run `probity init`"):
        require_current(engine, migrations_dir("control"))
    engine.dispose()


def test_a_database_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="expected sqlite:// or postgresql"):
        create_engine_for("mysql://somewhere/db")


@pytest.mark.parametrize("name", ["engine", pytest.param("postgres_engine", marks=pytest.mark.postgres)])
def test_a_migrated_database_refuses_an_entry_that_is_not_the_next(name: str, request: pytest.FixtureRequest) -> None:
    engine: Engine = request.getfixturevalue(name)
    row = "insert into ledger_entry values (7, :id, 'k', :at, 'role:x', :bytes, :bytes)"
    values = {"id": "0" * 32, "at": "2026-11-23 12:00:00+00", "bytes": b"x"}

    with pytest.raises(DatabaseError, match="not the next entry"), transaction(engine) as session:
        session.execute(text(row), values)


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_a_log_from_before_the_inbox_is_taken_in_whole(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    sqlite = f"sqlite:///{tmp_path / 'control.db'}"
    url: str = request.getfixturevalue("postgres_url") if database == "postgres" else sqlite
    command.upgrade(_config(url), "0001")
    engine = create_engine_for(url)
    rows = [_row_of_old(seq) for seq in range(300)]
    with engine.begin() as connection:
        connection.execute(insert(LedgerEntry), rows)

    migrate(url, migrations_dir("control"))

    assert check_database(engine, LedgerSigner("log.example", bytes(32)).verifier_key) == Checked(
        size=300, tiles=1, checkpoints=0, waiting=0
    )
    with transaction(engine) as session:
        found = search(session, Filter(mentions=str(UUID(int=7))))
        append(session, NOTICE, actor="role:operator", entry_id=UUID(int=999), clock=lambda: NOON)
    assert [entry.seq for entry in found] == [7]
    engine.dispose()


def _row_of_old(seq: int) -> dict[str, object]:
    event = BudgetReadingBegun(reservation=str(UUID(int=seq)))
    entry = decode_entry(seq, encode_entry(event, actor="role:engineer", entry_id=UUID(int=seq), at=NOON))
    return {
        "seq": seq,
        "id": entry.id,
        "kind": entry.kind,
        "at": entry.at,
        "actor": entry.actor,
        "body": entry.encoded,
        "leaf_hash": entry.leaf,
    }
