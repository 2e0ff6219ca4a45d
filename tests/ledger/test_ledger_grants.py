"""On PostgreSQL the application's role adds to the log and can do nothing else to it."""

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from governance.clock import system_clock
from governance.database import reading, transaction
from governance.errors import ConfigurationError
from governance.ledger import store
from governance.ledger.grants import grant, grant_statements, missing_guards, powers_over_log
from governance.ledger.search import follow
from governance.pipeline.home import initialise
from governance.settings import ControlDatabase, Settings
from tests.ledger.conftest import ModelTrained, append_events

TABLES = ("entry", "checkpoint", "tile", "mention", "cosignature", "inbox")
FORBIDDEN = [
    *(f"alter table ledger_{table} disable trigger all" for table in TABLES),
    *(f"drop table ledger_{table} cascade" for table in TABLES),
    *(f"truncate ledger_{table}" for table in TABLES),
    "update ledger_entry set kind = 'x'",
    "update ledger_checkpoint set note = root",
    "update ledger_tile set root = hashes",
    "update ledger_mention set seq = 1",
    "update ledger_cosignature set size = 1",
    "update ledger_inbox set arrival = 1",
    *(f"delete from ledger_{table}" for table in TABLES[:-1]),  # noqa: S608 - literals of this file
    "drop function ledger_only_grows cascade",
    "set session_replication_role = replica",
    "update alembic_version set version_num = '0001'",
    "create table mine (x int)",
]


@pytest.fixture
def application(postgres_url: str, tmp_path: Path) -> Iterator[Engine]:
    """A home whose tables belong to the server's first role, opened in the name of another."""
    role = f"application_{uuid4().hex[:8]}"
    owner = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.exec_driver_sql(f"create role {role} login")
    url = owner.url.set(username=role).render_as_string(hide_password=False)
    control = ControlDatabase(url=SecretStr(url), owner_url=SecretStr(postgres_url))
    home = initialise(Settings(home=tmp_path / "home", control=control), clock=system_clock)
    yield home.engine
    home.engine.dispose()
    with owner.connect() as connection:
        connection.exec_driver_sql(f"drop owned by {role}")
        connection.exec_driver_sql(f"drop role {role}")
    owner.dispose()


@pytest.mark.postgres
def test_the_application_appends_and_cannot_rewrite_or_disarm(application: Engine) -> None:
    with transaction(application) as session:
        store.append(session, ModelTrained(number=1), actor="role:x", entry_id=UUID(int=1), clock=system_clock)
    with reading(application) as session:
        entries = follow(session)
        assert (missing_guards(session), powers_over_log(session)) == ([], [])
    assert entries[-1].id == UUID(int=1)

    for statement in FORBIDDEN:
        with pytest.raises(ProgrammingError) as refusal, application.begin() as connection:
            connection.exec_driver_sql(statement)
        assert re.search("permission denied|must be owner", str(refusal.value.orig)), statement

    with reading(application) as session:
        assert follow(session) == entries


@pytest.mark.postgres
@pytest.mark.parametrize(
    "statement",
    [
        "delete from public.ledger_inbox",
        "insert into public.ledger_entry select 9, gen_random_uuid(), kind, at, actor, body, body from ledger_entry_0",
    ],
)
def test_a_temporary_table_does_not_stand_in_for_the_log(application: Engine, statement: str) -> None:
    with application.begin() as connection:
        connection.exec_driver_sql(f"insert into ledger_inbox (id, body) values ('{uuid4()}', 'x')")  # noqa: S608 - a UUID

    with pytest.raises(IntegrityError, match=r"has no place in the log yet|not the next entry"):  # noqa: SIM117, PT012
        with application.begin() as connection:
            connection.exec_driver_sql("create temp table ledger_entry (seq bigint, id uuid)")
            connection.exec_driver_sql("create temp view ledger_entry_0 as select * from public.ledger_entry limit 1")
            connection.exec_driver_sql("insert into pg_temp.ledger_entry select 999, id from public.ledger_inbox")
            connection.exec_driver_sql(statement)


@pytest.mark.postgres
def test_a_role_that_may_become_the_owner_is_told(application: Engine, postgres_url: str) -> None:
    owner = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.exec_driver_sql("create role apart nologin")
        connection.exec_driver_sql("alter table ledger_tile owner to apart")
        connection.exec_driver_sql(f"grant apart to {application.url.username}")
    with reading(application) as session:
        assert powers_over_log(session) == ["may act as the owner of ledger_tile"]
    with owner.connect() as connection:
        connection.exec_driver_sql("drop owned by apart cascade")
        connection.exec_driver_sql("drop role apart")
    owner.dispose()


@pytest.mark.postgres
def test_an_owner_and_a_switched_off_trigger_are_told(postgres_log: Engine) -> None:
    with postgres_log.begin() as connection:
        connection.execute(text("alter table ledger_entry disable trigger ledger_entry_no_change"))

    with reading(postgres_log) as session:
        assert missing_guards(session) == ["ledger_entry_no_change"]
        assert powers_over_log(session)[0] == "is a superuser"
        assert "may act as the owner of ledger_checkpoint" in powers_over_log(session)


def test_a_dropped_trigger_is_told_on_sqlite(sqlite_log: Engine) -> None:
    append_events(sqlite_log, 1)
    with sqlite_log.begin() as connection:
        connection.exec_driver_sql("drop trigger ledger_entry_no_delete")

    with reading(sqlite_log) as session:
        assert missing_guards(session) == ["ledger_entry_no_delete"]
        assert powers_over_log(session) == []


@pytest.mark.postgres
def test_one_role_for_both_is_refused(postgres_log: Engine) -> None:
    with (
        postgres_log.connect() as connection,
        pytest.raises(ConfigurationError, match="expected another role than the application's, got probity for both"),
    ):
        grant(connection, "probity")


def test_a_role_that_cannot_be_quoted_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="without quotation marks"):
        grant_statements('x"; drop table ledger_entry; --', "control")
