"""Keys that sign are replaced without a moment in which none, both or the wrong one is in force."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from governance.database import transaction
from governance.errors import ConfigurationError, InvalidInput
from governance.keys.rotation import last_rotation, list_rotations, require_in_force
from governance.ledger import key_file
from governance.ledger.note import LedgerSigner, decode_vkey, encode_signer
from governance.ledger.search import Filter, follow
from governance.pipeline import signing_keys
from governance.pipeline.signing_keys import (
    ATTEST,
    CERTIFICATE,
    LEDGER,
    SIGNING_KEYS,
    SigningKey,
    public_keys,
    rotate,
    settle,
)

ORIGIN = "probity.example/ledger"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    for number, key in enumerate(SIGNING_KEYS):
        key.create(key.file(folder), ORIGIN, lambda count, number=number: bytes([number]) * count)
    return folder


def _rotate(engine: Engine, folder: Path, key: SigningKey, ground: str = "scheduled") -> str:
    return rotate(
        engine, folder, key, ground, origin=ORIGIN, actor="role:operator", clock=lambda: NOON
    ).id  # fmt: skip


def _id(key: SigningKey, path: Path) -> str:
    return key.public(key.load(path)).id


def _events(engine: Engine) -> list[dict[str, Any]]:
    with transaction(engine) as session:
        return [dict(entry.body) for entry in follow(session, Filter(kinds=("key.rotated",)), limit=1000)]


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".lock"}


@pytest.mark.parametrize("key", SIGNING_KEYS, ids=lambda key: key.name)
def test_a_rotation_puts_a_fresh_key_in_force_and_the_ledger_says_so(
    engine: Engine, folder: Path, key: SigningKey
) -> None:
    old = _id(key, key.file(folder))
    new = _rotate(engine, folder, key)

    assert _id(key, key.file(folder)) == new != old
    assert key.file(folder).stat().st_mode & 0o777 == 0o600
    (event,) = _events(engine)
    assert (event["key"], event["old"], event["new"], event["ground"]) == (key.name, old, new, "scheduled")
    with transaction(engine) as session:
        assert [each.id for each in public_keys(session, folder, key)] == [new, old]


def test_the_logs_old_key_signs_beside_the_new_one_until_the_next_rotation(engine: Engine, folder: Path) -> None:
    first = _id(LEDGER, LEDGER.file(folder))
    second = _rotate(engine, folder, LEDGER)
    assert _id(LEDGER, LEDGER.retired_file(folder)) == first

    _rotate(engine, folder, LEDGER)
    assert _id(LEDGER, LEDGER.retired_file(folder)) == second
    assert LEDGER.retired_file(folder).stat().st_mode & 0o777 == 0o600
    assert [event["retired"] for event in _events(engine)] == ["kept", "kept"]


def test_a_key_that_somebody_may_know_never_signs_again(engine: Engine, folder: Path) -> None:
    _rotate(engine, folder, LEDGER)
    _rotate(engine, folder, LEDGER, "suspected_compromise")

    assert _names(folder) == {"ledger.key", "certificate.key", "attest.key"}
    assert [event["retired"] for event in _events(engine)] == ["kept", "destroyed"]


def test_an_old_certificate_key_is_destroyed_but_its_public_half_is_kept(engine: Engine, folder: Path) -> None:
    old = CERTIFICATE.public(CERTIFICATE.load(CERTIFICATE.file(folder)))
    _rotate(engine, folder, CERTIFICATE)

    assert _names(folder) == {"ledger.key", "certificate.key", "attest.key"}
    with transaction(engine) as session:
        assert public_keys(session, folder, CERTIFICATE)[1] == old


def test_the_entry_gives_the_public_key_as_those_who_verify_take_it(engine: Engine, folder: Path) -> None:
    _rotate(engine, folder, LEDGER)

    assert decode_vkey(_events(engine)[0]["public"]) == LEDGER.load(LEDGER.file(folder)).verifier_key


def test_a_ground_is_a_word_of_the_list_and_a_key_one_of_the_registry(engine: Engine, folder: Path) -> None:
    with pytest.raises(InvalidInput, match=r"ground: expected one of .*, got another word"):
        _rotate(engine, folder, LEDGER, "because")
    with pytest.raises(InvalidInput, match="key: expected one of ledger, certificate, attest, got another word"):
        signing_keys.signing_key("kek")
    assert _events(engine) == []
    assert "ledger.next" not in _names(folder)


class PowerCut(BaseException):
    """Stands for the process ending."""


class Steps:
    """Counts every durable step of a rotation, and ends the process before or after the chosen one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cut_at: int) -> None:
        self.count, self.cut_at = 0, cut_at
        for name in ("write_atomically", "sync_folder", "record_rotation", "create_signer"):
            monkeypatch.setattr(signing_keys, name, self._around(getattr(signing_keys, name)))
        monkeypatch.setattr(key_file, "write_atomically", self._around(key_file.write_atomically))
        for name in ("replace", "unlink"):
            monkeypatch.setattr(Path, name, self._around(getattr(Path, name)))
        monkeypatch.setattr(signing_keys, "transaction", self._around_commit)

    def _step(self) -> None:
        self.count += 1
        if self.count == self.cut_at:
            raise PowerCut

    def _around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it is
            self._step()
            result = function(*arguments, **named)
            self._step()
            return result

        return stepped

    def _around_commit(self, engine: Engine) -> AbstractContextManager[Session]:
        @contextmanager
        def stepped() -> Iterator[Session]:
            with transaction(engine) as session:
                yield session
                self._step()
            self._step()

        return stepped()


@pytest.mark.parametrize("ground", ["scheduled", "suspected_compromise"])
@pytest.mark.parametrize("key", SIGNING_KEYS, ids=lambda key: key.name)
def test_killed_anywhere_the_key_in_force_is_the_one_that_the_ledger_names(
    engine: Engine, folder: Path, key: SigningKey, ground: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_at, finished = 0, False
    while not finished:
        cut_at += 1
        with monkeypatch.context() as patch:
            steps = Steps(patch, cut_at)
            try:
                _rotate(engine, folder, key, ground)
            except PowerCut:
                assert key.file(folder).exists()
            finished = steps.count < cut_at
        settle(engine, folder)

        with transaction(engine) as session:
            last = last_rotation(session, key.name)
            recorded = list_rotations(session, key.name)
        assert last is None or _id(key, key.file(folder)) == last.new
        assert not key.next_file(folder).exists()
        assert [event["new"] for event in _events(engine)] == [each.new for each in recorded]
        assert [each.old for each in recorded[1:]] == [each.new for each in recorded[:-1]]
        kept = ground == "scheduled" and key is LEDGER and last is not None
        assert (_id(key, key.retired_file(folder)) if kept else None) == (last.old if kept and last else None)
        assert key.retired_file(folder).exists() == kept
    assert cut_at > 10


def test_a_key_that_was_replaced_signs_nothing_even_from_a_backup(engine: Engine, folder: Path) -> None:
    backup = LEDGER.file(folder).read_bytes()
    new = _rotate(engine, folder, LEDGER)
    LEDGER.file(folder).write_bytes(backup)

    with pytest.raises(ConfigurationError, match=f"expected key {new}, got another"):
        settle(engine, folder)


def test_a_key_that_others_may_read_is_named_as_that(engine: Engine, folder: Path) -> None:
    _rotate(engine, folder, LEDGER)
    LEDGER.file(folder).chmod(0o640)

    with pytest.raises(ConfigurationError, match="readable by others"):
        settle(engine, folder)


_KEY = encode_signer(LedgerSigner(ORIGIN, b"\x07" * 32))


@pytest.mark.parametrize("key", [LEDGER, ATTEST], ids=lambda key: key.name)
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"garbage\n", id="garbage"),
        pytest.param(_KEY.replace(ORIGIN, "caf\xe9").encode("latin-1"), id="not ASCII"),
        pytest.param(_KEY[:-3].encode(), id="half of a key"),
        pytest.param(_KEY.replace(ORIGIN, ORIGIN.upper()).encode(), id="the key of another name"),
        pytest.param(f"PRIVATE+KEY+{_KEY.rpartition('+')[2]}+{ORIGIN}+AQ==".encode(), id="the key in the name's place"),
        pytest.param(f" {_KEY}\n".encode(), id="space before it"),
        pytest.param(f"{_KEY}\n\n".encode(), id="two newlines"),
        pytest.param(f"{_KEY}\r\n".encode(), id="another end of the line"),
    ],
)
def test_a_file_that_holds_no_key_is_named_and_nothing_of_it_is_shown(
    tmp_path: Path, key: SigningKey, content: bytes
) -> None:
    path = tmp_path / f"{key.name}.key"
    path.touch(mode=0o600)
    path.write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        key.load(path)

    place, shown = str(caught.value).split(": expected ")
    words = re.findall(r"[A-Za-z0-9/=]{4,}", content.decode("latin-1"))
    assert (place, [word for word in words if word in shown]) == (str(path), [])
    assert caught.value.__suppress_context__  # the cause may quote it


def test_a_key_file_that_is_missing_or_unreadable_says_what_a_new_key_would_do(tmp_path: Path) -> None:
    (tmp_path / "ledger.key").mkdir()

    for name, why in (("none.key", "No such file or directory"), ("ledger.key", "Is a directory")):
        with pytest.raises(ConfigurationError, match=rf"{name} cannot be read \({why}\): .* would start a new log"):
            LEDGER.load(tmp_path / name)
    with pytest.raises(ConfigurationError, match=r"attest.key cannot be read .*: restore it .* run `probity init`"):
        ATTEST.load(tmp_path / "attest.key")


def test_settling_what_is_settled_changes_nothing_and_takes_no_lock(engine: Engine, folder: Path) -> None:
    _rotate(engine, folder, LEDGER)
    (folder / ".lock").unlink()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    settle(engine, folder)

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_process_that_still_holds_the_old_key_is_told_to_restart(engine: Engine, folder: Path) -> None:
    old = _id(CERTIFICATE, CERTIFICATE.file(folder))
    with transaction(engine) as session:
        require_in_force(session, "certificate", old)
    new = _rotate(engine, folder, CERTIFICATE)

    with transaction(engine) as session:
        require_in_force(session, "certificate", new)
        with pytest.raises(ConfigurationError, match=f"{old} was replaced by {new} since this process began: restart"):
            require_in_force(session, "certificate", old)


@pytest.mark.postgres
def test_a_rotation_is_recorded_on_postgresql_too(postgres_engine: Engine, folder: Path) -> None:
    new = _rotate(postgres_engine, folder, LEDGER)
    settle(postgres_engine, folder)

    assert _id(LEDGER, LEDGER.file(folder)) == new == _events(postgres_engine)[0]["new"]


@pytest.mark.postgres
def test_a_key_is_not_replaced_under_those_who_are_signing_with_it(postgres_engine: Engine, folder: Path) -> None:
    engine, old = postgres_engine, _id(CERTIFICATE, CERTIFICATE.file(folder))
    with ThreadPoolExecutor(1) as pool:
        with transaction(engine) as signing:
            require_in_force(signing, "certificate", old)
            with transaction(engine) as beside:
                beside.execute(text("set local lock_timeout = '5s'"))
                require_in_force(beside, "certificate", old)
            rotation = pool.submit(_rotate, engine, folder, CERTIFICATE)
            with pytest.raises(TimeoutError):
                rotation.result(timeout=0.5)
            assert last_rotation(signing, "certificate") is None
        new = rotation.result(timeout=30)

    with transaction(engine) as session, pytest.raises(ConfigurationError, match=f"{old} was replaced by {new}"):
        require_in_force(session, "certificate", old)
