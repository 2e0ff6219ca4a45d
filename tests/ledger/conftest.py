"""A log to test with, on each database."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar
from uuid import UUID

import pytest
from sqlalchemy import Engine

from governance.database import Base, create_engine_for, reading, transaction
from governance.ledger import opening, store, tables
from governance.ledger.entry import Entry
from governance.ledger.export import export
from governance.ledger.guards import guard_statements
from governance.ledger.note import LedgerSigner
from governance.ledger.publish import publish
from governance.ledger.search import follow

SIGNER = LedgerSigner("probity.example/ledger", bytes(range(32)))
NOON = datetime(2026, 3, 14, 12, 0, 0, 999, tzinfo=UTC)
TABLES = [
    Base.metadata.tables[table.__tablename__]
    for table in (
        tables.LedgerEntry,
        tables.LedgerCheckpoint,
        tables.LedgerInbox,
        tables.LedgerTile,
        tables.LedgerMention,
        tables.LedgerCosignature,
        opening.LedgerOpening,
    )
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTrained:
    """An event as other modules define them."""

    kind: ClassVar[str] = "model.trained"
    version: ClassVar[int] = 1

    number: int
    epsilon: float = 1.5


Append = Callable[[Engine, int], list[Entry]]


@pytest.fixture
def signer() -> LedgerSigner:
    return SIGNER


def append_events(engine: Engine, number: int) -> list[Entry]:
    with transaction(engine) as session:
        begin = store.size(session)
        events = [(UUID(int=seq), ModelTrained(number=seq)) for seq in range(begin, begin + number)]
        store.append_all(session, events, actor="role:engineer", clock=lambda: NOON)
    with reading(engine) as session:
        return follow(session, after_seq=begin - 1, limit=number) if number else []


@pytest.fixture
def append_many() -> Append:
    """Appends so many further events, in one transaction."""
    return append_events


def make_log(url: str) -> Engine:
    engine = create_engine_for(url)
    with engine.begin() as connection:
        Base.metadata.create_all(connection, tables=TABLES)
        for part in ("log", "storage"):
            for statement in guard_statements(engine.dialect.name, part):
                connection.exec_driver_sql(statement)
    return engine


@pytest.fixture
def sqlite_log(tmp_path: Path) -> Iterator[Engine]:
    engine = make_log(f"sqlite:///{tmp_path}/control.db")
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_log(postgres_url: str) -> Iterator[Engine]:
    engine = make_log(postgres_url)
    yield engine
    engine.dispose()


@pytest.fixture
def backup() -> Callable[[Engine, Path], Engine]:
    """Copies an SQLite log as it is now."""

    def copy(engine: Engine, to: Path) -> Engine:
        with closing(sqlite3.connect(str(engine.url.database))) as source, closing(sqlite3.connect(to)) as target:
            source.backup(target)
        return create_engine_for(f"sqlite:///{to}")

    return copy


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def log(request: pytest.FixtureRequest) -> Engine:
    """An empty log, once on SQLite and once on PostgreSQL."""
    engine: Engine = request.getfixturevalue(f"{request.param}_log")
    return engine


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of 600 entries that was published at 0, 3, 300 and 600. Tests that change it put it back."""
    folder = tmp_path_factory.mktemp("exported")
    engine = make_log(f"sqlite:///{folder}/control.db")
    for further in (0, 3, 297, 300):
        append_events(engine, further)
        publish(engine, folder / "published", SIGNER, clock=lambda: NOON)
    export(engine, folder / "published", folder / "export")
    engine.dispose()
    return folder / "export"
