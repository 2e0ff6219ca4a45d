"""What the check finds when somebody touches signed heads or cosignatures in the database."""

from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from governance.database import reading, transaction
from governance.errors import BrokenProof
from governance.ledger.check import Checked, check_database
from governance.ledger.checkpoint import Checkpoint
from governance.ledger.cosignature import WitnessSigner, cosign
from governance.ledger.cosigned import list_cosigned, with_cosignatures
from governance.ledger.export import export
from governance.ledger.note import decode_note, encode_signature_lines
from governance.ledger.published import read_note
from governance.ledger.store import list_checkpoints
from governance.ledger.tables import LedgerCosignature
from governance.ledger.trust_policy import verify_cosigned
from tests.ledger.conftest import append_events
from tests.ledger.witnessed_log import KEYS, NAMES, NOON, POLICY, SIGNER, grow, publish_witnessed, record_witnessed

W1 = NAMES[0].replace("+", r"\+")
W2 = NAMES[1].replace("+", r"\+")
ADD = "insert into ledger_cosignature (size, witness, line, cosigned_at) values"
MOMENT = "'2026-03-14 12:00:00.000000'"


@pytest.fixture
def folder(sqlite_log: Engine, tmp_path: Path) -> Path:
    grow(sqlite_log, tmp_path / "ledger")
    return tmp_path / "ledger"


def check(engine: Engine, folder: Path) -> Checked:
    published = verify_cosigned(read_note(folder), POLICY).checkpoint
    return check_database(engine, SIGNER.verifier_key, witnesses=KEYS, published=published)


def change(engine: Engine, *statements: str) -> None:
    """What an insider with the database's password does."""
    with engine.begin() as connection:
        for name in connection.exec_driver_sql("select name from sqlite_master where type = 'trigger'").scalars().all():
            connection.exec_driver_sql(f"drop trigger {name}")
        for each in statements:
            connection.exec_driver_sql(each)


def test_the_check_counts_what_witnesses_cosigned(sqlite_log: Engine, folder: Path) -> None:
    found = check(sqlite_log, folder)
    without_keys = check_database(sqlite_log, SIGNER.verifier_key)

    assert (found.size, found.checkpoints, found.cosignatures, found.unknown_witnesses) == (8, 2, 4, 0)
    assert (without_keys.cosignatures, without_keys.unknown_witnesses) == (0, 4)


@pytest.mark.parametrize(
    ("statements", "finding"),
    [
        pytest.param(
            ["delete from ledger_checkpoint where size = 5"],
            "^ledger_cosignature, size 5: ledger_checkpoint has no checkpoint of that size$",
            id="a signed head is gone",
        ),
        pytest.param(
            ["delete from ledger_checkpoint where size = 5", "delete from ledger_cosignature where size = 5"],
            "^ledger_checkpoint, size 5: missing, but entry 5 says that it was witnessed$",
            id="a signed head and its cosignatures are gone",
        ),
        pytest.param(
            ["delete from ledger_checkpoint where size = 8", "delete from ledger_cosignature where size = 8"],
            "^ledger_checkpoint, size 8: missing, but that checkpoint is published and holds",
            id="the published head is gone",
        ),
        pytest.param(
            ["delete from ledger_cosignature where size = 5 and witness like '%/1one+%'"],
            f"^ledger_cosignature, size 5, witness {W1}: missing, or of another moment than entry 5 says$",
            id="a cosignature is gone",
        ),
        pytest.param(
            ["update ledger_cosignature set cosigned_at = '2026-03-14 12:00:01.000000' where witness like '%/2two+%'"],
            f"^ledger_cosignature, size 5, witness {W2}: its line is of another witness or moment than the row says$",
            id="another moment",
        ),
        pytest.param(
            ["update ledger_cosignature set cosigned_at = 'noon' where size = 8"],
            "^ledger_cosignature, size 8: a row does not hold what its columns are for$",
            id="no moment",
        ),
        pytest.param(
            [
                (
                    "update ledger_cosignature set line = (select line from ledger_cosignature"
                    " where size = 5 and witness like '%/2two+%') where size = 5"
                )
            ],
            f"^ledger_cosignature, size 5, witness {W1}: its line is of another witness or moment",
            id="another witness's line",
        ),
        pytest.param(
            [
                (
                    "update ledger_cosignature set line = (select line from ledger_cosignature"
                    " where size = 8 and witness like '%/1one+%') where size = 5 and witness like '%/1one+%'"
                )
            ],
            f"^ledger_cosignature, size 5, witness {W1}: the cosignature of {W1} does not hold$",
            id="another checkpoint's line",
        ),
        pytest.param(
            ["update ledger_cosignature set line = cast(line as text)"],
            f"^ledger_cosignature, size 5, witness {W1}: expected one cosignature line, found something else$",
            id="text",
        ),
        pytest.param(
            ["update ledger_cosignature set line = line || line where size = 8"],
            f"^ledger_cosignature, size 8, witness {W1}: expected one cosignature line",
            id="two lines",
        ),
    ],
)
def test_a_head_or_cosignature_that_somebody_touched_is_named(
    statements: list[str], finding: str, sqlite_log: Engine, folder: Path
) -> None:
    change(sqlite_log, *statements)

    with pytest.raises(BrokenProof, match=finding):
        check(sqlite_log, folder)


@pytest.mark.parametrize(
    "row", [f"(5, 'garbage', x'6c696e65', {MOMENT})", f"(5, 'garbage', 'line', {MOMENT})", f"(5, 'w', x'ff', {MOMENT})"]
)
def test_a_row_of_garbage_that_no_trigger_refuses_is_named_wherever_it_is_met(
    row: str, sqlite_log: Engine, folder: Path, tmp_path: Path
) -> None:
    with sqlite_log.begin() as connection:
        connection.exec_driver_sql(f"{ADD} {row}")
    named = "^ledger_cosignature, size 5, witness (garbage|w): expected one cosignature line, found something else$"

    with pytest.raises(BrokenProof, match=named):
        check(sqlite_log, folder)
    with pytest.raises(BrokenProof, match=named):
        export(sqlite_log, folder, tmp_path / "export")
    with pytest.raises(BrokenProof, match=named), reading(sqlite_log) as session:
        list_cosigned(session)
    assert not (tmp_path / "export").exists()


def test_the_publisher_names_the_row_that_is_in_its_way(sqlite_log: Engine, folder: Path) -> None:
    append_events(sqlite_log, 1)
    with sqlite_log.begin() as connection:
        connection.exec_driver_sql(f"{ADD} (9, 'garbage', x'6c696e65', {MOMENT})")

    with pytest.raises(BrokenProof, match=r"^ledger_cosignature, size 9, witness garbage: expected one"):
        publish_witnessed(sqlite_log, folder)


def test_a_forged_line_of_a_known_witness_is_named_by_an_export_that_knows_the_witness(
    sqlite_log: Engine, folder: Path, tmp_path: Path
) -> None:
    forger = WitnessSigner(KEYS[0].name, bytes(32))
    text_of_5 = decode_note(signed(sqlite_log, 5)).text
    line = cosign(text_of_5, NOON, forger)
    as_known = encode_signature_lines([type(line)(line.name, KEYS[0].key_id, line.signature)]).encode()
    change(sqlite_log, "delete from ledger_cosignature where size = 5 and witness like '%/1one+%'")
    add_row(sqlite_log, as_known, NAMES[0], NOON)

    with pytest.raises(BrokenProof, match=f"^ledger_cosignature, size 5, witness {W1}: the cosignature of"):
        export(sqlite_log, folder, tmp_path / "export", policy=POLICY)


def test_a_line_of_a_witness_that_nobody_knows_is_counted_apart_and_spoils_nothing(
    sqlite_log: Engine, folder: Path, tmp_path: Path
) -> None:
    retired = WitnessSigner("retired.example/w", bytes(32))
    line = cosign(decode_note(signed(sqlite_log, 5)).text, NOON, retired)
    add_row(sqlite_log, encode_signature_lines([line]).encode(), f"{retired.name}+{retired.key_id.hex()}", NOON)

    found = check(sqlite_log, folder)

    assert (found.cosignatures, found.unknown_witnesses) == (4, 1)
    export(sqlite_log, folder, tmp_path / "export", policy=POLICY)
    assert b"retired.example/w" in (tmp_path / "export/checkpoints/5").read_bytes()
    with reading(sqlite_log) as session:
        note = with_cosignatures(session, 5, signed(sqlite_log, 5), KEYS)
    assert len(verify_cosigned(note, POLICY).witnesses) == 2


def test_another_root_than_was_signed_is_named_with_the_entry_that_says_it_was_witnessed(
    sqlite_log: Engine, folder: Path
) -> None:
    append_events(sqlite_log, 1)
    record_witnessed(sqlite_log, Checkpoint(SIGNER.name, 8, bytes(32)))

    with pytest.raises(BrokenProof, match=r"^ledger_checkpoint, size 8: entry 9 says that another root was witnessed$"):
        check(sqlite_log, folder)


def signed(engine: Engine, size: int) -> bytes:
    with reading(engine) as session:
        return next(each.note for each in list_checkpoints(session) if each.size == size)


def add_row(engine: Engine, line: bytes, witness: str, at: datetime) -> None:
    with transaction(engine) as session:
        session.add(LedgerCosignature(size=5, witness=witness, line=line, cosigned_at=at))
