"""The lake: idempotent, durable, and able to forget."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from pseudonymisation.errors import LakeBusy, LakeError, LakeFull, UnknownVersion
from pseudonymisation.lake import Lake
from pseudonymisation.lake.storage import TableStorage
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.schema import KIND_BY_NAME, TIME, bucket_of

Anything = Any

ANNA = Pseudonym("a7" + "1" * 30)
BEN = Pseudonym("b7" + "2" * 30)
CLEO = Pseudonym("c2" + "3" * 30)
AT = datetime(2026, 2, 1, 10, 11, tzinfo=UTC)


def ratings(*rows: tuple[str, Pseudonym]) -> pa.Table:
    """One rating for each (event id, subject)."""
    ids, subjects = [event for event, _ in rows], [subject for _, subject in rows]
    columns = {
        "event_id": ids,
        "subject": subjects,
        "bucket": [bucket_of(subject) for subject in subjects],
        "at": pa.array([AT] * len(rows), TIME),
        "item": ["m1"] * len(rows),
        "stars": [4.0] * len(rows),
        "purposes": [["model_training"]] * len(rows),
    }
    return pa.table(columns, schema=KIND_BY_NAME["rating"].schema)


def searches(*rows: tuple[str, Pseudonym]) -> pa.Table:
    columns = {
        "event_id": [event for event, _ in rows],
        "subject": [subject for _, subject in rows],
        "bucket": [bucket_of(subject) for _, subject in rows],
        "at": pa.array([AT] * len(rows), TIME),
        "query": ["harbour"] * len(rows),
        "purposes": [["personalised_recommendations"]] * len(rows),
    }
    return pa.table(columns, schema=KIND_BY_NAME["search"].schema)


def bytes_under(folder: Path) -> bytes:
    """Every byte of every file, uncompressed where it is Parquet."""
    found = bytearray()
    for path in sorted(folder.rglob("*")):
        found += str(path.relative_to(folder)).encode()
        if path.is_file():
            found += path.read_bytes()
        if path.suffix == ".parquet" and path.is_file():
            found += str(pq.read_table(path, partitioning=None).to_pydict()).encode()
    return bytes(found)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def test_what_was_appended_is_read_back_as_it_was(lake: Lake) -> None:
    table = ratings(("e1", ANNA), ("e2", BEN))
    appended = lake.append({"rating": table}, batch_id="b1")

    assert appended.written == {"rating": 2}
    assert lake.scan("rating").sort_by("event_id") == table
    assert lake.count("rating") == 2


def test_an_empty_lake_answers_with_no_rows(lake: Lake) -> None:
    assert lake.versions() == {}
    assert lake.count("view") == 0
    assert lake.scan("view", columns=["item"]).schema == pa.schema([("item", pa.string())])
    assert lake.erase([ANNA]).rows == {}


def test_a_batch_that_comes_again_adds_nothing(lake: Lake) -> None:
    lake.append({"rating": ratings(("e1", ANNA), ("e2", BEN))}, batch_id="b1")
    versions = lake.versions()
    again = lake.append({"rating": ratings(("e2", BEN), ("e1", ANNA))}, batch_id="b1")
    mixed = lake.append({"rating": ratings(("e2", BEN), ("e3", BEN), ("e3", BEN))}, batch_id="b2")

    assert (again.written, again.duplicates) == ({"rating": 0}, {"rating": 2})
    assert (again.versions, versions) == (versions, {"rating": 1})
    assert (mixed.written, mixed.duplicates) == ({"rating": 1}, {"rating": 2})
    assert lake.count("rating") == 3


def test_subjects_columns_conditions_and_versions_narrow_a_scan(lake: Lake) -> None:
    first = lake.append({"rating": ratings(("e1", ANNA), ("e2", BEN))}, batch_id="b1").versions["rating"]
    lake.append({"rating": ratings(("e3", ANNA))}, batch_id="b2")

    assert lake.scan("rating", columns=["event_id"], subjects=[BEN]).to_pydict() == {"event_id": ["e2"]}
    assert lake.count("rating", subjects=[ANNA]) == 2
    assert lake.count("rating", subjects=[ANNA], version=first) == 1
    assert lake.scan("rating", where=pc.field("event_id") == "e3").num_rows == 1
    assert lake.scan("rating", subjects=[]).num_rows == 0


def test_a_version_that_does_not_exist_says_so(lake: Lake) -> None:
    lake.append({"rating": ratings(("e1", ANNA))}, batch_id="b1")

    with pytest.raises(UnknownVersion, match="no version 9"):
        lake.scan("rating", version=9)


def test_after_a_crash_between_kinds_a_second_try_adds_what_is_missing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = {"rating": ratings(("e1", ANNA)), "search": searches(("e2", ANNA))}
    write = TableStorage.write

    def crash(self: TableStorage, path: str, table: pa.Table, **more: Anything) -> Anything:
        if self.url.endswith("search"):
            raise KeyboardInterrupt
        return write(self, path, table, **more)

    monkeypatch.setattr(TableStorage, "write", crash)
    with pytest.raises(KeyboardInterrupt):
        lake.append(tables, batch_id="b1")
    assert (lake.count("rating"), lake.count("search")) == (1, 0)

    monkeypatch.setattr(TableStorage, "write", write)
    again = lake.append(tables, batch_id="b1")

    assert again.written == {"rating": 0, "search": 1}
    assert (lake.count("rating"), lake.count("search")) == (1, 1)


def test_a_full_disk_is_one_clear_error_and_leaves_nothing_half_written(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.append({"rating": ratings(("e1", ANNA))}, batch_id="b1")
    before = bytes_under(tmp_path / "lake")
    fsync, calls = os.fsync, []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 3:  # the second bucket's file: the first one's and its folder are synced by then
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LakeFull, match="adding rating events: the disk is full and nothing was changed; free space"):
        lake.append({"rating": ratings(("e2", ANNA), ("e3", CLEO))}, batch_id="b2")

    monkeypatch.setattr(os, "fsync", fsync)
    files = [path for path in (tmp_path / "lake").rglob("*.parquet") if path.read_bytes() not in before]
    assert len(calls) == 3
    assert files == []
    assert lake.count("rating") == 1


def test_a_commit_that_fails_takes_its_files_away_again(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.append({"rating": ratings(("e1", ANNA))}, batch_id="b1")

    def refuse(*_: Anything, **__: Anything) -> None:
        raise DeltaError

    monkeypatch.setattr(DeltaTable, "create_write_transaction", refuse)
    with pytest.raises(LakeError, match="adding rating events: Delta Lake refused"):
        lake.append({"rating": ratings(("e2", ANNA))}, batch_id="b2")

    assert len(list((tmp_path / "lake").rglob("*.parquet"))) == 1


def test_a_commit_that_failed_but_persisted_counts_as_written(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.append({"rating": ratings(("e1", ANNA))}, batch_id="b1")
    commit = DeltaTable.create_write_transaction

    def persist_and_fail(*arguments: Anything, **more: Anything) -> None:
        commit(*arguments, **more)
        raise OSError(errno.EIO, "lost the connection after the write")

    monkeypatch.setattr(DeltaTable, "create_write_transaction", persist_and_fail)
    appended = lake.append({"rating": ratings(("e2", ANNA))}, batch_id="b2")

    assert appended.written == {"rating": 1}
    assert lake.scan("rating", columns=["event_id"]).sort_by("event_id").to_pydict() == {"event_id": ["e1", "e2"]}


def test_an_erasure_removes_rows_older_versions_and_bytes(lake: Lake, tmp_path: Path) -> None:
    neighbour = Pseudonym("07" + "4" * 30)  # in Anna's bucket and Anna's files
    for number in range(3):
        rows = [(f"e{number}{subject[:2]}", subject) for subject in (ANNA, BEN, CLEO, neighbour)]
        lake.append({"rating": ratings(*rows), "search": searches((f"s{number}", ANNA))}, batch_id=f"b{number}")
    old = lake.versions()["rating"]
    assert ANNA.encode() in bytes_under(tmp_path / "lake")

    result = lake.erase([ANNA])

    assert result.rows == {"search": 3, "rating": 3}
    assert result.files_rewritten == {"search": 3, "rating": 3}
    assert result.versions == lake.versions()
    assert lake.count("rating", subjects=[ANNA]) == lake.count("search") == 0
    assert lake.count("rating") == 9
    assert lake.count("rating", subjects=[neighbour]) == 3
    assert ANNA.encode() not in bytes_under(tmp_path / "lake")
    with pytest.raises(UnknownVersion, match="ended by an erasure"):
        lake.scan("rating", version=old)


def test_an_erasure_that_was_cut_off_before_its_files_were_deleted_is_finished_by_the_next(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.append({"rating": ratings(("e1", ANNA), ("e2", BEN))}, batch_id="b1")
    vacuum = DeltaTable.vacuum

    def crash(*_: Anything, **__: Anything) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(DeltaTable, "vacuum", crash)
    with pytest.raises(KeyboardInterrupt):
        lake.erase([ANNA])
    assert ANNA.encode() in bytes_under(tmp_path / "lake")

    monkeypatch.setattr(DeltaTable, "vacuum", vacuum)
    assert lake.erase([ANNA]).rows == {"rating": 0}
    assert ANNA.encode() not in bytes_under(tmp_path / "lake")
    assert lake.count("rating") == 1


def test_the_logs_never_name_a_subject_not_even_after_checkpoints_and_compaction(lake: Lake, tmp_path: Path) -> None:
    for number in range(12):
        lake.append({"rating": ratings((f"e{number}", ANNA), (f"f{number}", BEN))}, batch_id=f"b{number}")
    DeltaTable(tmp_path / "lake" / "rating").create_checkpoint()

    assert lake.compact() == {"rating": 1}
    assert lake.count("rating") == 24
    assert ANNA.encode() not in bytes_under(tmp_path / "lake" / "rating" / "_delta_log")


def test_one_writer_at_a_time_over_processes(lake: Lake, tmp_path: Path) -> None:
    program = (
        "import sys; from pseudonymisation.lake import Lake\n"
        "with Lake(sys.argv[1]).exclusively(): print('held', flush=True); sys.stdin.read()"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "lake")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root, env={"PYTHONPATH": str(root)},
    ) as other:  # fmt: skip
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(LakeBusy, match="another process"):
            Lake(str(tmp_path / "lake"), lock_timeout_s=0.1).append({"rating": ratings(("e1", ANNA))}, batch_id="b")
        other.communicate()

    lake.append({"rating": ratings(("e1", ANNA))}, batch_id="b")
    assert lake.count("rating") == 1


# Ibis 12 calls what DuckDB 2 has renamed.
@pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
@pytest.mark.parametrize("reader", ["duckdb", "delta"])
def test_other_engines_read_the_same_rows(
    lake: Lake, tmp_path: Path, reader: str, rows_by: dict[str, Callable[[Lake, Path], list[tuple[str, str]]]]
) -> None:
    lake.append({"rating": ratings(("e1", ANNA), ("e2", BEN))}, batch_id="b1")

    assert sorted(rows_by[reader](lake, tmp_path)) == [("e1", ANNA), ("e2", BEN)]


@pytest.fixture
def rows_by() -> dict[str, Callable[[Lake, Path], list[tuple[str, str]]]]:
    import ibis

    def by_duckdb(lake: Lake, _: Path) -> list[tuple[str, str]]:
        table = lake.relation(ibis.duckdb.connect(), "rating")
        return [tuple(row.values()) for row in table.select("event_id", "subject").to_pyarrow().to_pylist()]

    def by_delta(_: Lake, folder: Path) -> list[tuple[str, str]]:
        rows = DeltaTable(folder / "lake" / "rating").to_pyarrow_table(columns=["event_id", "subject"]).to_pylist()
        return [tuple(row.values()) for row in rows]

    return {"duckdb": by_duckdb, "delta": by_delta}


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(LakeError, match="file/lake cannot be written: Not a directory"):
        Lake(str(tmp_path / "file" / "lake")).append({"rating": ratings(("e1", ANNA))}, batch_id="b1")


def test_a_lake_behind_a_url_appends_scans_and_erases_alike(tmp_path: Path) -> None:
    for kind in ("rating", "search", "view", "browse", "declaration"):
        (tmp_path / "remote" / kind).mkdir(parents=True)
    lake = Lake(f"file://{tmp_path}/remote")
    lake.append({"rating": ratings(("e1", ANNA), ("e2", BEN))}, batch_id="b1")
    lake.append({"rating": ratings(("e2", BEN), ("e3", ANNA))}, batch_id="b2")

    assert lake.count("rating") == 3
    assert lake.erase([ANNA]).rows == {"rating": 2}
    assert lake.scan("rating", columns=["event_id"]).to_pydict() == {"event_id": ["e2"]}
    assert ANNA.encode() not in bytes_under(tmp_path / "remote")
