"""Appending on both databases: order, idempotence, rollback, concurrency, and the triggers that refuse to rewrite."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from governance.database import transaction
from governance.errors import ConfigurationError, Conflict, NotFound
from governance.ledger import opening, store
from governance.ledger.entry import Entry
from governance.ledger.guards import drop_guard_statements, guard_statements
from governance.ledger.store import SignedCheckpoint, append

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
WRITERS = 6
EACH = 12

Append = Callable[[Engine, int], list[Entry]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGranted:
    kind: ClassVar[str] = "consent.granted"
    version: ClassVar[int] = 1

    purpose: str = "recommendation"


def noon() -> datetime:
    return NOON


def test_entries_are_numbered_from_zero_and_read_back(log: Engine, append_many: Append) -> None:
    written = append_many(log, 3)

    with transaction(log) as session:
        assert [entry.seq for entry in written] == [0, 1, 2]
        assert store.size(session) == 3
        assert store.list_entries(session) == written
        assert store.get_entry(session, 1) == written[1]
        assert store.find_entry(session, UUID(int=2)) == written[2]
        assert store.find_entry(session, UUID(int=9)) is None
        with pytest.raises(NotFound, match="entry 3"):
            store.get_entry(session, 3)


def test_entries_are_listed_by_kind_and_page(log: Engine, append_many: Append) -> None:
    append_many(log, 4)
    with transaction(log) as session:
        append(session, ConsentGranted(), actor="role:subject", entry_id=UUID(int=50), clock=noon)
    append_many(log, 2)

    with transaction(log) as session:
        assert [entry.seq for entry in store.list_entries(session, kind="consent.granted")] == [4]
        assert [entry.seq for entry in store.list_entries(session, after_seq=1, limit=3)] == [2, 3, 4]
        assert [entry.seq for entry in store.list_entries(session, kind="model.trained", after_seq=3)] == [5, 6]
        assert [entry.seq for entry in store.list_latest(session, limit=2)] == [6, 5]
        assert [entry.seq for entry in store.list_latest(session, kind="model.trained", before_seq=5)] == [3, 2, 1, 0]


def test_writing_the_same_again_later_is_writing_once(log: Engine) -> None:
    with transaction(log) as session:
        first = append(session, ConsentGranted(), actor="role:subject", entry_id=UUID(int=1), clock=noon)
    with transaction(log) as session:
        later = noon() + timedelta(hours=3)
        again = append(session, ConsentGranted(), actor="role:subject", entry_id=UUID(int=1), clock=lambda: later)
        assert store.size(session) == 1

    assert again == first


def test_an_id_used_for_something_else_is_a_conflict(log: Engine) -> None:
    with transaction(log) as session:
        append(session, ConsentGranted(), actor="role:subject", entry_id=UUID(int=1), clock=noon)
        with pytest.raises(Conflict, match="entry 0: its id was used again"):
            append(session, ConsentGranted(purpose="other"), actor="role:subject", entry_id=UUID(int=1), clock=noon)
        with pytest.raises(Conflict, match="entry 0: its id was used again"):
            append(session, ConsentGranted(), actor="role:dpo", entry_id=UUID(int=1), clock=noon)


def test_a_rollback_leaves_neither_entry_nor_gap(log: Engine, append_many: Append) -> None:
    append_many(log, 2)
    with pytest.raises(RuntimeError), transaction(log) as session:  # noqa: PT012 - the transaction must span both
        append(session, ConsentGranted(), actor="role:subject", entry_id=UUID(int=77), clock=noon)
        raise RuntimeError

    assert [entry.seq for entry in append_many(log, 1)] == [2]


def test_many_writers_leave_a_dense_order_without_loss(log: Engine) -> None:
    def write(writer: int) -> list[int]:
        seqs: list[int] = []
        for number in range(EACH):
            try:
                with transaction(log) as session:
                    entry = append(session, ConsentGranted(), actor=f"key:{writer}", entry_id=uuid4(), clock=noon)
                    if number % 4 == 3:
                        raise TimeoutError  # noqa: TRY301 - the block must be left by an exception
                seqs.append(entry.seq)
            except TimeoutError:
                continue
        return seqs

    with ThreadPoolExecutor(WRITERS) as pool:
        acknowledged = [seq for seqs in pool.map(write, range(WRITERS)) for seq in seqs]

    expected = WRITERS * EACH * 3 // 4
    assert sorted(acknowledged) == list(range(expected))
    with transaction(log) as session:
        assert store.size(session) == expected
        assert [entry.seq for entry in store.list_entries(session, limit=1000)] == list(range(expected))


def test_many_writers_of_one_id_write_it_once(log: Engine) -> None:
    def write(_: int) -> int:
        with transaction(log) as session:
            return append(session, ConsentGranted(), actor="role:dpo", entry_id=UUID(int=5), clock=noon).seq

    with ThreadPoolExecutor(WRITERS) as pool:
        assert set(pool.map(write, range(WRITERS * 3))) == {0}
    with transaction(log) as session:
        assert store.size(session) == 1


def test_a_checkpoint_is_kept_as_it_was_signed(log: Engine) -> None:
    signed = [SignedCheckpoint(size, bytes([size]) * 32, b"note", NOON) for size in (0, 3)]
    with transaction(log) as session:
        assert store.last_checkpoint(session) is None
        for one in signed:
            store.add_checkpoint(session, one)

    with transaction(log) as session:
        assert store.list_checkpoints(session) == signed
        assert store.last_checkpoint(session) == signed[1]


COLUMNS = "(seq, id, kind, at, actor, body, leaf_hash)"
FORGED = "'forged', '2026-01-01 00:00:00', 'role:x', body, leaf_hash from ledger_entry where seq = 1"
SIGNED = "(size, root, note, signed_at)"
ID_1, ID_9 = UUID(int=1), UUID(int=9)

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
POSTGRES_REWRITES = [
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
        "only grows|not the next entry, or its id is taken|not larger than the last", str(refusal.value.orig)
    )


def snapshot(log: Engine) -> tuple[list[Entry], list[SignedCheckpoint]]:
    with transaction(log) as session:
        return store.list_entries(session), store.list_checkpoints(session)


@pytest.fixture
def filled(log: Engine, append_many: Append) -> Engine:
    append_many(log, 3)
    with transaction(log) as session:
        store.add_checkpoint(session, SignedCheckpoint(3, bytes(32), b"note", NOON))
    return log


@pytest.mark.parametrize("log", ["sqlite"], indirect=True)
@pytest.mark.parametrize("statement", REWRITES + SQLITE_REWRITES)
@pytest.mark.parametrize("recursive", ["on", "off"])
def test_sqlite_refuses_to_rewrite(statement: str, recursive: str, filled: Engine) -> None:
    before = snapshot(filled)

    forge(filled, statement, f"pragma recursive_triggers = {recursive}")

    assert snapshot(filled) == before


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
        connection.exec_driver_sql("drop table ledger_entry, ledger_checkpoint")
        for statement in drop_guard_statements("postgresql"):
            connection.exec_driver_sql(statement)
        left = connection.exec_driver_sql("select count(*) from pg_proc where proname like 'ledger_%%'").scalar()

    assert left == 0


def test_another_database_has_no_guards() -> None:
    with pytest.raises(ConfigurationError, match="expected sqlite or postgresql, got oracle"):
        guard_statements("oracle")


def test_an_opening_is_found_until_it_is_erased(log: Engine) -> None:
    salts = [bytes([number]) * 32 for number in range(3)]
    with transaction(log) as session:
        mine = [opening.commit_to(session, {"n": 1}, salt=salt, about="a" * 32) for salt in salts[:2]]
        other = opening.commit_to(session, {"n": 1}, salt=salts[2], about="b" * 32)
        assert opening.get_opening(session, mine[0]) == (salts[0], {"n": 1})

    with transaction(log) as session:
        assert opening.erase_openings(session, "a" * 32) == 2
        assert opening.erase_openings(session, "a" * 32) == 0
    with transaction(log) as session:
        assert opening.get_opening(session, other) == (salts[2], {"n": 1})
        with pytest.raises(NotFound, match="no opening is kept"):
            opening.get_opening(session, mine[0])
