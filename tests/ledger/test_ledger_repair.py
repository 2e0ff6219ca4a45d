"""What a disk lost of the published folder is written again from the entries; what somebody changed is not touched."""

import os
from pathlib import Path

import pytest
from sqlalchemy import Engine

from governance.errors import BrokenProof
from governance.ledger.durable_files import make_folder
from governance.ledger.publish import publish
from governance.ledger.published import read_note
from governance.ledger.repair import repair
from governance.ledger.trust_policy import trusting
from governance.ledger.verify import verify_folder
from tests.ledger.conftest import SIGNER, append_events
from tests.ledger.witnessed_log import POLICY, grow, noon, publish_witnessed

TRUSTED = trusting(SIGNER.verifier_key)
NAMES = [
    "tile/0/000",
    "tile/0/001.p/44",
    "tile/1/000.p/1",
    "tile/entries/000",
    "tile/entries/001.p/44",
    "log.vkey",
    "checkpoint",
]


@pytest.fixture
def folder(sqlite_log: Engine, tmp_path: Path) -> Path:
    """300 entries, published."""
    append_events(sqlite_log, 300)
    publish(sqlite_log, tmp_path / "ledger", SIGNER, clock=noon)
    return tmp_path / "ledger"


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kept", [None, 0, 30])
def test_a_file_that_is_gone_or_torn_is_restored_to_the_byte(
    name: str, kept: int | None, sqlite_log: Engine, folder: Path
) -> None:
    whole = contents(folder)
    (folder / name).unlink() if kept is None else (folder / name).write_bytes(whole[name][:kept])

    assert repair(sqlite_log, folder, TRUSTED) == (name,)
    assert contents(folder) == whole
    assert verify_folder(folder, TRUSTED).size == 300


@pytest.mark.parametrize("lost", [1, 20, 60, 130])
def test_a_cut_checkpoint_is_restored_whatever_the_order_of_its_cosignatures(
    lost: int, sqlite_log: Engine, tmp_path: Path
) -> None:
    append_events(sqlite_log, 3)
    publish_witnessed(sqlite_log, tmp_path / "ledger")
    note = read_note(tmp_path / "ledger")
    *rest, one, two = note.splitlines(keepends=True)
    (tmp_path / "ledger" / "checkpoint").write_bytes(b"".join([*rest, two, one])[:-lost])

    assert repair(sqlite_log, tmp_path / "ledger", POLICY) == ("checkpoint",)
    assert read_note(tmp_path / "ledger") == note


def test_a_whole_folder_that_is_gone_is_restored_and_an_intact_one_left_as_it_is(
    sqlite_log: Engine, folder: Path
) -> None:
    whole = contents(folder)
    times = {name: (folder / name).stat().st_mtime_ns for name in NAMES}
    assert repair(sqlite_log, folder, TRUSTED) == ()
    assert {name: (folder / name).stat().st_mtime_ns for name in NAMES} == times
    for name in NAMES:
        (folder / name).unlink()

    assert set(repair(sqlite_log, folder, TRUSTED)) == set(NAMES)
    assert contents(folder) == whole


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"checkpoint", "log.vkey"}])
@pytest.mark.parametrize("length", ["whole", "cut", "longer"])
def test_a_file_that_says_something_else_is_an_alarm_and_is_not_touched(
    name: str, length: str, sqlite_log: Engine, folder: Path
) -> None:
    data = bytearray((folder / name).read_bytes())
    data[0] ^= 1
    changed = bytes({"whole": data, "cut": data[:20], "longer": data + b"x"}[length])
    (folder / name).write_bytes(changed)

    with pytest.raises(BrokenProof, match=f"^{name}: its bytes are not those that the entries in the database give"):
        repair(sqlite_log, folder, TRUSTED)
    assert (folder / name).read_bytes() == changed


def test_nothing_is_restored_from_entries_that_are_not_the_published_ones(sqlite_log: Engine, folder: Path) -> None:
    (folder / "tile/0/000").unlink()
    (folder / "log.vkey").unlink()
    with sqlite_log.begin() as connection:
        for each in connection.exec_driver_sql("select name from sqlite_master where type = 'trigger'").scalars().all():
            connection.exec_driver_sql(f"drop trigger {each}")
        connection.exec_driver_sql("update ledger_entry set body = body || ' ' where seq = 2")

    with pytest.raises(BrokenProof, match="entry 2: its bytes do not give its leaf hash"):
        repair(sqlite_log, folder, TRUSTED)
    assert not (folder / "tile/0/000").exists()
    assert not (folder / "log.vkey").exists()


def test_a_lost_checkpoint_comes_back_with_the_quorum_that_it_had(sqlite_log: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    grow(sqlite_log, folder)
    whole = read_note(folder)
    (folder / "checkpoint").unlink()

    assert repair(sqlite_log, folder, POLICY) == ("checkpoint",)
    assert read_note(folder) == whole


def test_a_checkpoint_that_was_signed_and_never_had_its_quorum_is_not_what_comes_back(
    sqlite_log: Engine, tmp_path: Path
) -> None:
    folder = tmp_path / "ledger"
    grow(sqlite_log, folder)
    whole = read_note(folder)
    append_events(sqlite_log, 3)
    publish(sqlite_log, tmp_path / "elsewhere", SIGNER, clock=noon)
    (folder / "checkpoint").unlink()

    assert repair(sqlite_log, folder, POLICY) == ("checkpoint",)
    assert read_note(folder) == whole


def test_a_folder_that_was_never_published_is_not_made_up(sqlite_log: Engine, tmp_path: Path) -> None:
    with pytest.raises(BrokenProof, match="checkpoint: missing, and the database holds none"):
        repair(sqlite_log, tmp_path / "ledger", TRUSTED)


@pytest.mark.parametrize("name", ["tile/0/001.p/44", "tile/1/000.p/1"])
def test_a_publication_with_nothing_new_still_reads_the_edge(name: str, sqlite_log: Engine, folder: Path) -> None:
    data = bytearray((folder / name).read_bytes())
    data[5] ^= 1
    (folder / name).write_bytes(data)

    with pytest.raises(BrokenProof, match="the published tiles of size 300 do not give the published root"):
        publish(sqlite_log, folder, SIGNER, clock=noon)


def test_a_publication_with_nothing_new_still_holds_the_databases_tiles_against_the_signed_root(
    sqlite_log: Engine, folder: Path
) -> None:
    with sqlite_log.begin() as connection:
        connection.exec_driver_sql("drop trigger ledger_tile_no_update")
        connection.exec_driver_sql("update ledger_tile set root = zeroblob(32), hashes = zeroblob(8192)")

    with pytest.raises(BrokenProof, match="the tiles of size 300 in the database do not give the published root"):
        publish(sqlite_log, folder, SIGNER, clock=noon)


def test_an_empty_folder_that_a_crash_may_have_left_is_made_durable_in_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronised: list[Path] = []
    real = os.fsync
    monkeypatch.setattr(
        "os.fsync", lambda at: (synchronised.append(Path(f"/proc/self/fd/{at}").readlink()), real(at))[1]
    )
    (tmp_path / "a").mkdir()

    make_folder(tmp_path / "a")
    make_folder(tmp_path / "a/b")
    make_folder(tmp_path / "a")

    assert synchronised == [tmp_path, tmp_path, tmp_path / "a"]
