"""The triggers: no statement rewrites the log, its inbox or what follows from it, on either database."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError, OperationalError

from governance.database import reading, transaction
from governance.errors import ConfigurationError
from governance.ledger import store, tables
from governance.ledger.entry import Entry
from governance.ledger.guards import drop_guard_statements, guard_statements
from governance.ledger.store import SignedCheckpoint

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
TABLES = (
    tables.LedgerEntry,
    tables.LedgerCheckpoint,
    tables.LedgerInbox,
    tables.LedgerTile,
    tables.LedgerMention,
    tables.LedgerCosignature,
)

Append = Callable[[Engine, int], list[Entry]]

COLUMNS = "(seq, id, kind, at, actor, body, leaf_hash)"
FORGED = "'forged', '2026-01-01 00:00:00', 'role:x', body, leaf_hash from ledger_entry where seq = 1"
SIGNED = "(size, root, note, signed_at)"
ID_1, ID_9 = UUID(int=1), UUID(int=9)

TILE = '(level, "index", root, hashes)'
INBOX = "(arrival, id, body)"

REWRITES = [
    "update ledger_entry set kind = 'forged' where seq = 1",
    "update ledger_entry set seq = 9 where seq = 2",
    "delete from ledger_entry where seq = 2",
    "delete from ledger_entry",
    f"insert into ledger_entry {COLUMNS} select 1, :new, {FORGED}",
    f"insert into ledger_entry {COLUMNS} select 4, :new, {FORGED}",
    f"insert into ledger_entry {COLUMNS} select -1, :new, {FORGED}",
    f"insert into ledger_entry {COLUMNS} select 3, :old, {FORGED}",
    "update ledger_checkpoint set root = note",
    "delete from ledger_checkpoint",
    f"insert into ledger_checkpoint {SIGNED} select 2, root, note, signed_at from ledger_checkpoint",  # noqa: S608 - literals of this file
    f"insert into ledger_checkpoint {SIGNED} select 3, root, note, signed_at from ledger_checkpoint",  # noqa: S608 - literals of this file
    "update ledger_tile set root = hashes",
    "delete from ledger_tile",
    "update ledger_mention set seq = 1",
    "delete from ledger_mention",
    "update ledger_cosignature set size = 4",
    "delete from ledger_cosignature",
    "update ledger_inbox set arrival = 9",
    "delete from ledger_inbox",
]
SQLITE_REWRITES = [
    f"insert or replace into ledger_entry {COLUMNS} select 1, :new, {FORGED}",
    f"insert or replace into ledger_entry {COLUMNS} select 3, :old, {FORGED}",
    f"insert or replace into ledger_entry {COLUMNS} select null, :old, {FORGED}",
    f"insert or replace into ledger_entry {COLUMNS} select null, :new, {FORGED}",
    f"insert or ignore into ledger_entry {COLUMNS} select 9, :new, {FORGED}",
    "update or replace ledger_entry set seq = 1 where seq = 2",
    "update or replace ledger_entry set id = :old where seq = 2",
    f"insert into ledger_entry {COLUMNS} select 1, :new, {FORGED} on conflict (seq) do update set kind = 'forged'",
    f"insert or replace into ledger_checkpoint {SIGNED} select 3, note, note, signed_at from ledger_checkpoint",  # noqa: S608 - literals of this file
]
SQLITE_IGNORED = [
    f'insert or replace into ledger_tile {TILE} select level, "index", hashes, hashes from ledger_tile',  # noqa: S608 - literals of this file
    f"insert or replace into ledger_inbox {INBOX} select null, id, x'00' from ledger_inbox",  # noqa: S608 - literals of this file
    f"insert or replace into ledger_inbox {INBOX} select arrival, zeroblob(16), x'00' from ledger_inbox",  # noqa: S608 - literals of this file
    "insert or replace into ledger_mention select value, seq from ledger_mention",
    "insert or replace into ledger_cosignature select size, witness, x'00', cosigned_at from ledger_cosignature",
]
POSTGRES_REWRITES = [
    *(f"truncate {table}" for table in ("ledger_inbox", "ledger_tile", "ledger_mention", "ledger_cosignature")),
    "truncate ledger_entry",
    "truncate ledger_checkpoint",
    f"insert into ledger_entry {COLUMNS} select null, :new, {FORGED}",
    f"insert into ledger_entry {COLUMNS} select 1, :new, {FORGED} on conflict (seq) do update set kind = 'forged'",
    "merge into ledger_entry using (select 1) as one on true when matched then delete",
]


def forge(log: Engine, statement: str, setting: str) -> None:
    """Run one statement against a log of three entries and a checkpoint of size 3; the guards must refuse it."""
    postgres = log.dialect.name == "postgresql"
    for name, value in ((":old", ID_1), (":new", ID_9)):
        statement = statement.replace(name, f"'{value}'::uuid" if postgres else f"'{value.hex}'")
    if postgres:
        statement = statement.replace("'2026-01-01 00:00:00'", "timestamptz '2026-01-01 00:00:00Z'")
    with pytest.raises(IntegrityError) as refusal, transaction(log) as session:  # noqa: PT012 - one transaction
        session.execute(text(setting))
        session.connection().exec_driver_sql(statement)
    # The driver's own words: those of SQLAlchemy would repeat the statement.
    assert re.search(
        "only grows|not the next entry, or its id is taken|not larger than the last|has no place in the log yet",
        str(refusal.value.orig),
    )


def snapshot(log: Engine) -> list[list[Any]]:
    with reading(log) as session:
        return [session.execute(table.__table__.select()).all() for table in TABLES]


@pytest.fixture
def filled(log: Engine, append_many: Append) -> Engine:
    """A log with a row in each table; the one in the inbox has no place yet."""
    append_many(log, 3)
    with transaction(log) as session:
        store.add_checkpoint(session, SignedCheckpoint(3, bytes(32), b"note", NOON))
        session.add(tables.LedgerInbox(id=UUID(int=5), body=b"{}"))
        session.add(tables.LedgerTile(level=0, index=0, root=bytes(32), hashes=bytes(8192)))
        session.add(tables.LedgerMention(value="0" * 32, seq=0))
        session.add(tables.LedgerCosignature(size=3, witness="w", line=b"line", cosigned_at=NOON))
    return log


@pytest.mark.parametrize("log", ["sqlite"], indirect=True)
@pytest.mark.parametrize("statement", REWRITES + SQLITE_REWRITES)
@pytest.mark.parametrize("recursive", ["on", "off"])
def test_sqlite_refuses_to_rewrite(statement: str, recursive: str, filled: Engine) -> None:
    before = snapshot(filled)

    forge(filled, statement, f"pragma recursive_triggers = {recursive}")

    assert snapshot(filled) == before


@pytest.mark.parametrize("log", ["sqlite"], indirect=True)
@pytest.mark.parametrize("statement", SQLITE_IGNORED)
def test_sqlite_replaces_nothing_where_it_is_asked_to(statement: str, filled: Engine) -> None:
    before = snapshot(filled)
    with transaction(filled) as session:
        session.connection().exec_driver_sql(statement)

    assert snapshot(filled) == before


@pytest.mark.parametrize("log", ["sqlite"], indirect=True)
@pytest.mark.parametrize("table", ["ledger_tile", "ledger_mention", "ledger_cosignature"])
def test_sqlite_has_no_second_key_by_which_a_row_could_be_replaced(table: str, filled: Engine) -> None:
    with filled.connect() as connection, pytest.raises(OperationalError, match="no such column: rowid"):
        connection.exec_driver_sql(f"select rowid from {table}")  # noqa: S608 - literals of this file


@pytest.mark.postgres
@pytest.mark.parametrize("log", ["postgres"], indirect=True)
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_postgresql_refuses_to_rewrite_even_for_a_superuser_as_replica(role: str, filled: Engine) -> None:
    before = snapshot(filled)

    for statement in REWRITES + POSTGRES_REWRITES:
        forge(filled, statement, f"set local session_replication_role = {role}")

        assert snapshot(filled) == before


@pytest.mark.postgres
def test_the_guards_can_be_taken_down_with_the_tables(postgres_log: Engine) -> None:
    with postgres_log.begin() as connection:
        connection.exec_driver_sql(f"drop table {', '.join(table.__tablename__ for table in TABLES)}")
        for statement in (*drop_guard_statements("postgresql", "storage"), *drop_guard_statements("postgresql")):
            connection.exec_driver_sql(statement)
        left = connection.exec_driver_sql("select count(*) from pg_proc where proname like 'ledger_%%'").scalar()

    assert left == 0


def test_another_database_has_no_guards() -> None:
    with pytest.raises(ConfigurationError, match="expected sqlite or postgresql, got oracle"):
        guard_statements("oracle")
