"""Retention in the lake: exactly what is too old goes, and its bytes go with it."""

import errno
import json
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudonymisation.errors import LakeError, UnknownVersion
from pseudonymisation.lake import Lake
from pseudonymisation.lake.storage import TableStorage
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.schema import KIND_BY_NAME, TIME, bucket_of

Anything = Any
Search = tuple[str, Pseudonym, datetime]

ANNA = Pseudonym("a7" + "1" * 30)
BEN = Pseudonym("07" + "2" * 30)  # in Anna's bucket, so in Anna's files
CLEO = Pseudonym("c2" + "3" * 30)
CUT = datetime(2026, 8, 25, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def searches(*rows: Search) -> pa.Table:
    columns = {
        "event_id": [event for event, _, _ in rows],
        "subject": [subject for _, subject, _ in rows],
        "bucket": [bucket_of(subject) for _, subject, _ in rows],
        "at": pa.array([at for _, _, at in rows], TIME),
        "query": [f"words of {event}" for event, _, _ in rows],
        "purposes": [["personalised_recommendations", "model_training"]] * len(rows),
    }
    return pa.table(columns, schema=KIND_BY_NAME["search"].schema)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*.parquet")}


def text_under(folder: Path) -> str:
    """Everything that can be read under a folder: logs as they are, data files row by row."""
    logs = "".join(path.read_text() for path in folder.rglob("*.json"))
    return logs + "".join(str(pq.read_table(path, partitioning=None).to_pydict()) for path in folder.rglob("*.parquet"))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


_ROW = st.tuples(st.sampled_from([ANNA, BEN, CLEO]), st.integers(-3, 3))
_BATCHES = st.lists(st.lists(_ROW, min_size=1, max_size=4), min_size=1, max_size=3)


@settings(max_examples=25, deadline=None)
@given(batches=_BATCHES)
def test_exactly_the_rows_before_the_moment_go_and_the_others_keep_every_value(
    batches: Sequence[Sequence[tuple[Pseudonym, int]]],
) -> None:
    with tempfile.TemporaryDirectory() as root:
        lake = Lake(root)
        rows = [
            [(f"e{number}-{place}", subject, CUT + ticks * TICK) for place, (subject, ticks) in enumerate(batch)]
            for number, batch in enumerate(batches)
        ]
        for number, batch in enumerate(rows):
            lake.append({"search": searches(*batch)}, batch_id=f"b{number}")

        result = lake.expire("search", before=CUT)

        every = [row for batch in rows for row in batch]
        young = [row for row in every if row[2] >= CUT]
        assert result.rows == len(every) - len(young)
        assert lake.scan("search").sort_by("event_id") == searches(*young).sort_by("event_id")
        left = text_under(Path(root))
        assert all((f"words of {event}'" in left) == (at >= CUT) for event, _, at in every)


def test_older_versions_and_their_bytes_go_and_only_files_that_reach_back_are_rewritten(
    lake: Lake, tmp_path: Path
) -> None:
    day = timedelta(days=1)
    lake.append({"search": searches(("old", ANNA, CUT - day), ("older", ANNA, CUT - 9 * day))}, batch_id="b1")
    lake.append({"search": searches(("mixed", ANNA, CUT - TICK), ("exact", BEN, CUT))}, batch_id="b2")
    before = files_of(tmp_path)
    lake.append({"search": searches(("young", ANNA, CUT + day), ("far", CLEO, CUT + day))}, batch_id="b3")
    version, young = lake.versions()["search"], files_of(tmp_path).keys() - before.keys()

    result = lake.expire("search", before=CUT)

    assert (result.rows, result.files_rewritten, result.files_deleted) == (3, 2, 2)
    assert result.version == lake.versions()["search"]
    assert sorted(lake.scan("search", columns=["event_id"])["event_id"].to_pylist()) == ["exact", "far", "young"]
    after = files_of(tmp_path)
    assert before.keys() & after.keys() == set()
    assert young < after.keys()
    assert len(after) == 3
    assert "words of old" not in text_under(tmp_path)
    with pytest.raises(UnknownVersion, match="ended by an erasure or expiry"):
        lake.scan("search", version=version)


def test_files_that_begin_later_are_not_even_opened_for_rewriting(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.append({"search": searches(("old", ANNA, CUT - TICK))}, batch_id="b1")
    lake.append({"search": searches(("young", ANNA, CUT))}, batch_id="b2")
    DeltaTable(f"{lake.root}/search").create_checkpoint()
    opened: list[tuple[str, list[str] | None]] = []
    read = TableStorage.read

    def noting(self: TableStorage, path: str, columns: list[str] | None = None) -> pa.Table:
        opened.append((path, columns))
        return read(self, path, columns)

    monkeypatch.setattr(TableStorage, "read", noting)
    lake.expire("search", before=CUT)

    (young,) = {path.name for path in Path(lake.root).rglob("*.parquet") if "_delta_log" not in path.parts}
    whole = [path for path, columns in opened if columns is None]
    assert len(whole) == 1
    assert young not in whole[0]
    # Once, and its times only: by the second read, which does not take the log's word.
    assert [columns for path, columns in opened if young in path] == [["at"]]


def test_nothing_old_changes_nothing(lake: Lake, tmp_path: Path) -> None:
    assert lake.expire("search", before=CUT).version is None

    lake.append({"search": searches(("young", ANNA, CUT))}, batch_id="b1")
    before, version = files_of(tmp_path), lake.versions()
    result = lake.expire("search", before=CUT)

    assert (result.rows, result.files_rewritten, result.files_deleted) == (0, 0, 0)
    assert files_of(tmp_path) == before
    assert lake.versions() == version


def test_a_table_may_be_emptied_twice_and_filled_again(lake: Lake) -> None:
    lake.append({"search": searches(("old", ANNA, CUT - TICK))}, batch_id="b1")

    assert lake.expire("search", before=CUT).rows == 1
    assert lake.expire("search", before=CUT).rows == 0
    assert lake.count("search") == 0
    lake.append({"search": searches(("young", ANNA, CUT))}, batch_id="b2")
    assert lake.count("search") == 1


def test_rows_from_before_a_moment_are_counted_without_being_touched(lake: Lake) -> None:
    lake.append({"search": searches(("a", ANNA, CUT - TICK), ("b", BEN, CUT), ("c", BEN, CUT - TICK))}, batch_id="b1")

    assert lake.count("search", before=CUT) == 2
    assert lake.count("search", before=CUT, subjects=[BEN]) == 1
    assert lake.count("search") == 3
    assert lake.count("view", before=CUT) == 0


@pytest.mark.parametrize("step", ["create_write_transaction", "vacuum"])
def test_an_expiry_that_was_cut_off_is_finished_by_the_next(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    lake.append({"search": searches(("old", ANNA, CUT - TICK), ("young", BEN, CUT))}, batch_id="b1")

    def crash(*_: Anything, **__: Anything) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(DeltaTable, step, crash)
        with pytest.raises(KeyboardInterrupt):
            lake.expire("search", before=CUT)
    assert "words of old" in text_under(tmp_path)

    lake.expire("search", before=CUT)
    assert "words of old" not in text_under(tmp_path)
    assert lake.scan("search", columns=["event_id"]).to_pydict() == {"event_id": ["young"]}
    assert len(files_of(tmp_path)) == 1


def test_a_full_disk_leaves_every_row_where_it_was(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.append({"search": searches(("old", ANNA, CUT - TICK), ("young", BEN, CUT))}, batch_id="b1")
    before = files_of(tmp_path)

    def full(*_: Anything) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(LakeError, match="expiring search events: the disk is full and nothing was changed"):
            lake.expire("search", before=CUT)

    assert lake.count("search") == 2
    assert files_of(tmp_path) == before


def test_a_log_that_misstates_a_files_times_is_found_by_the_second_read(lake: Lake, tmp_path: Path) -> None:
    lake.append({"search": searches(("old", ANNA, CUT - TICK))}, batch_id="b1")
    (entry,) = [path for path in (tmp_path / "lake").rglob("*.json") if '"add"' in path.read_text()]
    lines = [json.loads(line) for line in entry.read_text().splitlines()]
    for line in lines:
        if "add" in line:
            stats = json.loads(line["add"]["stats"])
            line["add"]["stats"] = json.dumps({**stats, "minValues": {"at": "2026-12-31T00:00:00.000000Z"}})
    entry.write_text("\n".join(json.dumps(line) for line in lines))

    with pytest.raises(LakeError, match="rows are still there, in a file whose earliest time the log misstates"):
        lake.expire("search", before=CUT)


def test_a_file_of_another_writer_without_times_in_the_log_is_read(lake: Lake, tmp_path: Path) -> None:
    lake.append({"search": searches(("old", ANNA, CUT - TICK), ("young", BEN, CUT))}, batch_id="b1")
    (entry,) = [path for path in (tmp_path / "lake").rglob("*.json") if '"add"' in path.read_text()]
    lines = [json.loads(line) for line in entry.read_text().splitlines()]
    for line in lines:
        line.get("add", {}).pop("stats", None)
    entry.write_text("\n".join(json.dumps(line) for line in lines))

    assert lake.expire("search", before=CUT).rows == 1
    assert lake.scan("search", columns=["event_id"]).to_pydict() == {"event_id": ["young"]}
