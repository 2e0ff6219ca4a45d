"""What a witness cosigns and refuses; two requests at once, a restart, and a death between storing and saying."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from governance.errors import BrokenProof, ConfigurationError, Conflict, Forbidden, InvalidInput, LedgerError, NotFound
from governance.ledger.checkpoint import Checkpoint, decode_checkpoint, encode_checkpoint, sign_checkpoint
from governance.ledger.cosignature import cosigned_at
from governance.ledger.merkle import EMPTY_ROOT
from governance.ledger.note import LedgerSigner, SignatureLine, add_signatures, decode_note, sign_note, verified_lines
from governance.ledger.trust_policy import trusting
from governance.ledger.witness_protocol import AddCheckpoint, encode_request, origin_digest
from governance.witness.cosigning import OtherSize, add_checkpoint, latest
from governance.witness.folder import WitnessFolder, create_folder, open_folder
from tests.witness.growing_log import LOG, NOON, GrowingLog

MakeWitness = Callable[[str], WitnessFolder]
DIGEST = origin_digest(LOG.name)


@pytest.fixture
def witness(make_witness: MakeWitness) -> WitnessFolder:
    return make_witness("w1")


def ask(witness: WitnessFolder, body: bytes, *, later: timedelta = timedelta()) -> SignatureLine:
    return add_checkpoint(witness, body, clock=lambda: NOON + later)


def cosigned_size(witness: WitnessFolder) -> int:
    return decode_checkpoint(decode_note(latest(witness, DIGEST)).text).size


def test_a_log_that_only_grows_is_cosigned_each_time(witness: WitnessFolder, log: GrowingLog) -> None:
    for old, size in ((0, 5), (5, 6), (6, 6), (6, 300), (300, 1000)):
        line = ask(witness, log.request(old, size))

        witness.signer.witness_key.verify(line.signature, encode_checkpoint(log.at(size)).encode())
        assert cosigned_at(line) == NOON
        assert cosigned_size(witness) == size


def test_the_last_checkpoint_is_kept_with_the_lines_of_log_and_witness_only(
    witness: WitnessFolder, log: GrowingLog
) -> None:
    stranger = SignatureLine("stranger", b"abcd", b"s")
    line = ask(witness, encode_request(AddCheckpoint(0, (), add_signatures(log.note(5), [stranger]))))

    assert latest(witness, DIGEST) == add_signatures(log.note(5), [line])


def test_asked_again_at_the_same_size_it_says_so_at_the_new_time(witness: WitnessFolder, log: GrowingLog) -> None:
    ask(witness, log.request(0, 5))

    again = ask(witness, log.request(5, 5), later=timedelta(hours=1))

    assert cosigned_at(again) == NOON + timedelta(hours=1)
    assert again in decode_note(latest(witness, DIGEST)).lines


def test_the_empty_log_is_cosigned(witness: WitnessFolder, log: GrowingLog) -> None:
    ask(witness, log.request(0, 0))
    ask(witness, log.request(0, 3))

    assert cosigned_size(witness) == 3


@pytest.mark.parametrize("old", [0, 4, 6, 7])
def test_a_request_from_another_size_is_told_the_right_one(witness: WitnessFolder, log: GrowingLog, old: int) -> None:
    ask(witness, log.request(0, 5))

    with pytest.raises(OtherSize) as refusal:
        ask(witness, log.request(old, 7))

    assert refusal.value.size == 5
    assert cosigned_size(witness) == 5


def request(old: int, note: bytes, proof: tuple[bytes, ...] = ()) -> bytes:
    return encode_request(AddCheckpoint(old, proof, note))


def test_another_history_is_refused_at_any_size(
    witness: WitnessFolder, log: GrowingLog, forked: Callable[[int], GrowingLog]
) -> None:
    ask(witness, log.request(0, 5))
    fork = forked(4)

    for size in (5, 6, 300):
        with pytest.raises(BrokenProof):
            ask(witness, fork.request(5, size))
    with pytest.raises(BrokenProof):
        ask(witness, request(5, fork.note(300), tuple(log.prove(5, 300))))
    assert latest(witness, DIGEST).startswith(encode_checkpoint(log.at(5)).encode())


def test_a_wrong_proof_is_refused(witness: WitnessFolder, log: GrowingLog) -> None:
    ask(witness, log.request(0, 5))
    proof = tuple(log.prove(5, 9))

    for wrong in ((), proof[:-1], (*proof, EMPTY_ROOT), proof[::-1], (EMPTY_ROOT, *proof[1:])):
        with pytest.raises(BrokenProof):
            ask(witness, request(5, log.note(9), wrong))
    with pytest.raises(BrokenProof):
        ask(witness, request(5, log.note(5), (EMPTY_ROOT,)))


def test_a_proof_from_nothing_is_refused(witness: WitnessFolder, log: GrowingLog) -> None:
    with pytest.raises(BrokenProof):
        ask(witness, request(0, log.note(5), (EMPTY_ROOT,)))


def test_an_empty_log_with_a_root_of_something_is_refused(witness: WitnessFolder) -> None:
    with pytest.raises(BrokenProof, match="a tree of no entries"):
        ask(witness, request(0, sign_checkpoint(Checkpoint(LOG.name, 0, bytes(32)), LOG)))


def test_an_old_size_above_the_new_is_refused(witness: WitnessFolder, log: GrowingLog) -> None:
    with pytest.raises(InvalidInput, match="expected an old size of at most 5, got 6"):
        ask(witness, request(6, log.note(5)))


@pytest.mark.parametrize("body", [b"", b"old 0\n", b"old 0\n\nnot a note\n", b"\xff\xfe"])
def test_a_malformed_request_is_refused(witness: WitnessFolder, body: bytes) -> None:
    with pytest.raises(InvalidInput, match="add-checkpoint"):
        ask(witness, body)


def test_a_signed_text_that_is_no_checkpoint_is_refused(witness: WitnessFolder) -> None:
    with pytest.raises(InvalidInput, match="checkpoint"):
        ask(witness, request(0, sign_note(f"{LOG.name}\n01\n", LOG)))


def test_an_unknown_origin_is_not_found_and_leaves_nothing_behind(witness: WitnessFolder) -> None:
    other = LedgerSigner("other.example/log", LOG.seed)
    before = sorted(witness.path.iterdir())

    with pytest.raises(NotFound, match="no log of this origin"):
        ask(witness, request(0, sign_checkpoint(Checkpoint(other.name, 0, EMPTY_ROOT), other)))

    assert sorted(witness.path.iterdir()) == before


def test_a_checkpoint_that_the_log_did_not_sign_is_forbidden(witness: WitnessFolder, log: GrowingLog) -> None:
    stranger = LedgerSigner(LOG.name, bytes(32))
    forged = SignatureLine(LOG.name, LOG.verifier_key.key_id, bytes(64))

    with pytest.raises(Forbidden, match="expected a signature of"):
        ask(witness, request(0, sign_checkpoint(log.at(5), stranger)))
    with pytest.raises(Forbidden, match="does not hold"):
        ask(witness, request(0, log.note(6).replace(b"\n6\n", b"\n5\n")))
    with pytest.raises(Forbidden, match="does not hold"):
        ask(witness, request(0, add_signatures(sign_checkpoint(log.at(5), stranger), [forged])))


def test_a_log_whose_key_is_replaced_goes_on_under_the_new_one(tmp_path: Path, log: GrowingLog) -> None:
    new = LedgerSigner(LOG.name, bytes(range(50, 82)))
    keys = trusting(LOG.verifier_key, new.verifier_key)
    witness = create_folder(tmp_path / "w", "witness.example/w", keys, draw=bytes)
    ask(witness, log.request(0, 5))

    ask(witness, request(5, sign_checkpoint(log.at(8), new), tuple(log.prove(5, 8))))

    assert cosigned_size(witness) == 8


def test_of_two_histories_at_once_one_is_cosigned(
    witness: WitnessFolder, log: GrowingLog, forked: Callable[[int], GrowingLog]
) -> None:
    fork = forked(10)
    ask(witness, log.request(0, 10))
    bodies = [log.request(10, 20 + n) if n % 2 else fork.request(10, 20 + n) for n in range(16)]
    start, taken, refused = threading.Barrier(len(bodies)), list[int](), list[type[Exception]]()

    def race(number: int) -> None:
        start.wait()
        try:
            ask(witness, bodies[number])
            taken.append(number)
        except (OtherSize, BrokenProof) as error:
            refused.append(type(error))

    threads = [threading.Thread(target=race, args=(number,)) for number in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == 1
    assert refused == [OtherSize] * (len(bodies) - 1)
    assert cosigned_size(witness) == 20 + taken[0]


def test_a_restart_forgets_nothing(witness: WitnessFolder, log: GrowingLog) -> None:
    ask(witness, log.request(0, 5))

    again = open_folder(witness.path)

    assert again == witness
    with pytest.raises(OtherSize):
        ask(again, log.request(0, 6))
    ask(again, log.request(5, 6))


DIES = """
import os, signal, sys
from pathlib import Path
from datetime import UTC, datetime
from governance.witness import cosigning
from governance.witness.folder import open_folder

stored, step = cosigning.replace_file, sys.argv[2]
def die(*arguments):
    if step == "after":
        stored(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
cosigning.replace_file = die
clock = lambda: datetime(2026, 3, 14, 12, tzinfo=UTC)
cosigning.add_checkpoint(open_folder(Path(sys.argv[1])), sys.stdin.buffer.read(), clock=clock)
"""


@pytest.mark.parametrize(("step", "remembered"), [("before", 5), ("after", 9)])
def test_killed_between_storing_and_saying_it_contradicts_nothing_it_said(
    witness: WitnessFolder, log: GrowingLog, forked: Callable[[int], GrowingLog], step: str, remembered: int
) -> None:
    ask(witness, log.request(0, 5))
    command = [sys.executable, "-c", DIES, str(witness.path), step]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, input=log.request(5, 9), env=env, check=False, timeout=60)

    assert done.returncode == -signal.SIGKILL
    assert cosigned_size(witness) == remembered
    with pytest.raises(OtherSize if remembered == 9 else BrokenProof):
        ask(witness, forked(4).request(5, 9))
    ask(witness, log.request(remembered, 10))


def test_a_stored_checkpoint_that_was_tampered_with_stops_the_witness(
    witness: WitnessFolder, log: GrowingLog, forked: Callable[[int], GrowingLog]
) -> None:
    ask(witness, log.request(0, 5))
    stored = witness.path / DIGEST / "checkpoint"
    good = stored.read_bytes()

    for wrong in (b"", good[:-1], good.replace(b"\n5\n", b"\n4\n"), log.note(4), forked(1).note(5)):
        stored.write_bytes(wrong)
        with pytest.raises(LedgerError, match="that this witness cosigned last"):
            ask(witness, log.request(5, 6))


@pytest.mark.parametrize("digest", ["", "..", "../w1", "0" * 64, DIGEST.upper(), DIGEST + "/", f"{DIGEST}\n"])
def test_nothing_is_shown_for_an_origin_that_was_never_cosigned(
    witness: WitnessFolder, log: GrowingLog, digest: str
) -> None:
    ask(witness, log.request(0, 5))

    with pytest.raises(NotFound):
        latest(witness, digest)


def test_the_key_is_kept_for_its_owner_alone_and_never_replaced(witness: WitnessFolder) -> None:
    key = witness.path / "witness.key"

    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_text().startswith("PRIVATE+KEY+witness.example/w1+")
    with pytest.raises(Conflict, match="a witness keeps its key"):
        create_folder(witness.path, "witness.example/w1", trusting(LOG.verifier_key), draw=bytes)
    key.chmod(0o640)
    with pytest.raises(ConfigurationError, match="can be read by others"):
        open_folder(witness.path)


@pytest.mark.parametrize(("file", "content"), [("witness.key", "PRIVATE+KEY+x"), ("logs", "log x\n"), ("logs", "")])
def test_a_folder_that_is_not_a_witnesss_is_refused_by_name(witness: WitnessFolder, file: str, content: str) -> None:
    (witness.path / file).write_text(content)

    with pytest.raises(ConfigurationError, match=r"/w1: "):
        open_folder(witness.path)


def test_a_folder_that_is_missing_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="probity witness init"):
        open_folder(tmp_path / "none")


def test_a_witness_of_no_log_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="needs a log"):
        create_folder(tmp_path / "w", "witness.example/w", trusting(), draw=bytes)


def test_a_key_file_of_another_witness_cannot_go_on_from_here(
    witness: WitnessFolder, make_witness: MakeWitness, log: GrowingLog
) -> None:
    ask(witness, log.request(0, 5))
    other = replace(witness, signer=make_witness("w2").signer)

    with pytest.raises(LedgerError, match="that this witness cosigned last"):
        ask(other, log.request(5, 6))
    assert [key for key, _ in verified_lines(decode_note(latest(witness, DIGEST)), [witness.signer.witness_key])]
