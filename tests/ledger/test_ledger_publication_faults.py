"""No fault at any step of a publication loses or forges anything: not with witnesses, not by a torn write."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine

from governance.database import create_engine_for, reading
from governance.ledger.check import check_database
from governance.ledger.checkpoint import Checkpoint
from governance.ledger.entry import Entry
from governance.ledger.publish import publish
from governance.ledger.published import read_note
from governance.ledger.store import list_checkpoints
from governance.ledger.trust_policy import TrustPolicy, trusting, verify_cosigned
from governance.ledger.verify import verify_folder
from tests.ledger.stepwise import ERRORS, KILLS, TEARS, How, InjectedFaultError, Stop, run_and_kill, stopping
from tests.ledger.witnessed_log import KEYS, POLICY, SIGNER, noon, publish_witnessed

TRUSTED = trusting(SIGNER.verifier_key)
HOWS = (*ERRORS, *KILLS)

Append = Callable[[Engine, int], list[Entry]]
Publish = Callable[[Engine, Path], Checkpoint]


def publish_alone(engine: Engine, folder: Path) -> Checkpoint:
    return publish(engine, folder, SIGNER, clock=noon)


@pytest.mark.parametrize("how", [*HOWS, *TEARS])
def test_a_publication_with_witnesses_that_is_stopped_at_any_step_leaves_a_log_that_verifies_and_can_go_on(
    how: How, request: pytest.FixtureRequest
) -> None:
    steps = stop_at_each(request, 3, 5, publish_witnessed, POLICY, how, count(1))

    assert steps >= (3 if how in TEARS else 25)


@pytest.mark.parametrize("how", [*HOWS, *TEARS])
def test_a_publication_alone_that_fills_a_tile_is_stopped_at_every_third_step_each_way_at_others(
    how: How, request: pytest.FixtureRequest
) -> None:
    numbers = count(1) if how in TEARS else count(1 + HOWS.index(how), len(HOWS))
    steps = stop_at_each(request, 255, 257, publish_alone, TRUSTED, how, numbers)

    assert steps >= (6 if how in TEARS else 50)


def stop_at_each(  # noqa: PLR0917 - what a case is made of
    request: pytest.FixtureRequest,
    before: int,
    after: int,
    publishing: Publish,
    policy: TrustPolicy,
    how: How,
    numbers: "count[int]",
) -> int:
    """Stop a publication from ``before`` to ``after`` entries at these steps; the number beyond the last there is."""
    log, append_many, backup, tmp_path = (
        request.getfixturevalue(name) for name in ("sqlite_log", "append_many", "backup", "tmp_path")
    )
    append_many(log, before)
    publishing(log, tmp_path / "start")
    kept = read_note(tmp_path / "start")
    append_many(log, after - before)
    for number in numbers:
        folder, engine = tmp_path / f"ledger{number}", backup(log, tmp_path / f"{number}.db")
        copy_folder(tmp_path / "start", folder)
        stopped = stop_publishing(str(engine.url), folder, publishing, number, how)

        assert verify_folder(folder, policy, old_checkpoint=kept).size in {before, after}
        require_goes_on(engine, folder, publishing, policy, kept, after)
        engine.dispose()
        if not stopped:
            return number
    raise AssertionError


def require_goes_on(  # noqa: PLR0917 - what a case is made of
    engine: Engine, folder: Path, publishing: Publish, policy: TrustPolicy, kept: bytes, size: int
) -> None:
    """Publishing again completes the work, and everything that is stored and signed agrees."""
    assert publishing(engine, folder).size == size
    verified = verify_folder(folder, policy, old_checkpoint=kept)
    assert (verified.size, verified.unsigned) == (size, ())
    published = verify_cosigned(read_note(folder), policy).checkpoint
    checked = check_database(engine, SIGNER.verifier_key, witnesses=KEYS, published=published)
    assert (checked.size, checked.unknown_witnesses) == (size, 0)
    assert checked.cosignatures == checked.checkpoints * len(policy.witnesses)


@pytest.mark.postgres
@pytest.mark.parametrize("how", HOWS)
def test_on_postgresql_a_publication_that_is_stopped_at_every_third_step_can_go_on(
    how: How, postgres_log: Engine, append_many: Append, tmp_path: Path
) -> None:
    folder, url = tmp_path / "ledger", postgres_log.url.render_as_string(hide_password=False)
    append_many(postgres_log, 3)
    publish_witnessed(postgres_log, folder)
    stopped, size, number = True, 3, 1 + HOWS.index(how)
    while stopped:
        kept = read_note(folder)
        append_many(postgres_log, 2)
        postgres_log.dispose()
        stopped = stop_publishing(url, folder, publish_witnessed, number, how)

        assert verify_folder(folder, POLICY, old_checkpoint=kept).size in {size, size + 2}
        size, number = size + 2, number + 3
        require_goes_on(postgres_log, folder, publish_witnessed, POLICY, kept, size)

    with reading(postgres_log) as session:
        assert [each.size for each in list_checkpoints(session)] == list(range(3, size + 1, 2))
    assert number > 25


def stop_publishing(url: str, folder: Path, publishing: Publish, number: int, how: How) -> bool:
    def work(_: Callable[[bytes], None]) -> None:
        # An engine of its own: a connection does not outlive a fork.
        engine = create_engine_for(url)
        with engine.connect():
            pass  # what connecting asks of the server is no step
        with stopping(engine, stop), suppress(InjectedFaultError):
            publishing(engine, folder)
        engine.dispose()

    stop = Stop(number, how)
    if how.endswith("killed"):
        return run_and_kill(work)[1]
    work(lambda _: None)
    return stop.steps >= number


def copy_folder(source: Path, to: Path) -> None:
    for name in (path.relative_to(source) for path in source.rglob("*") if path.is_file()):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_bytes((source / name).read_bytes())


def test_a_fault_before_the_signature_is_stored_leaves_the_old_checkpoint(
    sqlite_log: Engine, append_many: Append, tmp_path: Path
) -> None:
    append_many(sqlite_log, 3)
    publish_alone(sqlite_log, tmp_path)
    append_many(sqlite_log, 3)

    def failing_clock() -> datetime:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        publish(sqlite_log, tmp_path, SIGNER, clock=failing_clock)
    assert verify_cosigned(read_note(tmp_path), TRUSTED).checkpoint.size == 3
    assert publish(sqlite_log, tmp_path, SIGNER, clock=noon).size == 6
