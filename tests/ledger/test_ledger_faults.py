"""No fault at any step of an append loses, doubles or forges anything, on either database."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, func, select

from governance.database import create_engine_for, reading, transaction
from governance.ledger import store
from governance.ledger.check import check_database
from governance.ledger.entry import Entry
from governance.ledger.note import LedgerSigner
from governance.ledger.opening import LedgerOpening, keep_opening
from governance.ledger.search import follow
from governance.ledger.sequencer import sequence
from governance.ledger.trust_policy import trusting
from tests.ledger.conftest import ModelTrained
from tests.ledger.stepwise import ERRORS, KILLS, How, InjectedFaultError, Stop, run_and_kill, stopping

SIGNER = LedgerSigner("probity.example/ledger", bytes(range(32)))
TRUSTED = trusting(SIGNER.verifier_key)
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)

Append = Callable[[Engine, int], list[Entry]]


def noon() -> datetime:
    return NOON


class Changes:
    """Two changes, each with its entry in a transaction of its own; repeatable from any point."""

    def __init__(self, engine: Engine, first: int, unchanged: int = 0) -> None:
        self.engine = engine
        self.first = first
        self.unchanged = unchanged

    def make(self, number: int) -> None:
        with transaction(self.engine) as session:
            event = ModelTrained(number=number)
            if not store.is_recorded(session, UUID(int=number)):
                keep_opening(session, str(number), about="somebody", record=UUID(int=number), sealed=b"sealed")
            store.append(session, event, actor="role:engineer", entry_id=UUID(int=number), clock=noon)

    def make_all(self, acknowledge: Callable[[bytes], None] = lambda _: None) -> None:
        for number in (self.first, self.first + 1):
            self.make(number)
            acknowledge(b".")

    def require_whole(self, acknowledged: int) -> None:
        """Nothing that was acknowledged is missing, nothing is double, no change is without its entry."""
        sequence(self.engine)
        checked = check_database(self.engine, SIGNER.verifier_key)
        with reading(self.engine) as session:
            entries = follow(session, limit=1000)
            changes = session.scalar(select(func.count()).select_from(LedgerOpening))
        assert [entry.id.int for entry in entries] == list(range(checked.size))
        assert self.first + acknowledged <= checked.size <= self.first + 2
        assert changes == checked.size - self.unchanged
        assert checked.waiting == 0


@pytest.mark.parametrize("how", [*ERRORS, *KILLS])
@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_an_append_that_is_stopped_at_any_step_is_whole_or_absent_and_can_be_repeated(
    database: str, how: How, request: pytest.FixtureRequest
) -> None:
    log: Engine = request.getfixturevalue(f"{database}_log")
    first, stopped, number = 0, True, 0
    while stopped:
        number += 1
        acknowledged, stopped = stop_appending(log, first, number, how)
        changes = Changes(log, first)
        changes.require_whole(acknowledged)
        changes.make_all()
        first += 2

    changes.require_whole(2)
    assert number > 15


@pytest.mark.parametrize("how", [*ERRORS, *KILLS])
def test_a_stop_while_a_tile_fills_leaves_it_whole_or_absent(
    how: How, sqlite_log: Engine, append_many: Append, backup: Callable[[Engine, Path], Engine], tmp_path: Path
) -> None:
    append_many(sqlite_log, 255)
    for number in range(8, 20):
        engine = backup(sqlite_log, tmp_path / f"{number}.db")
        acknowledged, stopped = stop_appending(engine, 255, number, how)
        assert stopped
        Changes(engine, 255, unchanged=255).require_whole(acknowledged)
        engine.dispose()


def stop_appending(log: Engine, first: int, number: int, how: How) -> tuple[int, bool]:
    """How many changes were acknowledged before step ``number`` stopped the work, and whether there is such a step."""

    def work(acknowledge: Callable[[bytes], None]) -> None:
        # An engine of its own: a connection does not outlive a fork.
        engine = create_engine_for(log.url.render_as_string(hide_password=False))
        with engine.connect():
            pass  # what connecting asks of the server is no step
        with stopping(engine, stop), suppress(InjectedFaultError):
            Changes(engine, first).make_all(acknowledge)
        engine.dispose()

    stop = Stop(number, how)
    log.dispose()
    if how in KILLS:
        told, killed = run_and_kill(work)
        return len(told), killed
    acknowledged: list[bytes] = []
    work(acknowledged.append)
    return len(acknowledged), stop.steps >= number
