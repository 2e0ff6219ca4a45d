"""Publishing: what is written, what is refused, and that no fault at any step leaves a log that does not verify."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from governance.database import reading, reading_once, transaction
from governance.errors import BrokenProof, Conflict, LedgerError, NotFound
from governance.ledger import store, stored_tiles
from governance.ledger.check import check_database
from governance.ledger.checkpoint import Checkpoint
from governance.ledger.durable_files import create, locked
from governance.ledger.entry import Entry
from governance.ledger.export import export
from governance.ledger.merkle import EMPTY_ROOT, root_of, verify_consistency
from governance.ledger.note import LedgerSigner, encode_vkey
from governance.ledger.proof import verify_proof
from governance.ledger.proving import SignedTree, prove
from governance.ledger.publish import publish
from governance.ledger.published import read_note, tile_reader
from governance.ledger.tiles import tile_names
from governance.ledger.trust_policy import trusting, verify_cosigned
from governance.ledger.verify import verify_folder

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)

Append = Callable[[Engine, int], list[Entry]]


def noon() -> datetime:
    return NOON


def files_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_published_folder_holds_the_tiles_of_its_size_and_verifies(
    log: Engine, append_many: Append, signer: LedgerSigner, tmp_path: Path
) -> None:
    folder = tmp_path / "ledger"
    entries = append_many(log, 300)

    checkpoint = publish(log, folder, signer, clock=noon)

    names = [name.path for name in tile_names(300)]
    assert names[:2] == ["tile/entries/000", "tile/entries/001.p/44"]
    assert files_of(folder) == sorted([*names, "checkpoint", "log.vkey", ".lock"])
    assert checkpoint == Checkpoint("probity.example/ledger", 300, root_of([entry.leaf for entry in entries]))
    assert verify_folder(folder, trusting(signer.verifier_key)).size == 300
    with transaction(log) as session:
        assert store.list_checkpoints(session) == [
            store.SignedCheckpoint(300, checkpoint.root, read_note(folder), NOON)
        ]


def test_an_empty_log_is_published_with_the_empty_root(log: Engine, signer: LedgerSigner, tmp_path: Path) -> None:
    assert publish(log, tmp_path / "ledger", signer, clock=noon) == Checkpoint(signer.name, 0, EMPTY_ROOT)
    assert verify_folder(tmp_path / "ledger", trusting(signer.verifier_key)).kinds == {}


def test_publishing_with_nothing_new_writes_nothing(
    sqlite_log: Engine, append_many: Append, signer: LedgerSigner, tmp_path: Path
) -> None:
    append_many(sqlite_log, 5)
    first = publish(sqlite_log, tmp_path / "ledger", signer, clock=noon)
    before = {name: (tmp_path / "ledger" / name).stat().st_mtime_ns for name in files_of(tmp_path / "ledger")}

    assert publish(sqlite_log, tmp_path / "ledger", signer, clock=noon) == first
    assert {name: (tmp_path / "ledger" / name).stat().st_mtime_ns for name in before} == before
    with transaction(sqlite_log) as session:
        assert len(store.list_checkpoints(session)) == 1


def test_each_publication_is_consistent_with_every_earlier_one(
    log: Engine, append_many: Append, signer: LedgerSigner, tmp_path: Path
) -> None:
    folder, key = tmp_path / "ledger", signer.verifier_key
    older: list[Checkpoint] = []
    for further in (1, 1, 253, 1, 1, 255, 300):
        append_many(log, further)
        newest = publish(log, folder, signer, clock=noon)
        for old in older:
            path = SignedTree(newest, tile_reader(folder)).prove_consistency(old)
            verify_consistency(old.size, newest.size, old.root, newest.root, path)
        older.append(newest)

    assert [old.size for old in older] == [1, 2, 255, 256, 257, 512, 812]
    verified = verify_folder(folder, trusting(key))
    assert (verified.size, verified.kinds) == (812, {"model.trained": 812})


def test_progress_is_told_up_to_the_end(
    sqlite_log: Engine, append_many: Append, signer: LedgerSigner, tmp_path: Path
) -> None:
    append_many(sqlite_log, 2100)
    told: list[tuple[int, int]] = []

    publish(sqlite_log, tmp_path / "ledger", signer, clock=noon, progress=lambda *step: told.append(step))

    assert told == [(2048, 2100), (2100, 2100)]


def test_every_entry_can_be_proved_from_the_folder_and_from_the_database(
    sqlite_log: Engine, append_many: Append, signer: LedgerSigner, tmp_path: Path
) -> None:
    entries, trusted = append_many(sqlite_log, 520), trusting(signer.verifier_key)
    checkpoint = publish(sqlite_log, tmp_path, signer, clock=noon)

    with reading(sqlite_log) as session:
        tree = SignedTree(checkpoint, stored_tiles.tile_reader(session))
        for entry in entries[::13]:
            encoded, proof = prove(tmp_path, entry.seq, trusted)
            assert (encoded, proof.path) == (entry.encoded, tree.prove(entry.seq, entry.encoded))
            assert verify_proof(proof, encoded, trusted).checkpoint.size == 520
            with pytest.raises(
                BrokenProof, match=f"entry {entry.seq}: its bytes do not lead to the signed root of 520"
            ):
                tree.prove(entry.seq, entry.encoded + b" ")


def test_the_database_proves_by_one_statement_what_the_folder_proves(
    log: Engine, append_many: Append, signer: LedgerSigner, tmp_path: Path
) -> None:
    entries, trusted = append_many(log, 600), trusting(signer.verifier_key)
    checkpoint = publish(log, tmp_path, signer, clock=noon)
    statements: list[str] = []
    event.listen(log, "before_cursor_execute", lambda *given: statements.append(given[2]))

    for entry in (entries[0], entries[255], entries[300], entries[511], entries[599]):
        with reading_once(log) as session:
            proved = stored_tiles.prove(session, entry.seq, checkpoint)
        assert proved == (entry, prove(tmp_path, entry.seq, trusted)[1].path)

    assert len([each for each in statements if each != "BEGIN"]) == 5


def test_a_database_that_lost_entries_or_tiles_proves_nothing(
    sqlite_log: Engine, append_many: Append, signer: LedgerSigner, tmp_path: Path
) -> None:
    append_many(sqlite_log, 300)
    checkpoint = publish(sqlite_log, tmp_path, signer, clock=noon)
    longer = Checkpoint(checkpoint.origin, 400, checkpoint.root)
    with reading(sqlite_log) as session:
        with pytest.raises(BrokenProof, match="entry 399: expected an entry in the database, for 400 are signed"):
            stored_tiles.prove(session, 399, longer)
        with pytest.raises(NotFound, match="entry 400: the log has no such entry"):
            stored_tiles.prove(session, 400, longer)
        with pytest.raises(BrokenProof, match="expected hashes 256 to 399 in the database, found 44"):
            stored_tiles.prove(session, 7, longer)
    with sqlite_log.begin() as connection:
        connection.exec_driver_sql("drop trigger ledger_tile_no_update")
        connection.exec_driver_sql("update ledger_tile set hashes = zeroblob(8192)")
    wrong = "entry 7: its bytes do not lead to the signed root of 300"
    with reading(sqlite_log) as session, pytest.raises(BrokenProof, match=wrong):
        stored_tiles.prove(session, 7, checkpoint)


def test_an_entry_not_yet_published_has_no_proof(
    sqlite_log: Engine, append_many: Append, signer: LedgerSigner, tmp_path: Path
) -> None:
    append_many(sqlite_log, 3)
    checkpoint = publish(sqlite_log, tmp_path, signer, clock=noon)
    (late,) = append_many(sqlite_log, 1)

    with reading(sqlite_log) as session, pytest.raises(BrokenProof, match="index 3 is outside a tree of 3"):
        stored_tiles.prove(session, late.seq, checkpoint)
    with pytest.raises(BrokenProof, match="entry 3: the published log has 3 entries"):
        prove(tmp_path, 3, trusting(signer.verifier_key))


def test_a_pruned_partial_tile_is_read_from_the_full_one(
    sqlite_log: Engine, append_many: Append, signer: LedgerSigner, tmp_path: Path
) -> None:
    append_many(sqlite_log, 256 * 2)
    publish(sqlite_log, tmp_path, signer, clock=noon)
    (tmp_path / "tile/1/000.p/2").rename(tmp_path / "kept")
    (tmp_path / "tile/1/000").write_bytes((tmp_path / "kept").read_bytes() + bytes(32 * 254))

    encoded, proof = prove(tmp_path, 300, trusting(signer.verifier_key))

    assert verify_proof(proof, encoded, trusting(signer.verifier_key)).checkpoint.size == 512


def test_a_folder_of_another_key_is_left_alone(
    sqlite_log: Engine, append_many: Append, signer: LedgerSigner, tmp_path: Path
) -> None:
    append_many(sqlite_log, 5)
    publish(sqlite_log, tmp_path / "ledger", signer, clock=noon)
    append_many(sqlite_log, 5)

    with pytest.raises(BrokenProof, match=r"log\.vkey: already written with other bytes"):
        publish(sqlite_log, tmp_path / "ledger", LedgerSigner(signer.name, bytes(32)), clock=noon)


@pytest.mark.parametrize("name", ["tile/0/000.p/5", "checkpoint"])
def test_a_damaged_folder_is_not_built_upon(
    name: str, sqlite_log: Engine, append_many: Append, signer: LedgerSigner, tmp_path: Path
) -> None:
    append_many(sqlite_log, 5)
    publish(sqlite_log, tmp_path / "ledger", signer, clock=noon)
    append_many(sqlite_log, 5)
    data = bytearray((tmp_path / "ledger" / name).read_bytes())
    data[40] ^= 1
    (tmp_path / "ledger" / name).write_bytes(data)

    with pytest.raises(BrokenProof):
        publish(sqlite_log, tmp_path / "ledger", signer, clock=noon)


def test_a_lost_folder_is_built_again_from_the_database(
    sqlite_log: Engine, append_many: Append, signer: LedgerSigner, tmp_path: Path
) -> None:
    append_many(sqlite_log, 300)
    publish(sqlite_log, tmp_path / "first", signer, clock=noon)
    append_many(sqlite_log, 300)
    publish(sqlite_log, tmp_path / "first", signer, clock=noon)

    publish(sqlite_log, tmp_path / "second", signer, clock=noon)

    for name in files_of(tmp_path / "second"):
        assert (tmp_path / "second" / name).read_bytes() == (tmp_path / "first" / name).read_bytes()


def test_an_immutable_file_takes_the_same_bytes_again_and_no_others(tmp_path: Path) -> None:
    with locked(tmp_path):
        create(tmp_path, "a/b", b"one")
        create(tmp_path, "a/b", b"one")
        with pytest.raises(BrokenProof, match="a/b: already written with other bytes"):
            create(tmp_path, "a/b", b"two")

    assert (tmp_path / "a/b").read_bytes() == b"one"


def test_two_publishers_of_one_log_never_sign_two_histories(
    log: Engine, append_many: Append, signer: LedgerSigner, tmp_path: Path
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    append_many(log, 20)

    def attempt(number: int) -> Checkpoint | None:
        try:
            return publish(log, tmp_path / f"ledger{number % 2}", signer, clock=noon)
        except Conflict:
            return None

    with ThreadPoolExecutor(4) as pool:
        done = [checkpoint for checkpoint in pool.map(attempt, range(8)) if checkpoint is not None]

    assert {checkpoint.size for checkpoint in done} == {20}
    assert len({checkpoint.root for checkpoint in done}) == 1
    assert check_database(log, signer.verifier_key).size == 20


def test_an_export_holds_what_an_auditor_needs_and_nothing_else(exported: Path, signer: LedgerSigner) -> None:
    names = [name.path for name in tile_names(600)]

    assert files_of(exported) == sorted(
        [*names, "README.md", "checkpoint", "checkpoints/0", "checkpoints/3", "checkpoints/300", "log.vkey", "policy"]
    )
    assert (exported / "log.vkey").read_text() == encode_vkey(signer.verifier_key) + "\n"
    assert (
        verify_cosigned((exported / "checkpoints/300").read_bytes(), trusting(signer.verifier_key)).checkpoint.size
        == 300
    )
    assert (
        (exported / "README.md")
        .read_text()
        .startswith("The transparency log probity.example/ledger, 600 entries\n====")
    )


def test_nothing_is_exported_over_other_files(
    sqlite_log: Engine, append_many: Append, signer: LedgerSigner, tmp_path: Path
) -> None:
    append_many(sqlite_log, 1)
    publish(sqlite_log, tmp_path / "ledger", signer, clock=noon)
    (tmp_path / "to").mkdir()
    (tmp_path / "to/letter").write_text("mine")

    with pytest.raises(Conflict, match="expected an empty folder"):
        export(sqlite_log, tmp_path / "ledger", tmp_path / "to")


def test_what_was_never_published_cannot_be_exported(sqlite_log: Engine, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"log\.vkey: expected a file of the log"):
        export(sqlite_log, tmp_path / "nothing", tmp_path / "to")
