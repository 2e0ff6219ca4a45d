"""Quarantine: the place and the reason in clear, the text sealed or gone."""

import errno
import json
import os
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pseudonymisation.errors import QuarantineError
from pseudonymisation.keyring import Keyring, generate_keyring
from pseudonymisation.quarantine import Quarantine, list_quarantine, open_sealed, purge, rejects_of, store
from pseudonymisation.rejection import Fault, Reject

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BATCH = "ab" * 16
RAW = b'{"subject": {"email": "anna.canary@example.org"}, "kind": "nap"}'
REJECTS = [
    (Reject(7, Fault("kind", "one of view, search", "another", "unknown kind")), RAW),
    (Reject(9, Fault("line", "UTF-8", "another byte at offset 0", "not UTF-8")), b"\xff\x00"),
]


@pytest.fixture
def quarantine(tmp_path: Path, keyring: Keyring) -> Quarantine:
    return Quarantine(folder=tmp_path / "quarantine", rule="encrypt", keys=keyring.quarantine)


def test_the_text_is_sealed_and_the_index_says_where_and_why(quarantine: Quarantine) -> None:
    store(quarantine, BATCH, REJECTS, source="events.ndjson", at=AT)

    assert open_sealed(quarantine, BATCH) == [(7, RAW), (9, b"\xff\x00")]
    assert rejects_of(quarantine.folder, BATCH)[0] == {
        "line": 7, "field": "kind", "expected": "one of view, search", "got": "another", "reason": "unknown kind"
    }  # fmt: skip
    (listed,) = list_quarantine(quarantine.folder)
    assert (listed.source, listed.lines, listed.text, listed.at) == ("events.ndjson", 2, "sealed", AT)
    assert listed.by_reason == {"unknown kind": 1, "not UTF-8": 1}


def test_no_byte_on_disk_shows_the_text_and_only_the_owner_may_read(quarantine: Quarantine) -> None:
    store(quarantine, BATCH, REJECTS, source="events.ndjson", at=AT)
    files = list(quarantine.folder.iterdir())

    assert len(files) == 2
    assert all(b"canary" not in path.read_bytes() for path in files)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(quarantine.folder.stat().st_mode) == 0o700


def test_the_rule_drop_keeps_the_index_alone(quarantine: Quarantine) -> None:
    dropping = replace(quarantine, rule="drop")
    store(dropping, BATCH, REJECTS, source="events.ndjson", at=AT)

    assert [path.name for path in dropping.folder.iterdir()] == [f"{BATCH}.index.json"]
    assert list_quarantine(dropping.folder)[0].text == "dropped"
    with pytest.raises(QuarantineError, match="no sealed text"):
        open_sealed(dropping, BATCH)


def test_another_key_a_changed_byte_or_another_batchs_name_opens_nothing(quarantine: Quarantine) -> None:
    store(quarantine, BATCH, REJECTS, source="events.ndjson", at=AT)
    sealed = quarantine.folder / f"{BATCH}.jsonl.enc"
    content = sealed.read_bytes()
    (quarantine.folder / f"{'cd' * 16}.jsonl.enc").write_bytes(content)

    with pytest.raises(QuarantineError, match="does not open"):
        open_sealed(replace(quarantine, keys=generate_keyring().quarantine), BATCH)
    with pytest.raises(QuarantineError, match="does not open"):
        open_sealed(quarantine, "cd" * 16)
    sealed.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(QuarantineError, match="does not open"):
        open_sealed(quarantine, BATCH)


def test_the_same_batch_again_replaces_itself(quarantine: Quarantine) -> None:
    store(quarantine, BATCH, REJECTS, source="events.ndjson", at=AT)
    store(quarantine, BATCH, REJECTS[:1], source="events.ndjson", at=AT)

    assert [entry.lines for entry in list_quarantine(quarantine.folder)] == [1]
    assert open_sealed(quarantine, BATCH) == [(7, RAW)]


def test_old_batches_are_purged_whole(quarantine: Quarantine) -> None:
    store(quarantine, BATCH, REJECTS, source="old", at=AT - timedelta(days=15))
    store(quarantine, "cd" * 16, REJECTS, source="new", at=AT)

    assert purge(quarantine.folder, before=AT - timedelta(days=14)) == 1
    assert [entry.source for entry in list_quarantine(quarantine.folder)] == ["new"]
    assert not list(quarantine.folder.glob(f"{BATCH}*"))


def test_nothing_rejected_leaves_no_trace_and_no_folder_lists_nothing(quarantine: Quarantine) -> None:
    store(quarantine, BATCH, [], source="events.ndjson", at=AT)

    assert not quarantine.folder.exists()
    assert list_quarantine(quarantine.folder) == ()


def test_a_full_disk_leaves_no_half_written_file(quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(QuarantineError, match="No space left on device; free space and send the batch again"):
        store(quarantine, BATCH, REJECTS, source="events.ndjson", at=AT)

    assert list(quarantine.folder.iterdir()) == []


def test_the_index_holds_no_value_of_the_line(quarantine: Quarantine) -> None:
    store(quarantine, BATCH, REJECTS, source="events.ndjson", at=AT)
    index = json.loads((quarantine.folder / f"{BATCH}.index.json").read_text())

    assert set(index) == {"batch", "source", "at", "text", "rejects"}
    assert {key for reject in index["rejects"] for key in reject} == {"line", "field", "expected", "got", "reason"}
