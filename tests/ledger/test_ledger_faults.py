"""No fault at any step of publishing leaves a log that does not verify or cannot go on."""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from governance.ledger.check import check_database
from governance.ledger.entry import Entry
from governance.ledger.note import LedgerSigner, encode_vkey
from governance.ledger.publish import publish
from governance.ledger.published import read_checkpoint, read_note
from governance.ledger.verify import verify_folder

SIGNER = LedgerSigner("probity.example/ledger", bytes(range(32)))
VKEY = encode_vkey(SIGNER.verifier_key)
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)

Append = Callable[[Engine, int], list[Entry]]


def noon() -> datetime:
    return NOON


def files_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


CALLS = [(os, "open"), (os, "fsync"), (Path, "hardlink_to"), (Path, "rename"), (Path, "mkdir"), (Path, "unlink")]


class InjectedFaultError(OSError):
    """What a failing disk raises."""


class Fault:
    """Makes the n-th call that touches the disk fail, before it took effect or after."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int, *, persisted: bool) -> None:
        self.calls = 0
        for owner, name in CALLS:
            monkeypatch.setattr(owner, name, self._failing(getattr(owner, name), number, persisted=persisted))

    def _failing(self, real: Callable[..., Any], number: int, *, persisted: bool) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - stands for any of the calls
            self.calls += 1
            if self.calls != number:
                return real(*arguments, **named)
            if persisted:
                result = real(*arguments, **named)
                if isinstance(result, int) and real.__name__ == "open":
                    os.close(result)
            raise InjectedFaultError

        return call


@pytest.mark.parametrize("persisted", ["failed", "failed but persisted"])
@pytest.mark.parametrize(
    ("before", "after", "stride"),
    [
        pytest.param(3, 5, 1, id="every step"),
        pytest.param(250, 260, 9, id="a full tile, every ninth step"),
    ],
)
def test_a_fault_at_any_step_leaves_a_log_that_verifies_and_can_go_on(
    before: int,
    after: int,
    stride: int,
    persisted: str,
    request: pytest.FixtureRequest,
) -> None:
    log, append_many, backup, tmp_path = (
        request.getfixturevalue(name) for name in ("sqlite_log", "append_many", "backup", "tmp_path")
    )
    append_many(log, before)
    publish(log, tmp_path / "start", SIGNER, clock=noon)
    kept = read_note(tmp_path / "start")
    append_many(log, after - before)
    for number in count(1, stride):
        folder, engine = tmp_path / f"ledger{number}", backup(log, tmp_path / f"{number}.db")
        copy_folder(tmp_path / "start", folder)
        calls = publish_with_fault(engine, folder, number, persisted=persisted == "failed but persisted")

        assert verify_folder(folder, VKEY, old_checkpoint=kept).size in {before, after}
        assert publish(engine, folder, SIGNER, clock=noon).size == after
        verified = verify_folder(folder, VKEY, old_checkpoint=kept)
        assert (verified.size, verified.unsigned) == (after, ())
        engine.dispose()
        if calls < number:
            break

    assert number > 25
    assert check_database(log, SIGNER.verifier_key).size == after


def publish_with_fault(engine: Engine, folder: Path, number: int, *, persisted: bool) -> int:
    """How many calls touched the disk, up to the one that failed."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        fault = Fault(monkeypatch, number, persisted=persisted)
        with suppress(InjectedFaultError):
            publish(engine, folder, SIGNER, clock=noon)
        return fault.calls


def copy_folder(source: Path, to: Path) -> None:
    for name in files_of(source):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_bytes((source / name).read_bytes())


def test_a_fault_before_the_signature_is_stored_leaves_the_old_checkpoint(
    sqlite_log: Engine, append_many: Append, tmp_path: Path
) -> None:
    append_many(sqlite_log, 3)
    publish(sqlite_log, tmp_path, SIGNER, clock=noon)
    append_many(sqlite_log, 3)

    def failing_clock() -> datetime:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        publish(sqlite_log, tmp_path, SIGNER, clock=failing_clock)
    assert read_checkpoint(tmp_path, SIGNER.verifier_key).size == 3
    assert publish(sqlite_log, tmp_path, SIGNER, clock=noon).size == 6
