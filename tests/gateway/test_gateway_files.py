"""Files through the whole gateway: every bad input, idempotence, consents, and canaries that must not be found."""

import errno
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pseudonymisation.consents import DECIDED
from pseudonymisation.errors import LakeFull, QualityFailure
from pseudonymisation.gateway.batch import Gateway
from pseudonymisation.gateway.files import Pace, batches_of, ingest_consents, ingest_files
from pseudonymisation.identifiers import read_identity
from pseudonymisation.quarantine import list_quarantine, open_sealed, rejects_of
from pseudonymisation.vault import Vault

Records = Any  # the class is in conftest.py, which tests cannot import
Anything = Any

Line = Callable[..., bytes]


def everything_under(folder: Path) -> bytes:
    """Every name and byte below a folder, Parquet also as decoded values."""
    found = bytearray()
    for path in sorted(folder.rglob("*")):
        found += str(path.relative_to(folder)).encode()
        if path.is_file():
            found += path.read_bytes()
        if path.suffix == ".parquet":
            found += str(pq.read_table(path, partitioning=None).to_pydict()).encode()
    return bytes(found)


def test_each_bad_line_is_left_out_counted_and_quarantined_while_the_rest_goes_through(
    event: Line, gateway: Gateway, records: Records
) -> None:
    lines = [
        event(event_id="good"),
        b'{"kind": "rating", broken',
        event(event_id="2", kind="nap"),
        event(event_id="3", at="2026-03-01T12:06:00Z"),
        event(event_id="4", item="a" * 10_000_000),
        b"\xc3\x28",
        event(event_id="good"),
        event(event_id="6", item="m99"),
        event(event_id="7", subject={}),
        event(event_id="8", stars=None),
        event(event_id="9", stars="five"),
        event(event_id="10", stars=0),
        b"",
    ]
    summary = ingest_files(lines, gateway, records, source="events.ndjson")

    assert summary.written == {"rating": 1}
    assert summary.received == 12
    assert summary.quarantined == 11
    assert summary.dropped == {
        "malformed": 1, "unknown kind": 1, "future": 1, "too long": 1, "not UTF-8": 1, "duplicate": 1,
        "unknown item": 1, "identity": 1, "missing field": 1, "wrong type": 1, "out of range": 1,
    }  # fmt: skip
    (batch,) = list_quarantine(gateway.quarantine.folder)
    assert [record["line"] for record in rejects_of(gateway.quarantine.folder, batch.batch)] == list(range(2, 13))
    assert open_sealed(gateway.quarantine, batch.batch)[0] == (2, b'{"kind": "rating", broken')


def test_line_numbers_go_on_over_batches_and_progress_is_told(event: Line, gateway: Gateway, records: Records) -> None:
    done: list[int] = []
    lines = [event(event_id=str(n)) for n in range(5)]
    lines[3] = b"broken"
    summary = ingest_files(
        lines, gateway, records, source="events.ndjson", pace=Pace(batch_lines=2, progress=done.append)
    )

    assert done == [2, 4, 5]
    assert (summary.batches, summary.written) == (3, {"rating": 4})
    assert [reject.line for batch in records.batches for reject in batch.rejects] == [4]
    assert [batch.first_line for batch in records.batches] == [1, 3, 5]


def test_the_same_file_again_adds_nothing_and_has_the_same_batch_names(
    event: Line, gateway: Gateway, records: Records
) -> None:
    lines = [event(event_id=str(n)) for n in range(4)]
    first = ingest_files(lines, gateway, records, source="events.ndjson")
    again = ingest_files(lines, gateway, records, source="events.ndjson")

    assert (first.written, first.duplicates) == ({"rating": 4}, 0)
    assert (first.batches_repeated, again.batches_repeated) == (0, 1)
    assert (again.written, again.duplicates) == ({}, 4)
    assert again.versions == first.versions
    assert len(records.batches) == 1


def test_a_batch_that_is_on_record_enrols_nobody_and_is_not_quarantined_again(
    event: Line, gateway: Gateway, vault: Vault, records: Records
) -> None:
    lines = [event(), b"broken"]
    ingest_files(lines, gateway, records, source="f")
    ingest_consents([consent(), b"broken"], gateway, records, source="c")
    anna = read_identity({"account_id": "anna"})
    vault.erase(vault.find(anna, domain="events"), domain="events")
    for path in gateway.quarantine.folder.iterdir():
        path.unlink()

    events = ingest_files(lines, gateway, records, source="f")
    consents = ingest_consents([consent(), b"broken"], gateway, records, source="c")

    assert vault.find(anna, domain="events") is None
    assert list(gateway.quarantine.folder.iterdir()) == []
    assert (events.received, events.duplicates, events.dropped) == (2, 1, {"malformed": 1})
    assert (consents.received, consents.decided, consents.repeated, consents.dropped) == (2, 0, 1, {"malformed": 1})


def test_the_same_bytes_as_events_and_as_decisions_are_two_batches(
    event: Line, gateway: Gateway, records: Records
) -> None:
    both = [event(), consent()]
    ingest_files(both, gateway, records, source="player")

    assert ingest_consents(both, gateway, records, source="player").decided == 1


def test_rows_and_decisions_are_handed_on_in_an_order_that_is_not_the_order_of_arrival(
    event: Line, gateway: Gateway, records: Records
) -> None:
    accounts = [f"account-{number}" for number in range(40)]
    lines = [event(event_id=name, subject={"account_id": name}) for name in accounts]
    ingest_files(lines, gateway, records, source="events.ndjson")
    ingest_consents([consent(subject={"account_id": name}) for name in accounts], gateway, records, source="c")

    (decisions,) = records.decisions
    assert decisions["subject"].to_pylist() == sorted(decisions["subject"].to_pylist())
    for path in gateway.lake.dataset("rating").files:
        stored = pq.read_table(Path(gateway.lake.root) / "rating" / path, partitioning=None)["event_id"].to_pylist()
        assert stored == sorted(stored)
    assert gateway.lake.count("rating") == len(accounts)


def test_a_batch_is_durable_before_it_is_reported(event: Line, gateway: Gateway) -> None:
    class Looking:
        def accepted(self, summary: Anything) -> None:
            assert gateway.lake.count("rating") == summary.written["rating"] == 1
            raise ConnectionError

    with pytest.raises(ConnectionError):
        ingest_files([event()], gateway, Looking(), source="events.ndjson")
    assert gateway.lake.count("rating") == 1


def test_after_a_crash_the_same_file_goes_on_where_it_was(
    event: Line, gateway: Gateway, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [event(event_id=str(n)) for n in range(6)]
    accepted, calls = records.accepted, []

    def crash_second(summary: Anything) -> None:
        calls.append(summary)
        if len(calls) == 2:
            raise KeyboardInterrupt
        accepted(summary)

    monkeypatch.setattr(records, "accepted", crash_second)
    with pytest.raises(KeyboardInterrupt):
        ingest_files(lines, gateway, records, source="f", pace=Pace(batch_lines=2))
    again = ingest_files(lines, gateway, records, source="f", pace=Pace(batch_lines=2))

    assert (again.written, again.duplicates) == ({"rating": 2}, 4)
    assert gateway.lake.count("rating") == 6


def test_a_full_disk_stops_with_one_clear_error_and_leaves_nothing_half_written(
    event: Line, gateway: Gateway, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(LakeFull, match="disk is full and nothing was changed; free space and run it again"):
            ingest_files([event()], gateway, records, source="events.ndjson")

    assert records.batches == []
    assert gateway.lake.count("rating") == 0
    assert ingest_files([event()], gateway, records, source="events.ndjson").written == {"rating": 1}


def test_a_batch_that_fails_the_quality_suite_is_not_written(
    event: Line, gateway: Gateway, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pseudonymisation.kernel.event_id_of", lambda raw, _key: raw)

    with pytest.raises(QualityFailure, match=r"from line 1: .*nothing was written: rating\.event_id") as failure:
        ingest_files([event(event_id="anna.canary")], gateway, records, source="events.ndjson")

    assert "canary" not in str(failure.value)
    assert gateway.lake.versions() == {}


CANARIES = {
    "account_id": "canary-account-0af3",
    "email": "canary.mail@example.org",
    "device_id": "canary-device-77bd",
    "phone": "+4915155500199",
}


def test_planted_identifiers_are_found_in_no_byte_outside_the_vault_and_no_log(
    event: Line, gateway: Gateway, records: Records, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    mail = CANARIES["email"]
    subject = CANARIES | {"ip": "203.0.113.99"}
    lines = [
        event(subject=subject, event_id=mail, nickname=mail, **{mail: mail}),
        event(subject=subject, event_id="2", kind="search", query=f"harbour {mail} {CANARIES['phone']}"),
        event(subject=subject, event_id="3", item=mail),
        event(subject=subject, event_id="4", kind=mail),
        event(subject=subject, event_id="5", at=mail),
        event(subject=subject, event_id="6", stars=mail),
        event(subject={mail: mail}, event_id="7"),
        event(subject={"email": "canary.mail"}, event_id="8"),
        event(subject=subject, event_id=mail),
        b"canary.mail@example.org \xff",
    ]
    summary = ingest_files(lines, gateway, records, source="events.ndjson")
    consent = b'{"subject": {"email": "%s"}, "purpose": "%s"}' % (mail.encode(), mail.encode())
    ingest_consents([consent, consent + b"}"], gateway, records, source="consents.ndjson")
    seen = everything_under(tmp_path) + caplog.text.encode() + repr((summary, records, gateway)).encode()

    assert summary.written == {"search": 1, "rating": 1}
    assert len(list_quarantine(gateway.quarantine.folder)) == 2
    assert gateway.lake.scan("search")["query"].to_pylist() == ["harbour"]
    for canary in (*CANARIES.values(), "canary", "203.0.113.99", "5155500199"):
        assert canary.encode() not in seen


def test_an_erased_subject_is_gone_from_vault_and_lake_and_comes_back_as_somebody_else(
    event: Line, gateway: Gateway, vault: Vault, records: Records, tmp_path: Path
) -> None:
    anna = read_identity({"account_id": "anna"})
    ingest_files([event(), event(event_id="2", subject={"account_id": "ben"})], gateway, records, source="f")
    before = vault.find(anna, domain="events")
    assert before is not None

    vault.erase(before, domain="events")
    gateway.lake.erase([before])
    ingest_files([event()], gateway, records, source="f")
    after = vault.find(anna, domain="events")

    assert after not in (None, before)
    assert before.encode() not in everything_under(tmp_path)
    assert gateway.lake.count("rating") == 2


def consent(purpose: str = "model_training", decision: str = "grant", **changes: Anything) -> bytes:
    import json

    record = {
        "subject": {"account_id": "anna"}, "purpose": purpose, "decision": decision, "at": "2026-02-01T00:00:00Z",
        "notice": "v1", "method": "banner",
    } | changes  # fmt: skip
    return json.dumps({name: value for name, value in record.items() if value is not None}).encode()


def test_consent_records_arrive_pseudonymised_and_one_subjects_in_the_order_of_time(
    gateway: Gateway, vault: Vault, records: Records
) -> None:
    later = consent(decision="refuse", at="2026-02-02T00:00:00Z", method="settings")
    lines = [later, consent()]
    summary = ingest_consents(lines, gateway, records, source="consents.ndjson")
    (decisions,) = records.decisions

    assert decisions.schema == DECIDED
    assert decisions["decision"].to_pylist() == ["grant", "refuse"]
    assert set(decisions["subject"].to_pylist()) == {
        vault.find(read_identity({"account_id": "anna"}), domain="consent")
    }
    assert (summary.received, summary.decided, summary.quarantined) == (2, 2, 0)


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"purpose": "astrology"}, "purpose", "out of range"),
        ({"purpose": None}, "purpose", "missing field"),
        ({"decision": "maybe"}, "decision", "out of range"),
        ({"decision": 1}, "decision", "wrong type"),
        ({"method": "telepathy"}, "method", "out of range"),
        ({"notice": "anna@example.org"}, "notice", "malformed"),
        ({"notice": None}, "notice", "malformed"),
        ({"notice": "v2"}, "notice", "out of range"),
        ({"at": "2026-03-02T00:00:00Z"}, "at", "future"),
        ({"subject": {}}, "subject", "identity"),
        ({"subject": None}, "subject", "identity"),
    ],
)
def test_a_bad_consent_record_is_quarantined_and_never_guessed_at(
    gateway: Gateway, records: Records, changes: dict[str, Any], field: str, reason: str
) -> None:
    summary = ingest_consents([consent(**changes)], gateway, records, source="consents.ndjson")
    (batch,) = list_quarantine(gateway.quarantine.folder)
    (reject,) = rejects_of(gateway.quarantine.folder, batch.batch)

    assert (summary.decided, summary.dropped, records.decisions) == (0, {reason: 1}, [])
    assert reject["field"] == field


def test_long_lines_close_a_batch_early() -> None:
    lines = [b"a" * (20 << 20), b"b" * (20 << 20), b"c"]

    assert [len(batch) for batch in batches_of(iter(lines), 1000)] == [2, 1]


def test_a_quarantine_that_drops_keeps_no_text_of_any_rejected_line(
    event: Line, gateway: Gateway, records: Records
) -> None:
    dropping = replace(gateway, quarantine=replace(gateway.quarantine, rule="drop"))
    ingest_files([event(kind="nap")], dropping, records, source="events.ndjson")

    assert [path.suffixes for path in gateway.quarantine.folder.iterdir()] == [[".index", ".json"]]


def test_real_ratings_of_movielens_100k_go_through_whole(gateway: Gateway, records: Records, event: Line) -> None:
    # The first ratings of the published file's layout; the whole file is run by the end-to-end test.
    ratings = ["196\t242\t3\t881250949", "186\t302\t3\t891717742", "22\t377\t1\t878887116", "244\t51\t2\t880606923"]
    lines = []
    for number, row in enumerate(ratings):
        account, item, stars, seconds = row.split("\t")
        at = pa.scalar(int(seconds), pa.timestamp("s")).as_py().strftime("%Y-%m-%dT%H:%M:%SZ")
        subject = {"account_id": f"ml-100k-subject-{account}"}
        lines.append(event(event_id=f"r{number}", at=at, subject=subject, item=item, stars=int(stars)))
    known = replace(gateway, context=replace(gateway.context, items=frozenset({"242", "302", "377", "51"})))
    summary = ingest_files(lines, known, records, source="u.data")

    assert summary.written == {"rating": 4}
    assert sorted(gateway.lake.scan("rating")["stars"].to_pylist()) == [1.0, 2.0, 3.0, 3.0]
