"""Making a pack: what is in it, what is not, and that the same period is the same file."""

import csv
import io
import re
import zipfile
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from governance.database import transaction
from governance.errors import BrokenProof, Conflict, InvalidInput
from governance.evidence.gathering import Shelf
from governance.evidence.period import Period
from governance.evidence.verification import verify_pack
from governance.ledger.cosignature import WitnessSigner, cosign
from governance.ledger.cosigned import keep_cosignatures, with_cosignatures
from governance.ledger.note import add_signatures, decode_note, encode_vkey
from governance.ledger.search import Filter, follow
from governance.ledger.store import get_entry, list_checkpoints, size
from governance.ledger.trust_policy import parse_policy, trusting
from tests.governance.story import PEOPLE, SIGNER

if TYPE_CHECKING:
    from conftest import Filled

POLICY = trusting(SIGNER.verifier_key)


def test_a_pack_of_a_day_is_proved_complete_and_agrees_with_what_its_entries_name(packed: Path) -> None:
    found = verify_pack(packed, POLICY)

    assert (found.first, found.end, found.size, found.before, found.open_ended) == (7, 41, 44, 7, False)
    assert found.kinds["gate.decided"] == 2
    assert found.counts == {
        "reports": 2,
        "attacks": 0,
        "released": 0,
        "disclosed": 0,
        "prices": 0,
        "mitigations": 0,
        "notices": 1,
        "decisions": 2,
        "models": 2,
        "policies": 7,
        "attestations": 1,
    }
    assert found.missing == ()
    assert found.digest == sha256(packed.read_bytes()).hexdigest()


def test_the_same_period_is_the_same_file_however_often_and_however_late(filled: "Filled", packed: Path) -> None:
    first = filled.pack(filled.home / "first.zip", number=2)
    filled.decide_again(1)
    filled.tokens(4)
    filled.publish()
    second = filled.pack(filled.home / "second.zip", number=3)

    assert first.digest == second.digest == sha256(packed.read_bytes()).hexdigest()


def test_taking_evidence_is_an_entry_that_names_the_file_and_is_not_in_it(filled: "Filled") -> None:
    today = Period(date(2026, 11, 25), date(2026, 11, 25))
    pack = filled.pack(filled.home / "today.zip", today)

    with transaction(filled.engine) as session:
        entry = get_entry(session, size(session) - 1)
    assert entry.kind == "evidence.exported"
    assert (entry.body["pack"], entry.body["entries"], entry.body["checkpoint"]) == (pack.digest, 3, 44)
    assert entry.actor == "principal:auditor"
    assert verify_pack(filled.home / "today.zip", POLICY).open_ended
    assert "evidence.exported" not in verify_pack(filled.home / "today.zip", POLICY).kinds


def test_a_period_without_entries_is_shown_to_have_none(filled: "Filled") -> None:
    filled.pack(filled.home / "quiet.zip", Period(date(2026, 11, 21), date(2026, 11, 22)))

    found = verify_pack(filled.home / "quiet.zip", POLICY)

    assert (found.first, found.end, found.open_ended, found.kinds) == (7, 7, False, {})


@pytest.mark.parametrize(
    ("first", "last", "entries"),
    [
        ((1, 1), (11, 19), (0, 0)),
        ((11, 20), (11, 20), (0, 7)),
        ((11, 20), (11, 25), (0, 44)),
        ((12, 1), (12, 2), (44, 44)),
    ],
)  # fmt: skip
def test_periods_at_the_ends_of_the_log(
    filled: "Filled", first: tuple[int, int], last: tuple[int, int], entries: tuple[int, int]
) -> None:
    filled.pack(filled.home / "edge.zip", Period(date(2026, *first), date(2026, *last)))

    found = verify_pack(filled.home / "edge.zip", POLICY)

    assert (found.first, found.end) == entries


def test_the_table_is_readable_and_harmless_in_a_spreadsheet(packed: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        raw = archive.read("entries.csv")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))

    assert raw.startswith(b"\xef\xbb\xbf")
    assert [int(row["entry"]) for row in rows] == list(range(7, 41))
    assert next(row for row in rows if row["kind"] == "gate.decided")["what it says"].startswith(
        "The gate decided fail"
    )
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_a_pack_names_nobody(packed: Path) -> None:
    """Neither people who work here nor pseudonyms; the story's subjects are runs of one digit or counted numbers."""
    content = packed.read_bytes()

    for name in PEOPLE.values():
        assert name.encode() not in content
    for subject in ("a" * 32, "b" * 32, "e" * 32, f"{7:032x}"):
        assert subject.encode() not in content


def test_members_have_no_dates_and_any_unzip_opens_them(packed: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        assert archive.testzip() is None
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist()[-1] == "manifest.json"
        assert "probity evidence verify" in archive.read("README.md").decode()


def test_a_period_that_is_not_signed_yet_is_refused_and_leaves_nothing(filled: "Filled") -> None:
    filled.tokens(5)

    with pytest.raises(Conflict, match=r"reach to 44, 44 are signed: run `probity ledger publish`"):
        filled.pack(filled.home / "early.zip", Period(date(2026, 11, 25), date(2026, 11, 25)))

    assert not list(filled.home.glob("*early.zip*"))
    with transaction(filled.engine) as session:
        assert follow(session, Filter(kinds=("evidence.exported",))) == []


def test_where_the_entry_cannot_be_written_there_is_no_file(filled: "Filled") -> None:
    with transaction(filled.engine) as session:
        taken = get_entry(session, 3).id

    with pytest.raises(Conflict, match="used again"):
        filled.pack(filled.home / "x.zip", number=taken.int - 10**9)

    assert not list(filled.home.glob("*x.zip*"))


def test_a_file_that_exists_and_a_folder_that_does_not_are_refused(filled: "Filled") -> None:
    (filled.home / "mine.zip").write_bytes(b"mine")

    with pytest.raises(Conflict, match="expected a new file"):
        filled.pack(filled.home / "mine.zip")
    with pytest.raises(InvalidInput, match="expected a folder that exists"):
        filled.pack(filled.home / "nowhere" / "pack.zip")

    assert (filled.home / "mine.zip").read_bytes() == b"mine"


@pytest.mark.parametrize("day", [23, 20])
def test_a_period_too_long_for_whoever_reads_it_is_refused_before_it_is_logged(
    filled: "Filled", day: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    period = Period(date(2026, 11, day), date(2026, 11, day))
    filled.pack(filled.home / "fits.zip", period)
    with zipfile.ZipFile(filled.home / "fits.zip") as archive:
        largest = max(archive.infolist(), key=lambda member: member.file_size)
    name, limit = re.escape(largest.filename), largest.file_size - 1
    monkeypatch.setattr("governance.evidence.layout.LARGEST_FILE_BYTES", limit)

    with pytest.raises(InvalidInput, match=rf"{name}: .* at most {limit} bytes.*ask for a shorter period"):
        filled.pack(filled.home / "long.zip", period, number=2)

    assert not list(filled.home.glob("*long.zip*"))
    with transaction(filled.engine) as session:
        assert len(follow(session, Filter(kinds=("evidence.exported",)))) == 1


def test_an_entry_changed_behind_the_logs_back_does_not_leave_the_house(filled: "Filled") -> None:
    with filled.engine.begin() as connection:
        connection.exec_driver_sql("drop trigger ledger_entry_no_update")
        connection.exec_driver_sql(
            "update ledger_entry set body = cast(replace(cast(body as text), 'pass', 'fail') as blob)"
            " where kind = 'gate.decided'"
        )

    with pytest.raises(BrokenProof, match=r"entry 33: its bytes do not lead to the signed root"):
        filled.pack(filled.home / "pack.zip")

    assert not (filled.home / "pack.zip").exists()


def test_what_the_house_has_lost_is_named_as_missing(filled: "Filled") -> None:
    (report, *_) = sorted((filled.home / "reports").glob("*.json"))
    report.unlink()
    for path in (filled.home / "attestations").iterdir():
        path.unlink()
    with filled.engine.begin() as connection:
        connection.exec_driver_sql("delete from policy_text where name = 'privacy'")
        connection.exec_driver_sql("update policy_text set text = 'a: 1' where name = 'rights'")

    pack = filled.pack(filled.home / "pack.zip")

    found = verify_pack(filled.home / "pack.zip", POLICY)
    assert sorted((each.what, each.reason) for each in pack.missing) == [
        ("attestation", "the file cannot be read"),
        ("policy", "its text was not kept"),
        ("policy", "the text that is kept is not the one that was in force"),
        ("report.json", "the file cannot be read"),
    ]
    assert len(found.missing) == 4
    assert found.counts["policies"] == 5


def test_a_report_changed_after_registration_is_left_out_and_said_so(filled: "Filled") -> None:
    for path in (filled.home / "reports").glob("*.json"):
        path.write_bytes(path.read_bytes() + b" ")

    pack = filled.pack(filled.home / "pack.zip")

    assert {each.reason for each in pack.missing} == {"the file is not what was registered"}
    assert verify_pack(filled.home / "pack.zip", POLICY).counts["reports"] == 0


def test_an_attestation_changed_after_it_was_made_is_left_out_and_said_so(filled: "Filled") -> None:
    (path,) = (filled.home / "attestations").iterdir()
    path.write_bytes(path.read_bytes().replace(b"e30=", b"W10="))

    pack = filled.pack(filled.home / "pack.zip")

    (missing,) = pack.missing
    assert (missing.what, missing.reason) == ("attestation", "the file is not what was attested")
    assert verify_pack(filled.home / "pack.zip", POLICY).counts["attestations"] == 0


@pytest.mark.parametrize(
    ("was", "became"),
    [
        (b"", b""), (b'"e30="', b'"e31="'), (b'"keyid":"', b'"keyid":"00'), (b'{"payload"', b'{ "payload"'),
        (b"}", b""), (b'{"payload"', bytes(1 << 20) + b'{"payload"'),
    ],
)  # fmt: skip
def test_an_attestation_that_whoever_verifies_would_refuse_is_not_gathered(
    filled: "Filled", was: bytes, became: bytes
) -> None:
    (path,) = (filled.home / "attestations").iterdir()
    path.write_bytes(path.read_bytes().replace(was, became))
    with transaction(filled.engine) as session:
        made = {str(entry.body["key"]) for entry in follow(session, Filter(kinds=("attestation.made",)))}
        found = list(Shelf(session=session, home=filled.home).attestations({path.name.partition(".")[0]: made}))

    assert bool(found) == (was == became)


@pytest.mark.parametrize("days", [("2026-11-02", "2026-11-01"), ("2026-11-01", "9999-12-31")])
def test_an_impossible_period_is_refused(days: tuple[str, str]) -> None:
    with pytest.raises(InvalidInput, match="expected a first day and a last day not before it"):
        Period(*map(date.fromisoformat, days))


def test_a_log_that_was_never_published_has_no_evidence(filled: "Filled", tmp_path: Path) -> None:
    with filled.engine.begin() as connection:
        for trigger in ("ledger_checkpoint_no_delete", "ledger_cosignature_no_delete"):
            connection.exec_driver_sql(f"drop trigger if exists {trigger}")
        connection.exec_driver_sql("delete from ledger_checkpoint")

    with pytest.raises(Conflict, match="44 are signed"):
        filled.pack(tmp_path / "pack.zip", number=UUID(int=5).int)


WITNESS = WitnessSigner("auditor.example/witness", bytes(range(32, 64)))
WITNESSED = parse_policy(
    f"log {encode_vkey(SIGNER.verifier_key)}\nwitness auditor {encode_vkey(WITNESS.witness_key)}\nquorum auditor\n"
)


def witness(filled: "Filled", seen: int) -> None:
    """Let the witness cosign the checkpoint of a size, and keep its cosignature."""
    with transaction(filled.engine) as session:
        (signed,) = (each for each in list_checkpoints(session) if each.size == seen)
        line = cosign(decode_note(signed.note).text, filled.clock(), WITNESS)
        keep_cosignatures(session, seen, add_signatures(signed.note, [line]), WITNESSED)
        if seen == 44:
            (filled.ledger / "checkpoint").write_bytes(with_cosignatures(session, seen, signed.note))


def test_a_pack_carries_the_cosignatures_that_the_auditors_policy_wants(filled: "Filled") -> None:
    witness(filled, 44)
    filled.pack(filled.home / "pack.zip", policy=WITNESSED)

    found = verify_pack(filled.home / "pack.zip", WITNESSED)

    assert found.witnesses == ("auditor",)
    assert found.before == 7  # from before the witness was asked
    assert verify_pack(filled.home / "pack.zip", POLICY).witnesses == ()


def test_a_pack_without_the_cosignatures_that_a_policy_wants_does_not_hold(packed: Path) -> None:
    with pytest.raises(BrokenProof, match="quorum auditor"):
        verify_pack(packed, WITNESSED)


def test_a_checkpoint_that_was_signed_but_missed_its_quorum_carries_no_pack(filled: "Filled") -> None:
    witness(filled, 44)
    filled.tokens(6)
    with transaction(filled.engine) as session:
        for signed in list_checkpoints(session):
            assert signed.size <= 44

    with pytest.raises(Conflict, match=r"reach to 44, 44 are signed"):
        filled.pack(filled.home / "early.zip", Period(date(2026, 11, 25), date(2026, 11, 25)), policy=WITNESSED)
    filled.publish()
    with pytest.raises(BrokenProof, match="quorum auditor"):
        filled.pack(filled.home / "early.zip", Period(date(2026, 11, 25), date(2026, 11, 25)), policy=WITNESSED)
