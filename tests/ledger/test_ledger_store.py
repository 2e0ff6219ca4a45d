"""Appending and reading on both databases: order, idempotence, rollback, checkpoints, openings."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

import pytest
from sqlalchemy import Engine

from governance.database import transaction
from governance.errors import Conflict, NotFound
from governance.ledger import store
from governance.ledger.entry import Entry
from governance.ledger.search import Filter, follow, search
from governance.ledger.store import SignedCheckpoint, append

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)

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
        assert follow(session) == written
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
        assert [entry.seq for entry in follow(session, Filter(kinds=("consent.granted",)))] == [4]
        assert [entry.seq for entry in follow(session, after_seq=1, limit=3)] == [2, 3, 4]
        assert [entry.seq for entry in follow(session, Filter(kinds=("model.trained",)), after_seq=3)] == [5, 6]
        assert [entry.seq for entry in search(session, limit=2)] == [6, 5]
        assert [entry.seq for entry in search(session, Filter(kinds=("model.trained",)), before_seq=5)] == [3, 2, 1, 0]


def test_writing_the_same_again_later_is_writing_once(log: Engine) -> None:
    with transaction(log) as session:
        append(session, ConsentGranted(), actor="role:subject", entry_id=UUID(int=1), clock=noon)
    with transaction(log) as session:
        later = noon() + timedelta(hours=3)
        append(session, ConsentGranted(), actor="role:subject", entry_id=UUID(int=1), clock=lambda: later)

    with transaction(log) as session:
        assert [entry.at for entry in follow(session)] == [noon()]


def test_an_id_used_for_something_else_is_a_conflict(log: Engine) -> None:
    with transaction(log) as session:
        append(session, ConsentGranted(), actor="role:subject", entry_id=UUID(int=1), clock=noon)
        with pytest.raises(Conflict, match="its id was used again"):
            append(session, ConsentGranted(purpose="other"), actor="role:subject", entry_id=UUID(int=1), clock=noon)
        with pytest.raises(Conflict, match="its id was used again"):
            append(session, ConsentGranted(), actor="role:dpo", entry_id=UUID(int=1), clock=noon)


def test_what_was_partly_recorded_is_completed_in_order(log: Engine) -> None:
    events = [(UUID(int=number), ConsentGranted(purpose=f"p{number}")) for number in range(600)]
    with transaction(log) as session:
        store.append_all(session, events[100:300], actor="role:subject", clock=noon)
    with transaction(log) as session:
        store.append_all(session, events, actor="role:subject", clock=noon)

    with transaction(log) as session:
        found = [entry.id.int for entry in follow(session, limit=1000)]
    assert found == [*range(100, 300), *range(100), *range(300, 600)]


def test_one_id_for_two_events_of_a_batch_is_a_conflict(log: Engine) -> None:
    events = [(UUID(int=1), ConsentGranted()), (UUID(int=1), ConsentGranted(purpose="other"))]
    with transaction(log) as session, pytest.raises(Conflict, match="an id of its own"):
        store.append_all(session, events, actor="role:subject", clock=noon)


def test_a_rollback_leaves_neither_entry_nor_gap(log: Engine, append_many: Append) -> None:
    append_many(log, 2)
    with pytest.raises(RuntimeError), transaction(log) as session:  # noqa: PT012 - the transaction must span both
        append(session, ConsentGranted(), actor="role:subject", entry_id=UUID(int=77), clock=noon)
        raise RuntimeError

    assert [entry.seq for entry in append_many(log, 1)] == [2]


def test_a_checkpoint_is_kept_as_it_was_signed(log: Engine) -> None:
    signed = [SignedCheckpoint(size, bytes([size]) * 32, b"note", NOON) for size in (0, 3)]
    with transaction(log) as session:
        assert store.last_checkpoint(session) is None
        for one in signed:
            store.add_checkpoint(session, one)

    with transaction(log) as session:
        assert store.list_checkpoints(session) == signed
        assert store.last_checkpoint(session) == signed[1]
