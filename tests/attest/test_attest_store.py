"""Attestations on record: made with the change that they are about, found again, withdrawn, and never the reverse."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError

from governance.attest import store
from governance.attest.attester import Attester
from governance.attest.dsse import verify_envelope
from governance.attest.signing import EnvelopeSigner
from governance.attest.statement import Subject
from governance.attest.store import attest, find_attestation, find_in_force, list_attestations, read_envelope, withdraw
from governance.attest.tables import AttestationRecord
from governance.database import transaction
from governance.errors import BrokenProof, ConfigurationError, Conflict, InvalidInput, NotFound
from governance.keys.rotation import PublicKey, record_rotation
from governance.ledger.search import follow
from tests.attest.attest_examples import ATTESTER, MODEL, NAME, NOON, RELEASE, SIGNER, SUMMARY, TEST_RESULT
from tests.attest.attested_log import Log

ENGINES = ["engine", pytest.param("postgres_engine", marks=pytest.mark.postgres)]
FAILED = replace(SUMMARY, result="FAILED", levels=())


@pytest.mark.parametrize("name", ENGINES)
def test_an_attestation_is_a_file_a_row_and_an_entry_that_agree(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    engine: Engine = request.getfixturevalue(name)
    attester = replace(ATTESTER, folder=tmp_path / "attestations")
    subject = Subject("models/x", MODEL)
    with transaction(engine) as session:
        made = attest(session, attester, SUMMARY, subject=subject, about="x", clock=lambda: NOON)

    envelope = (attester.folder / f"{made.digest}.dsse.json").read_bytes()
    with transaction(engine) as session:
        (entry,) = follow(session)
        record = find_attestation(session, made.digest)

    assert record is not None
    assert (record.subject_digest, record.about, record.key, record.ended) == (MODEL, "x", SIGNER.key_id, None)
    assert (entry.kind, dict(entry.body)) == (
        "attestation.made",
        {
            "attestation": made.digest,
            "predicate_type": SUMMARY.predicate_type,
            "artefact": MODEL,
            "about": "x",
            "key": SIGNER.key_id,
        },
    )
    assert entry.at == record.made_on == NOON.replace(hour=0)
    assert verify_envelope(envelope, [SIGNER.public_key]).digest == made.digest
    assert made.resource.sha256 == sha256(envelope).hexdigest()
    assert made.resource.uri == f"{NAME}/attestations/{made.digest}.dsse.json"


def test_the_same_said_twice_is_one_entry(log: Log) -> None:
    assert log.say(SUMMARY) == log.say(SUMMARY)

    with transaction(log.engine) as session:
        assert len(follow(session)) == len(list_attestations(session)) == 1


def test_what_has_no_time_of_its_own_is_as_young_as_the_day_it_was_last_said(log: Log) -> None:
    later = NOON + timedelta(days=40)
    for predicate in (TEST_RESULT, SUMMARY):
        assert log.say(predicate) == log.say(predicate, now=later) == log.say(predicate, now=later)
    evidence = log.publish()

    assert [(each.predicate_type, each.on) for each in evidence.logged] == [
        (TEST_RESULT.predicate_type, NOON.replace(hour=0)),
        (TEST_RESULT.predicate_type, later.replace(hour=0)),
        (SUMMARY.predicate_type, NOON.replace(hour=0)),
    ]
    assert all(evidence.find_end(each) is None for each in evidence.logged)


def test_the_same_said_by_a_new_key_is_a_new_entry_and_its_file_verifies(log: Log) -> None:
    digest = log.say(SUMMARY)
    renewed = EnvelopeSigner(b"\x05" * 32)
    other = Log(log.engine, Attester(signer=renewed, name=NAME, folder=log.attester.folder), log.folder)

    assert other.say(SUMMARY) == digest
    with transaction(log.engine) as session:
        assert [entry.body["key"] for entry in follow(session)] == [SIGNER.key_id, renewed.key_id]
    assert verify_envelope(log.envelope(digest), [renewed.public_key]).digest == digest


def test_a_process_that_still_holds_a_replaced_key_attests_nothing(log: Log) -> None:
    renewed, who = EnvelopeSigner(b"\x05" * 32), {"actor": "role:operator", "clock": lambda: NOON}
    old, new = (PublicKey(id=each.key_id, public="x") for each in (SIGNER, renewed))
    with transaction(log.engine) as session:
        record_rotation(session, "attest", old, new, retired="destroyed", ground="scheduled", **who)

    with pytest.raises(ConfigurationError, match=r"was replaced by .* restart it"):
        log.say(SUMMARY)
    with transaction(log.engine) as session:
        assert list_attestations(session) == []


def test_what_was_said_before_about_the_same_artefact_is_superseded_and_stays_on_record(log: Log) -> None:
    first, second, other = log.say(SUMMARY), log.say(FAILED), log.say(SUMMARY, RELEASE)

    with transaction(log.engine) as session:
        assert [(each.digest, each.ended) for each in list_attestations(session, MODEL)] == [
            (second, None),
            (first, "superseded"),
        ]
        assert [each.digest for each in list_attestations(session, in_force=True)] == [other, second]
        in_force = find_in_force(session, SUMMARY.predicate_type, MODEL)
    assert in_force is not None
    assert in_force.digest == second


def test_what_was_superseded_can_be_said_again(log: Log) -> None:
    first, second = log.say(SUMMARY), log.say(FAILED)

    assert log.say(SUMMARY) == first
    with transaction(log.engine) as session:
        made = [entry.body["attestation"] for entry in follow(session)]
        states = [(each.digest, each.ended) for each in list_attestations(session, MODEL)]
    assert made == [first, second, first]
    assert states == [(first, None), (second, "superseded"), (first, "superseded")]


def test_two_kinds_of_statement_about_one_artefact_stand_side_by_side(log: Log) -> None:
    digests = {log.say(SUMMARY), log.say(TEST_RESULT)}

    with transaction(log.engine) as session:
        assert {each.digest for each in list_attestations(session, MODEL, in_force=True)} == digests


def test_a_rollback_leaves_a_file_that_nobody_vouches_for_and_never_an_entry_without_one(log: Log) -> None:
    with pytest.raises(RuntimeError), transaction(log.engine) as session:  # noqa: PT012 - the block is what rolls back
        _say(session, log)
        msg = "the change that it belongs to fails"
        raise RuntimeError(msg)

    assert len(list(log.attester.folder.iterdir())) == 1
    with transaction(log.engine) as session:
        assert follow(session) == list_attestations(session) == []
    log.say(SUMMARY)
    assert len(list(log.attester.folder.iterdir())) == 1


def test_a_file_that_cannot_be_written_is_no_attestation(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:  # noqa: ANN401 - whatever it is called with
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write_atomically", full)
    with pytest.raises(OSError, match="No space left"):
        log.say(SUMMARY)

    with transaction(log.engine) as session:
        assert follow(session) == list_attestations(session) == []


def test_the_database_itself_refuses_two_in_force(log: Log) -> None:
    log.say(SUMMARY)
    with transaction(log.engine) as session:
        record = session.scalars(select(AttestationRecord)).one()
        values = {column.key: getattr(record, column.key) for column in AttestationRecord.__table__.columns}
    del values["id"]

    with pytest.raises(IntegrityError), transaction(log.engine) as session:
        session.add(AttestationRecord(**values))


@pytest.mark.postgres
def test_of_those_who_attest_at_once_one_is_in_force_and_nobody_is_refused(
    postgres_engine: Engine, tmp_path: Path
) -> None:
    log = Log(postgres_engine, replace(ATTESTER, folder=tmp_path / "attestations"), tmp_path / "ledger")
    said = [replace(SUMMARY, verified_at=NOON - timedelta(minutes=number)) for number in range(8)]

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(log.say, said))

    with transaction(postgres_engine) as session:
        found = list_attestations(session, MODEL)
        logged = [entry.body["attestation"] for entry in follow(session)]
    assert sorted(logged) == sorted(made)
    assert [each.ended for each in found] == [None, *["superseded"] * 7]
    assert found[0].digest == logged[-1]


def test_a_withdrawal_is_on_record_once_and_something_new_may_be_said_after_it(log: Log) -> None:
    digest = log.say(SUMMARY)
    with transaction(log.engine) as session:
        withdraw(session, digest, reason="mistaken", clock=lambda: NOON)

    with transaction(log.engine) as session:
        assert find_in_force(session, SUMMARY.predicate_type, MODEL) is None
        assert follow(session)[-1].body["reason"] == "mistaken"
        with pytest.raises(Conflict, match="is withdrawn already"):
            withdraw(session, digest, reason="mistaken", clock=lambda: NOON)
    assert log.say(SUMMARY) == digest
    with transaction(log.engine) as session:
        assert find_in_force(session, SUMMARY.predicate_type, MODEL) is not None


def test_a_withdrawal_of_what_was_never_made_or_for_no_reason_on_the_list_is_refused(log: Log) -> None:
    digest = log.say(SUMMARY)
    with transaction(log.engine) as session:
        with pytest.raises(NotFound):
            withdraw(session, MODEL, reason="mistaken", clock=lambda: NOON)
        with pytest.raises(InvalidInput, match="reason: expected one of"):
            withdraw(session, digest, reason="Jane asked for it", clock=lambda: NOON)


def test_a_file_that_says_something_else_or_is_gone_is_found_out(log: Log) -> None:
    first, second = log.say(SUMMARY), log.say(replace(SUMMARY, verified_at=NOON + timedelta(hours=1)))
    file = log.attester.folder / f"{first}.dsse.json"
    file.write_bytes(log.envelope(second))

    with pytest.raises(BrokenProof, match="is not what was attested"):
        read_envelope(log.attester.folder, first)
    file.write_bytes(b"{}")
    with pytest.raises(BrokenProof):
        read_envelope(log.attester.folder, first)
    file.unlink()
    with pytest.raises(ConfigurationError, match="restore it from your back-up"):
        read_envelope(log.attester.folder, first)


def test_only_the_owner_reads_the_folder_and_the_files(log: Log) -> None:
    log.say(SUMMARY)

    (file,) = log.attester.folder.iterdir()
    assert (log.attester.folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


def _say(session: Any, log: Log) -> None:  # noqa: ANN401 - a session
    subject = Subject("models/x", MODEL)
    attest(session, log.attester, SUMMARY, subject=subject, about="x", clock=lambda: NOON)
