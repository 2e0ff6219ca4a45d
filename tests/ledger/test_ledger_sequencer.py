"""The sequencer on both databases: many writers, batches, tiles, what waits, and what stops it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from typing import ClassVar
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, func, insert, select, text
from sqlalchemy.orm import Session

from governance.database import reading, transaction
from governance.errors import BrokenProof, UnreadableEntry
from governance.ledger import store
from governance.ledger.check import check_database
from governance.ledger.entry import Entry, encode_entry
from governance.ledger.merkle import consistency_path, root_of, verify_consistency
from governance.ledger.note import LedgerSigner
from governance.ledger.search import follow
from governance.ledger.sequencer import SETTLE_LOCK, sequence, settle, tile_rows
from governance.ledger.store import append
from governance.ledger.stored_tiles import tile_reader
from governance.ledger.tables import LedgerEntry, LedgerInbox, LedgerTile
from governance.ledger.tiles import TileName, path_names, resume, subtree_from_tiles, tile_names

KEY = LedgerSigner("probity.example/ledger", bytes(range(32))).verifier_key
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
WRITERS = 8
EACH = 12

Append = Callable[[Engine, int], list[Entry]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGranted:
    kind: ClassVar[str] = "consent.granted"
    version: ClassVar[int] = 1

    purpose: str = "recommendation"


def noon() -> datetime:
    return NOON


def waiting(engine: Engine) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count()).select_from(LedgerInbox)) or 0


def entries_of(engine: Engine) -> list[Entry]:
    with reading(engine) as session:
        return follow(session, limit=100_000)


def put_into_inbox(engine: Engine, *ids: UUID) -> None:
    """What a writer leaves that was killed between its commit and the sequencing."""
    with engine.begin() as connection:
        for each in ids:
            body = encode_entry(ConsentGranted(), actor="role:subject", entry_id=each, at=NOON)
            connection.execute(insert(LedgerInbox), {"id": each, "body": body})


def test_many_writers_leave_a_dense_order_without_loss_or_leftover(log: Engine) -> None:
    def write(writer: int) -> list[UUID]:
        acknowledged: list[UUID] = []
        for number in range(EACH):
            ids = [uuid4(), uuid4()]
            try:
                with transaction(log) as session:
                    for each in ids:
                        append(session, ConsentGranted(), actor=f"key:{writer}", entry_id=each, clock=noon)
                    if number % 4 == 3:
                        raise TimeoutError  # noqa: TRY301 - the block must be left by an exception
                acknowledged += ids
            except TimeoutError:
                continue
        return acknowledged

    with ThreadPoolExecutor(WRITERS) as pool:
        acknowledged = list(pool.map(write, range(WRITERS)))

    entries = entries_of(log)
    place = {entry.id: entry.seq for entry in entries}
    assert [entry.seq for entry in entries] == list(range(WRITERS * EACH * 2 * 3 // 4))
    assert set(place) == {each for ids in acknowledged for each in ids}
    for ids in acknowledged:  # whoever sees an answer before asking again is recorded in that order
        assert all(place[earlier] < place[later] for earlier, later in pairwise(ids))
    assert waiting(log) == 0
    assert check_database(log, KEY).size == len(entries)


def test_many_writers_of_one_id_record_it_once(log: Engine) -> None:
    def write(_: int) -> None:
        with transaction(log) as session:
            append(session, ConsentGranted(), actor="role:dpo", entry_id=UUID(int=5), clock=noon)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS * 3)))

    assert [entry.id for entry in entries_of(log)] == [UUID(int=5)]
    assert waiting(log) == 0


@pytest.mark.postgres
def test_an_entry_is_durable_before_it_has_its_place_and_gets_it_from_the_next_writer(postgres_log: Engine) -> None:
    with Session(postgres_log) as session, session.begin():
        append(session, ConsentGranted(), actor="role:dpo", entry_id=UUID(int=1), clock=noon)
        assert store.is_recorded(session, UUID(int=1))
    assert (waiting(postgres_log), entries_of(postgres_log)) == (1, [])

    with transaction(postgres_log) as session:
        append(session, ConsentGranted(), actor="role:dpo", entry_id=UUID(int=2), clock=noon)

    assert [entry.id.int for entry in entries_of(postgres_log)] == [1, 2]


@pytest.mark.postgres
def test_what_waits_is_not_recorded_twice(postgres_log: Engine) -> None:
    for _ in range(2):
        with Session(postgres_log) as session, session.begin():
            append(session, ConsentGranted(), actor="role:dpo", entry_id=UUID(int=1), clock=noon)
    assert waiting(postgres_log) == 1

    assert sequence(postgres_log) == 1
    assert [entry.seq for entry in entries_of(postgres_log)] == [0]


@pytest.mark.postgres
def test_a_writer_does_not_wait_for_whoever_gives_places_out(postgres_log: Engine) -> None:
    with Session(postgres_log) as busy, busy.begin():
        busy.execute(text("select pg_advisory_xact_lock(:key)"), {"key": SETTLE_LOCK})
        with transaction(postgres_log) as session:
            append(session, ConsentGranted(), actor="role:dpo", entry_id=UUID(int=1), clock=noon)
        assert (sequence(postgres_log), waiting(postgres_log)) == (0, 1)

    assert (sequence(postgres_log), waiting(postgres_log)) == (1, 0)


@pytest.mark.postgres
@pytest.mark.parametrize("ends", ["committed", "rolled back"])
def test_what_arrived_while_somebody_held_the_turn_gets_its_place_when_they_end(
    postgres_log: Engine, ends: str
) -> None:
    with suppress(TimeoutError), transaction(postgres_log) as holder:
        settle(holder)
        with transaction(postgres_log) as session:
            append(session, ConsentGranted(), actor="role:dpo", entry_id=UUID(int=1), clock=noon)
        assert waiting(postgres_log) == 1
        if ends == "rolled back":
            raise TimeoutError

    assert (waiting(postgres_log), len(entries_of(postgres_log))) == (0, 1)


def test_what_a_killed_writer_left_gets_its_place_in_the_order_of_arrival(log: Engine) -> None:
    ids = [UUID(int=number) for number in (9, 3, 7)]
    put_into_inbox(log, *ids)

    assert sequence(log) == 3
    assert [entry.id for entry in entries_of(log)] == ids
    assert waiting(log) == 0


def test_what_waits_gets_its_place_before_what_the_next_writer_adds_and_only_once(log: Engine) -> None:
    put_into_inbox(log, UUID(int=9), UUID(int=3))

    with transaction(log) as session:
        for number in (1, 3, 2):
            append(session, ConsentGranted(), actor="role:subject", entry_id=UUID(int=number), clock=noon)

    assert [entry.id.int for entry in entries_of(log)] == [9, 3, 1, 2]
    assert waiting(log) == 0
    assert check_database(log, KEY).size == 4


def test_more_than_a_batch_is_placed_in_one_go(log: Engine) -> None:
    put_into_inbox(log, *(UUID(int=number) for number in range(600)))

    assert sequence(log) == 600
    assert [entry.id.int for entry in entries_of(log)] == list(range(600))
    assert check_database(log, KEY).tiles == 2


def test_bytes_that_are_no_entry_stop_the_order_and_lose_nothing(log: Engine) -> None:
    put_into_inbox(log, UUID(int=1))
    with log.begin() as connection:
        connection.execute(insert(LedgerInbox), {"id": UUID(int=2), "body": b"{}"})
    put_into_inbox(log, UUID(int=3))

    with pytest.raises(UnreadableEntry, match="entry 1 "):
        sequence(log)
    assert (waiting(log), entries_of(log)) == (3, [])
    with pytest.raises(UnreadableEntry):
        check_database(log, KEY)


@pytest.mark.postgres
def test_a_change_is_acknowledged_even_when_the_sequencing_after_it_fails(
    postgres_log: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with postgres_log.begin() as connection:
        connection.execute(insert(LedgerInbox), {"id": UUID(int=2), "body": b"{}"})

    with transaction(postgres_log) as session:
        append(session, ConsentGranted(), actor="role:dpo", entry_id=UUID(int=1), clock=noon)

    assert waiting(postgres_log) == 2
    assert "what follows a stored change failed" in caplog.text
    assert "UnreadableEntry at " in caplog.text
    assert "expected" not in caplog.text  # no message: it could be a driver's


def test_tiles_in_the_database_are_those_of_the_tree_at_every_size(sqlite_log: Engine, append_many: Append) -> None:
    leaves: list[bytes] = []
    for further in (1, 254, 1, 1, 255, 300):
        leaves += [entry.leaf for entry in append_many(sqlite_log, further)]
        with reading(sqlite_log) as session:
            assert resume(len(leaves), tile_reader(session)).root() == root_of(leaves)
            for name in tile_names(len(leaves)):
                if name.level is not None:
                    assert len(tile_reader(session)(name)) == name.width


def test_a_tree_of_three_levels_is_stored_and_read_back(sqlite_log: Engine) -> None:
    leaves = [sha256(number.to_bytes(4)).digest() for number in range(65_536 + 300)]
    rows = [
        {"seq": seq, "id": UUID(int=seq), "kind": "k", "at": NOON, "actor": "role:x", "body": b"", "leaf_hash": leaf}
        for seq, leaf in enumerate(leaves)
    ]
    with transaction(sqlite_log) as session:
        session.execute(text("drop trigger ledger_entry_dense"))  # so many rows would wait for it for seconds
        session.execute(insert(LedgerEntry), rows)
        for before, after in ((0, 65_535), (65_535, len(leaves))):
            for row in tile_rows(session, before, after):
                session.execute(insert(LedgerTile), row)

    with reading(sqlite_log) as session:
        levels = session.execute(select(LedgerTile.level, func.count()).group_by(LedgerTile.level)).all()
        tree = resume(len(leaves), tile_reader(session))
        path = consistency_path(300, len(leaves), subtree_from_tiles(len(leaves), tile_reader(session)))

    assert [tuple(row) for row in levels] == [(0, 257), (1, 1)]
    assert tree.root() == root_of(leaves)
    verify_consistency(300, len(leaves), root_of(leaves[:300]), root_of(leaves), path)


def test_a_proof_reads_the_tiles_above_its_entry_and_those_at_the_edge() -> None:
    assert path_names(300, 600) == [TileName(0, 1), TileName(0, 2, 88), TileName(1, 0, 2)]


def test_a_tile_that_lacks_hashes_is_not_built_upon(sqlite_log: Engine, append_many: Append) -> None:
    append_many(sqlite_log, 300)
    with sqlite_log.begin() as connection:
        connection.exec_driver_sql("drop trigger ledger_tile_no_delete")
        connection.exec_driver_sql("delete from ledger_tile")

    with reading(sqlite_log) as session, pytest.raises(BrokenProof, match="tile/0/000: expected a full tile"):
        tile_reader(session)(TileName(0, 0))
    with pytest.raises(BrokenProof, match="tile/0/000: the database holds no such tile"):
        check_database(sqlite_log, KEY)


def test_reading_the_log_as_state_sees_what_waits(log: Engine) -> None:
    put_into_inbox(log, UUID(int=1))

    with transaction(log) as session:
        assert settle(session) == 1
        assert store.size(session) == 1
