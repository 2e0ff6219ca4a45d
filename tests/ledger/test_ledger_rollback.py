"""What the publisher and the check refuse: restored backups, foreign signatures, entries changed in the database."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from governance.database import transaction
from governance.errors import BrokenProof, Rollback
from governance.ledger import store
from governance.ledger.check import check_database
from governance.ledger.entry import Entry
from governance.ledger.merkle import leaf_hash
from governance.ledger.note import LedgerSigner
from governance.ledger.proving import SignedTree
from governance.ledger.publish import publish
from governance.ledger.published import read_note, tile_reader
from governance.ledger.trust_policy import trusting, verify_cosigned

SIGNER = LedgerSigner("probity.example/ledger", bytes(range(32)))
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)

Append = Callable[[Engine, int], list[Entry]]
Backup = Callable[[Engine, Path], Engine]


def noon() -> datetime:
    return NOON


def test_a_restored_backup_is_not_published(
    sqlite_log: Engine, append_many: Append, backup: Backup, tmp_path: Path
) -> None:
    append_many(sqlite_log, 5)
    restored = backup(sqlite_log, tmp_path / "backup.db")
    append_many(sqlite_log, 5)
    publish(sqlite_log, tmp_path / "ledger", SIGNER, clock=noon)
    before = read_note(tmp_path / "ledger")

    with pytest.raises(Rollback, match="5 entries, but 10 were published"):
        publish(restored, tmp_path / "ledger", SIGNER, clock=noon)
    assert read_note(tmp_path / "ledger") == before


def test_a_restored_backup_that_went_on_is_not_published(
    sqlite_log: Engine, append_many: Append, backup: Backup, tmp_path: Path
) -> None:
    append_many(sqlite_log, 5)
    restored = backup(sqlite_log, tmp_path / "backup.db")
    append_many(sqlite_log, 5)
    publish(sqlite_log, tmp_path / "ledger", SIGNER, clock=noon)
    other_history(restored, 20)

    with pytest.raises(Rollback, match="first 10 entries of the database are not the published ones"):
        publish(restored, tmp_path / "ledger", SIGNER, clock=noon)
    with transaction(restored) as session:
        assert store.list_checkpoints(session) == []


def other_history(engine: Engine, number: int) -> None:
    from dataclasses import make_dataclass

    other = make_dataclass("Other", [], namespace={"kind": "other.history", "version": 1})
    with transaction(engine) as session:
        for value in range(number):
            store.append(session, other(), actor="role:x", entry_id=UUID(int=10_000 + value), clock=noon)


def test_a_backup_that_lacks_only_the_signature_is_taken_up_again(
    sqlite_log: Engine, append_many: Append, backup: Backup, tmp_path: Path
) -> None:
    append_many(sqlite_log, 300)
    restored = backup(sqlite_log, tmp_path / "backup.db")
    old = publish(sqlite_log, tmp_path / "ledger", SIGNER, clock=noon)
    append_many(restored, 7)

    publish(restored, tmp_path / "ledger", SIGNER, clock=noon)

    with transaction(restored) as session:
        assert [signed.size for signed in store.list_checkpoints(session)] == [300, 307]
    newest = verify_cosigned(read_note(tmp_path / "ledger"), trusting(SIGNER.verifier_key)).checkpoint
    SignedTree(newest, tile_reader(tmp_path / "ledger")).prove_consistency(old)
    assert check_database(restored, SIGNER.verifier_key).size == 307


def test_a_database_that_signed_more_than_it_has_is_refused_for_a_new_folder_too(
    sqlite_log: Engine, signer: LedgerSigner, tmp_path: Path
) -> None:
    with transaction(sqlite_log) as session:
        store.add_checkpoint(session, store.SignedCheckpoint(4, bytes(32), b"", NOON))

    with pytest.raises(Rollback, match="0 entries, but 4 were signed"):
        publish(sqlite_log, tmp_path / "ledger", signer, clock=noon)


def test_a_signed_root_that_the_entries_do_not_give_stops_the_publisher(
    sqlite_log: Engine, append_many: Append, signer: LedgerSigner, tmp_path: Path
) -> None:
    append_many(sqlite_log, 6)
    with transaction(sqlite_log) as session:
        store.add_checkpoint(session, store.SignedCheckpoint(4, bytes(32), b"", NOON))

    with pytest.raises(Rollback, match="first 4 entries of the database do not give the root"):
        publish(sqlite_log, tmp_path / "ledger", signer, clock=noon)
    assert not (tmp_path / "ledger/checkpoint").exists()


def without_guards(engine: Engine, statement: str, **values: bytes) -> None:
    """What an insider with the database's password does."""
    with engine.begin() as connection:
        for name in connection.exec_driver_sql("select name from sqlite_master where type = 'trigger'").scalars().all():
            connection.exec_driver_sql(f"drop trigger {name}")
        connection.execute(text(statement), values)


def test_an_entry_changed_in_the_database_is_found(
    sqlite_log: Engine, append_many: Append, signer: LedgerSigner, tmp_path: Path
) -> None:
    append_many(sqlite_log, 5)
    publish(sqlite_log, tmp_path / "ledger", signer, clock=noon)
    append_many(sqlite_log, 1)
    without_guards(sqlite_log, "update ledger_entry set body = replace(body, '1.5', '0.5') where seq = 2")

    with pytest.raises(BrokenProof, match="entry 2: its bytes do not give its leaf hash"):
        publish(sqlite_log, tmp_path / "ledger", signer, clock=noon)
    with pytest.raises(BrokenProof, match="entry 2: its bytes do not give its leaf hash"):
        check_database(sqlite_log, signer.verifier_key)


def test_an_entry_changed_together_with_its_hash_is_found(
    sqlite_log: Engine, append_many: Append, signer: LedgerSigner, tmp_path: Path
) -> None:
    entries = append_many(sqlite_log, 5)
    publish(sqlite_log, tmp_path / "ledger", signer, clock=noon)
    append_many(sqlite_log, 1)
    forged = entries[2].encoded.replace(b"1.5", b"0.5")
    assert forged != entries[2].encoded
    change = "update ledger_entry set body = :body, leaf_hash = :leaf where seq = 2"
    without_guards(sqlite_log, change, body=forged, leaf=leaf_hash(forged))

    with pytest.raises(Rollback, match="entries 0 to 4 of the database are not the published ones"):
        publish(sqlite_log, tmp_path / "ledger", signer, clock=noon)
    with pytest.raises(BrokenProof, match="checkpoint 5: the entries do not give the root that was signed"):
        check_database(sqlite_log, signer.verifier_key)


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("delete from ledger_entry where seq = 2", "entry 2: missing, the next one is 3"),
        ("update ledger_entry set kind = 'other' where seq = 1", "entry 1: its columns do not say what its bytes say"),
        (
            "update ledger_entry set actor = 'role:x' where seq = 1",
            "entry 1: its columns do not say what its bytes say",
        ),
        ("update ledger_checkpoint set root = zeroblob(32)", "ledger_checkpoint, size 5: its note says size 5"),
        ("update ledger_checkpoint set size = 4", "ledger_checkpoint, size 4: its note says size 5"),
        ("update ledger_checkpoint set note = cast(note as text)", "ledger_checkpoint, size 5: its note is text"),
        ("update ledger_checkpoint set note = 'x'", "ledger_checkpoint, size 5: its note is text"),
        ("update ledger_checkpoint set note = x'00'", "ledger_checkpoint, size 5: expected a text"),
        ("update ledger_checkpoint set signed_at = 'noon'", "ledger_checkpoint: a row does not hold what"),
        ("delete from ledger_entry where seq = 4", "5 entries were signed, but the database has 4"),
    ],
)
def test_the_database_check_names_what_was_changed(
    statement: str, finding: str, sqlite_log: Engine, append_many: Append, tmp_path: Path
) -> None:
    append_many(sqlite_log, 5)
    publish(sqlite_log, tmp_path / "ledger", SIGNER, clock=noon)
    told: list[tuple[int, int]] = []
    assert check_database(sqlite_log, SIGNER.verifier_key, progress=lambda *step: told.append(step)).size == 5
    assert told == [(5, 5)]
    without_guards(sqlite_log, statement)

    with pytest.raises(BrokenProof, match=finding):
        check_database(sqlite_log, SIGNER.verifier_key)


MODEL = "7f0c2c6e-53a5-4f0e-9d1c-0a4f3f6f2b10"
INTO_MENTIONS = f"insert into ledger_mention values ('{MODEL}'"  # noqa: S608 - literals of this file
INTO_INBOX = "insert into ledger_inbox (id, body) select"
AN_ENTRY = ", body from ledger_entry where seq = 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    kind: ClassVar[str] = "model.deployed"
    version: ClassVar[int] = 1

    model: str = MODEL


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        (f"{INTO_MENTIONS}, 1)", "entry 1: the search index does not say what it names"),
        (f"{INTO_MENTIONS}, 9)", "the search index names entry 9, but the database has 4"),
        ("delete from ledger_mention", "entry 3: the search index does not say what it names"),
        ("update ledger_mention set seq = 2", "entry 2: the search index does not say what it names"),
        ("insert into ledger_tile values (0, 5, x'00', x'00')", "the entries fill 0 tiles, but the database has 1"),
        (f"{INTO_INBOX} '{99:032x}' {AN_ENTRY}", "inbox: the entry 0000"),
        (f"{INTO_INBOX} id, 'text' from ledger_entry where seq = 1", "inbox: the entry 0000.*0001"),
        (f"{INTO_INBOX} id {AN_ENTRY}", "inbox: the entry 0000.*0001"),
    ],
)
def test_the_database_check_finds_what_follows_from_the_entries_and_does_not(
    statement: str, finding: str, sqlite_log: Engine, append_many: Append
) -> None:
    append_many(sqlite_log, 3)
    with transaction(sqlite_log) as session:
        store.append(session, Deployed(), actor="role:x", entry_id=UUID(int=50), clock=noon)
    assert check_database(sqlite_log, SIGNER.verifier_key).size == 4
    without_guards(sqlite_log, statement)

    with pytest.raises(BrokenProof, match=finding):
        check_database(sqlite_log, SIGNER.verifier_key)


def test_a_missing_entry_stops_the_publisher(
    sqlite_log: Engine, append_many: Append, signer: LedgerSigner, tmp_path: Path
) -> None:
    append_many(sqlite_log, 5)
    without_guards(sqlite_log, "delete from ledger_entry where seq = 2")

    with pytest.raises(BrokenProof, match="entries 0 to 4: expected all of them in the database, found 4"):
        publish(sqlite_log, tmp_path / "ledger", signer, clock=noon)
