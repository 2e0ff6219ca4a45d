"""Connections to the control plane: dead ones are not given out, and a reading is nothing but one."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import InternalError
from sqlalchemy.orm import Session

from governance import database
from governance.database import create_engine_for, reading, reading_once, transaction

BACKEND = text("select pg_backend_pid()")
ENDED = text("select pg_terminate_backend(:pid, 5000)")
LAST = text("select query from pg_stat_activity where pid = :pid")
PREPARED = text("select count(*) from pg_prepared_statements")
ONE = text("select 1 as one")


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Engine]:
    engine = create_engine_for(postgres_url)
    yield engine
    engine.dispose()


@pytest.fixture
def server(postgres_url: str) -> Iterator[Callable[[str, int], object]]:
    """Asks the server about another connection, on one apart."""
    engine = create_engine(postgres_url)

    def ask(statement: str, pid: int) -> object:
        with engine.connect() as connection:
            return connection.scalar(text(statement), {"pid": pid})

    yield ask
    engine.dispose()


@pytest.mark.postgres
def test_connections_that_the_server_ended_are_replaced(postgres: Engine, server: Callable[[str, int], object]) -> None:
    with reading(postgres) as first, reading(postgres) as second:
        ended = {session.scalar(BACKEND) for session in (first, second)}
    for pid in ended:
        assert server(ENDED.text, pid)

    with transaction(postgres) as session, reading_once(postgres) as other:
        assert ended.isdisjoint({session.scalar(BACKEND), other.scalar(BACKEND)})


@pytest.mark.postgres
@pytest.mark.parametrize(("idle_s", "last"), [(-1.0, ";"), (60.0, "COMMIT")])
def test_only_a_connection_that_lay_idle_is_asked_whether_it_is_alive(
    postgres: Engine,
    server: Callable[[str, int], object],
    monkeypatch: pytest.MonkeyPatch,
    idle_s: float,
    last: str,
) -> None:
    monkeypatch.setattr(database, "IDLE_S", idle_s)
    with transaction(postgres) as session:
        pid = session.scalar(BACKEND)

    with postgres.connect():
        assert server(LAST.text, pid) == last


@pytest.mark.postgres
@pytest.mark.parametrize("read", [reading, reading_once])
def test_statements_that_the_server_prepared_outlive_a_reading(
    postgres: Engine, read: Callable[[Engine], AbstractContextManager[Session]]
) -> None:
    for _ in range(8):
        with read(postgres) as session:
            session.scalar(ONE)

    with reading(postgres) as session:
        assert session.scalar(PREPARED) == 1


@pytest.mark.postgres
def test_a_reading_cannot_write_and_sees_one_moment(postgres: Engine) -> None:
    with transaction(postgres) as session:
        session.execute(text("create table seen (number int)"))
    with reading(postgres) as early:
        assert early.scalar(text("select count(*) from seen")) == 0
        with transaction(postgres) as session:
            session.execute(text("insert into seen values (1)"))
        assert early.scalar(text("select count(*) from seen")) == 0
        with pytest.raises(InternalError, match="read-only transaction"):
            early.execute(text("insert into seen values (2)"))


@pytest.mark.postgres
def test_a_connection_whose_reading_could_not_be_ended_is_not_given_out_again(
    postgres: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_connection: object) -> None:
        raise BrokenPipeError

    def read() -> None:
        with reading(postgres) as session:
            session.scalar(ONE)
            monkeypatch.setattr(postgres.dialect, "do_commit", failing)

    with pytest.raises(BrokenPipeError):
        read()
    monkeypatch.undo()

    with transaction(postgres) as session:
        session.execute(text("create table written (number int)"))


def test_on_sqlite_what_is_read_once_waits_for_no_writer(tmp_path: Path) -> None:
    engine = create_engine_for(f"sqlite:///{tmp_path}/control.db")
    with transaction(engine) as session:
        session.execute(text("create table seen (number int)"))

    with transaction(engine), reading_once(engine) as session:
        assert session.scalar(text("select count(*) from seen")) == 0
    engine.dispose()
